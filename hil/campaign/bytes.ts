import { seeded } from "net-mock-socket";

/** A prime, and longer than any stream of a run: no stream equals another one, or itself shifted. */
const PERIOD = 65_521;

/** Longest stream that differs from every other. */
export const STREAM_BYTES_MAX = PERIOD;

/** Small letters, so that no keyword and no line end is ever among them by chance. */
const TEXT = Buffer.alloc(2 * PERIOD);
const letter = seeded(1);
for (let i = 0; i < PERIOD; i++) TEXT[i] = TEXT[i + PERIOD] = 97 + Math.floor(letter() * 26);

/** Part of the stream with this number: the same for each caller. Read-only. */
export function bytesOf(stream: number, from: number, count: number): Buffer {
  const start = (stream * 7919 + from) % PERIOD;
  return TEXT.subarray(start, start + count);
}

/** Compares what arrives with the stream that it should be, byte by byte, and keeps none of it. */
export class StreamCheck {
  /** Bytes received, right or wrong. */
  count = 0;
  /** Not one byte was lost, invented or out of its place so far. */
  correct = true;
  #stream: number;
  /** How long the stream is before its tail. */
  readonly length: number;
  #tail: Buffer;

  /** `tail` stands behind `length` bytes of the stream. */
  constructor(stream: number, length: number, tail = "") {
    this.#stream = stream;
    this.length = length;
    this.#tail = Buffer.from(tail, "latin1");
  }

  get complete(): boolean {
    return this.correct && this.count === this.length + this.#tail.byteLength;
  }

  feed(bytes: Buffer): void {
    const body = Math.max(0, Math.min(bytes.byteLength, this.length - this.count));
    const right = bytesOf(this.#stream, this.count, body).equals(bytes.subarray(0, body));
    const behind = this.count + body - this.length;
    const rest = bytes.subarray(body);
    const tail = this.#tail.subarray(behind, behind + rest.byteLength);
    this.correct &&= right && (rest.byteLength === 0 || tail.equals(rest));
    this.count += bytes.byteLength;
  }
}
