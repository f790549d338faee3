/** Characters of a piece. */
const PIECE = 512;

/** Text in pieces, so that none has to be cut out of it in RAM. It is ASCII: a character is a byte. */
export function cut(text: string): readonly string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += PIECE) pieces.push(text.slice(at, at + PIECE));
  return Object.freeze(pieces);
}

/** Without indents and lines of comments. */
export function brief(text: string): string {
  const lines = text.split("\n").map(line => line.trim());
  return lines.filter(line => line !== "" && !line.startsWith("//")).join("\n");
}
