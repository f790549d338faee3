import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** A message: its first byte, and the rest. The rest is valid until the next one is read. */
export interface Frame {
  readonly kind: string;
  readonly bytes: Buffer;
}

/** The ends of two pipes between this process and a child. */
export interface Pipes {
  readonly near: FramePipe;
  /** To be the child's file descriptors 3 and 4; close them here when it has them. */
  readonly far: readonly [number, number];
}

/** Longest frame that is taken; a bundle with its source is a few hundred KB. */
const FRAME_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Netstrings over a pair of pipes, read and written synchronously: requests come from callbacks of sockets and
 * must be answered before anything else happens on the board, which Node's streams cannot do.
 */
export class FramePipe {
  #from: number;
  #to: number;
  #out = Buffer.alloc(4096);
  #in = Buffer.alloc(65_536);
  #start = 0;
  #end = 0;

  constructor(from: number, to: number) {
    this.#from = from;
    this.#to = to;
  }

  /** `ms` is the board's time. */
  send(kind: string, ms: number, body: Uint8Array | string): void {
    const bodyBytes = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
    const prefix = `${bodyBytes + 9}:${kind}`;
    const length = prefix.length + 8 + bodyBytes + 1;
    if (this.#out.byteLength < length) this.#out = Buffer.alloc(2 * length);
    const out = this.#out;
    let at = out.write(prefix, "latin1");
    at = out.writeDoubleLE(ms, at);
    if (typeof body === "string") out.write(body, at);
    else out.set(body, at);
    out[length - 1] = 0x2c;
    for (let sent = 0; sent < length; ) sent += writeSync(this.#to, out, sent, length - sent);
  }

  /** `undefined` when the other side has ended. */
  receive(): Frame | undefined {
    let colon = this.#in.indexOf(0x3a, this.#start);
    while (colon < 0 || colon >= this.#end) {
      if (!this.#fill(1)) return undefined;
      colon = this.#in.indexOf(0x3a, this.#start);
    }
    const length = Number(this.#in.toString("latin1", this.#start, colon));
    if (!(length >= 1 && length <= FRAME_BYTES_MAX))
      throw new Error("XS: a frame without a length");
    const need = colon - this.#start + 1 + length + 1;
    while (this.#end - this.#start < need) if (!this.#fill(need)) return undefined;
    const first = this.#start + need - length - 1;
    this.#start += need;
    return {
      kind: String.fromCharCode(this.#in[first]),
      bytes: this.#in.subarray(first + 1, first + length),
    };
  }

  close(): void {
    closeSync(this.#from);
    closeSync(this.#to);
  }

  /** Reads more, so that `need` bytes from the start on fit. */
  #fill(need: number): boolean {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#start + need > this.#in.byteLength || this.#end === this.#in.byteLength) {
      const kept = this.#in.subarray(this.#start, this.#end);
      const room = need > this.#in.byteLength ? Buffer.alloc(2 * need) : this.#in;
      room.set(kept); // `set` moves as memmove does
      this.#in = room;
      this.#end -= this.#start;
      this.#start = 0;
    }
    const count = readSync(this.#from, this.#in, this.#end, this.#in.byteLength - this.#end, null);
    this.#end += count;
    return count > 0;
  }
}

/** Two named pipes, removed as soon as they are open: unlike Node's own pipes, reading them blocks. */
export function openPipes(): Pipes {
  const folder = mkdtempSync(path.join(tmpdir(), "hot-potato-xs-"));
  try {
    const files = ["down", "up"].map(name => path.join(folder, name));
    execFileSync("mkfifo", ["-m", "600", ...files]);
    const [down, up] = files.map(file => {
      const both = openSync(file, constants.O_RDWR); // without it each end would wait for the other
      const ends = { read: openSync(file, "r"), write: openSync(file, "w") };
      closeSync(both);
      return ends;
    });
    return { near: new FramePipe(up.read, down.write), far: [down.read, up.write] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
