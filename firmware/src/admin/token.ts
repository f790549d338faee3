/** Where flash keeps the token that was set at run time. */
export const TOKEN_KEY = "token";

/** Shorter ones are guessed. */
export const TOKEN_MIN = 8;
export const TOKEN_MAX = 64;

/** What may be a token: nothing that a header or a console line would cut. */
export function isToken(text: string): boolean {
  return text.length >= TOKEN_MIN && text.length <= TOKEN_MAX && /^[!-~]+$/.test(text);
}

/** Are the two equal? Takes the same time wherever they differ, so that a token cannot be guessed letter by letter. */
export function equalInConstantTime(given: string, token: string): boolean {
  let difference = given.length ^ token.length;
  for (let i = 0; i < TOKEN_MAX; i++) {
    difference |= (given.charCodeAt(i) | 0) ^ (token.charCodeAt(i) | 0);
  }
  return difference === 0;
}
