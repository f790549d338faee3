/** The bytes of text that is known to be ASCII. XS has no TextEncoder. */
export function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Bytes converted to text per call: they are passed on the engine's stack, which is small on the chip. */
const TEXT_PIECE = 32;

/** Size of the blocks that pieces are joined to first, because each concatenation copies everything. */
const TEXT_BLOCK = 512;

/** Bytes, or character codes, as text, one character each. */
export function textOf(bytes: Uint8Array | Uint16Array, start: number, end: number): string {
  let text = "";
  if (end - start > TEXT_BLOCK) {
    for (let at = start; at < end; at += TEXT_BLOCK) {
      text += textOf(bytes, at, Math.min(end, at + TEXT_BLOCK));
    }
    return text;
  }
  for (let at = start; at < end; at += TEXT_PIECE) {
    const piece = bytes.subarray(at, Math.min(end, at + TEXT_PIECE));
    text += String.fromCharCode.apply(null, piece as unknown as number[]);
  }
  return text;
}
