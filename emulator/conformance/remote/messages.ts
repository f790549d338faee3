import type { BoardKind } from "../../src/boards/kind.ts";
import type { Peer } from "../target.ts";

/**
 * The messages between the board and the host, the program on the computer that plays the peers,
 * over the control connection. A message is a line of JSON; where it has `bytes`, so many raw bytes
 * follow it: one per character of its text.
 */

/** The result of a case, as the board reports it. */
export type Outcome =
  | { result: "ok" }
  /** The case held, up to a step that needs more than a program on the chip can see. */
  | { result: "part"; seen: string }
  | { result: "not ok"; seen: string }
  | { result: "skip"; seen: string };

/** From the board, which requests a case by connecting. `ask` is the number of a request, `peer` that of a peer. */
export type ToHost =
  | { type: "listen" | "refuse" | "echo" | "mark"; ask: number }
  | { type: "connect"; peer: number; port: number }
  | { type: "send"; peer: number; bytes: number }
  | { type: "finish" | "reset"; peer: number }
  | ({ type: "outcome"; name: string } & Outcome);

/** From the host. */
export type ToBoard =
  | { type: "play"; name: string; place: number; numbers: BoardKind }
  | { type: "end"; cases: number }
  | { type: "answer"; ask: number; port: number }
  /** A connection has arrived at the port that was the answer to `ask`. */
  | { type: "connected"; ask: number; peer: number }
  | { type: "port"; peer: number; port: number }
  | { type: "received"; peer: number; bytes: number }
  | { type: "ending"; peer: number; ending: Peer["ending"] };

const NEWLINE = 10;

/** More than the longest message has before its bytes; what is longer is no message. */
const LINE_BYTES_MAX = 4096;

/** More than any case sends or receives as one piece. */
const TEXT_BYTES_MAX = 256 * 1024;

export function encode(message: ToHost | ToBoard, text = ""): Uint8Array {
  return Uint8Array.from(`${JSON.stringify(message)}\n${text}`, character =>
    character.charCodeAt(0),
  );
}

/** Puts messages together from pieces of bytes. */
export class Inbox<Message extends ToHost | ToBoard> {
  #onMessage: (message: Message, text: string) => void;
  #line = "";
  #message: Message | undefined;
  #text = "";
  #missing = 0;

  constructor(onMessage: (message: Message, text: string) => void) {
    this.#onMessage = onMessage;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#message === undefined) {
        const end = bytes.indexOf(NEWLINE, at);
        this.#line += latin1(bytes.subarray(at, end < 0 ? bytes.byteLength : end));
        if (this.#line.length > LINE_BYTES_MAX) throw new Error(`no message: ${this.#line}`);
        if (end < 0) return;
        at = end + 1;
        this.#open(JSON.parse(this.#line));
      } else {
        const piece = bytes.subarray(at, at + this.#missing);
        this.#text += latin1(piece);
        this.#missing -= piece.byteLength;
        at += piece.byteLength;
      }
      if (this.#missing === 0) this.#close();
    }
  }

  #open(message: Message): void {
    this.#line = "";
    this.#message = message;
    this.#missing = "bytes" in message ? message.bytes : 0;
    if (this.#missing > TEXT_BYTES_MAX) throw new Error(`${this.#missing} bytes in one message`);
  }

  #close(): void {
    const message = this.#message!;
    const text = this.#text;
    this.#message = undefined;
    this.#text = "";
    this.#onMessage(message, text);
  }
}

/** The chip's stack is small: its calls take no hundreds of arguments. */
const ARGUMENTS_MAX = 64;

/** One character per byte. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.byteLength; at += ARGUMENTS_MAX) {
    text += String.fromCharCode(...bytes.subarray(at, at + ARGUMENTS_MAX));
  }
  return text;
}
