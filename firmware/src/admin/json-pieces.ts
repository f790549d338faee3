/** Characters of a long text that are escaped at a time: the engine counts from its start for each. */
const PIECE = 256;

/** JSON that lists many things, one at a time: `opening`, which ends with `[`, the values, `]}`. */
export function* listed(opening: string, values: Iterable<unknown>): Generator<string, void> {
  let before = opening;
  for (const value of values) {
    yield before + escaped(JSON.stringify(value));
    before = ",";
  }
  yield before === "," ? "]}\n" : `${before}]}\n`;
}

Object.freeze(listed.prototype);

/** A value of any size as JSON, some characters at a time. */
export function* pieces(value: object): Generator<string, void> {
  const text = JSON.stringify(value);
  for (let at = 0; at < text.length; at += PIECE) yield escaped(text.slice(at, at + PIECE));
  yield "\n";
}

Object.freeze(pieces.prototype);

/** JSON in ASCII, so that a character is a byte. */
export function escaped(json: string): string {
  let text = "";
  let from = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code < 0x7f) continue;
    text += `${json.slice(from, at)}\\u${code.toString(16).padStart(4, "0")}`;
    from = at + 1;
  }
  return from === 0 ? json : text + json.slice(from);
}
