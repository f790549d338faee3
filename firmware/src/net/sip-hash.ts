/** Bytes of a key. */
export const SIP_KEY_BYTES = 16;

/** A key as its four words, the lowest first. */
export type SipKey = Uint32Array;

/**
 * SipHash-2-4 with 64 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): without the key the hash
 * of a text cannot be predicted, even from many hashes of other texts. `text` is ASCII. Writes the low and the high
 * word of the hash to `into` at `place`.
 */
export function sipHash(key: SipKey, text: string, into: Uint32Array, place: number): void {
  const v = new Int32Array(8); // v0 to v3, each the low word first
  for (let i = 0; i < 8; i++) v[i] = INITIAL[i] ^ key[i & 3];
  const { length } = text;
  for (let at = 0; at <= length; at += 8) {
    const low = word(text, at);
    let high = word(text, at + 4);
    if (at + 8 > length) high |= length << 24; // the last block, whose last byte is the length
    v[6] ^= low;
    v[7] ^= high;
    rounds(v, 2);
    v[0] ^= low;
    v[1] ^= high;
  }
  v[4] ^= 0xff;
  rounds(v, 4);
  into[place] = v[0] ^ v[2] ^ v[4] ^ v[6];
  into[place + 1] = v[1] ^ v[3] ^ v[5] ^ v[7];
}

/** Derives a key from a configured text; it is as hard to guess as that text. */
export function sipKeyOf(text: string): SipKey {
  const key = new Uint32Array(SIP_KEY_BYTES / 4);
  sipHash(KEY_OF_KEYS, `1${text}`, key, 0);
  sipHash(KEY_OF_KEYS, `2${text}`, key, 2);
  return key;
}

/** A random key; `random` returns numbers from 0 to less than 1. */
export function randomSipKey(random: () => number): SipKey {
  const bytes = new Uint8Array(SIP_KEY_BYTES);
  // Byte by byte: XS has 31 random bits in a number.
  for (let i = 0; i < SIP_KEY_BYTES; i++) bytes[i] = Math.floor(random() * 256);
  return new Uint32Array(bytes.buffer);
}

/** "somepseudorandomlygeneratedbytes", the initial state that SipHash defines. */
const INITIAL: readonly number[] = Object.freeze([
  0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462,
]);

/** Not secret: it only maps a text to the words of a key. */
const KEY_OF_KEYS: SipKey = Uint32Array.of(0, 0, 0, 0);

/** Four characters as a word, little-endian; 0 beyond the end. */
function word(text: string, at: number): number {
  let word = 0;
  for (let i = Math.min(at + 4, text.length) - 1; i >= at; i--) {
    word = (word << 8) | (text.charCodeAt(i) & 0xff);
  }
  return word;
}

function rounds(v: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) {
    half(v, 0, 2, 13);
    half(v, 4, 6, 16);
    swap(v, 0);
    half(v, 4, 2, 17);
    half(v, 0, 6, 21);
    swap(v, 4);
  }
}

/** v[a] += v[b]; v[b] = rotl(v[b], bits) ^ v[a], in 64 bits; `bits` is below 32. */
function half(v: Int32Array, a: number, b: number, bits: number): void {
  const low = v[b];
  const high = v[b + 1];
  const sum = (v[a] >>> 0) + (low >>> 0);
  const aLow = sum | 0;
  const aHigh = (v[a + 1] + high + (sum > 0xffff_ffff ? 1 : 0)) | 0;
  v[a] = aLow;
  v[a + 1] = aHigh;
  v[b] = ((low << bits) | (high >>> (32 - bits))) ^ aLow;
  v[b + 1] = ((high << bits) | (low >>> (32 - bits))) ^ aHigh;
}

/** v[a] = rotl(v[a], 32). */
function swap(v: Int32Array, a: number): void {
  const low = v[a];
  v[a] = v[a + 1];
  v[a + 1] = low;
}
