import type { Cancel } from "../src/clock.ts";
import type { BoardPlatform, Listener, TCP, UDP } from "../src/platform.ts";
import { EVENTS, type Machine } from "./machine.ts";

/**
 * Answers the requests of a program on XS with the board that it runs on. The sockets of the board stay here,
 * under the numbers by which XS knows its own.
 */
export class BoardSide {
  #platform: () => BoardPlatform;
  #machine: () => Machine;
  #onRequest: (text: string) => string;
  #tcp = new Map<number, TCP>();
  #listeners = new Map<number, Listener>();
  #udp = new Map<number, UDP>();
  #alarm: Cancel | undefined;
  #scratch = Buffer.alloc(65_536);

  /** `onRequest` answers the program's own requests, `board.ask`. */
  constructor(parts: {
    platform: () => BoardPlatform;
    machine: () => Machine;
    onRequest: (text: string) => string;
  }) {
    this.#platform = parts.platform;
    this.#machine = parts.machine;
    this.#onRequest = parts.onRequest;
  }

  answer([word, ...rest]: readonly string[], body: Buffer): Uint8Array | string {
    switch (word) {
      case "read":
        return this.#read(this.#socket(rest[0]), rest[1]);
      case "write":
        return this.#write(this.#socket(rest[0]), body);
      case "new":
        return this.#connect(Number(rest[0]), rest.slice(1));
      case "bare":
        this.#tcp.set(Number(rest[0]), new this.#board.TCP());
        return "";
      case "listen":
        this.#listeners.set(
          Number(rest[0]),
          new this.#board.Listener(this.#options(Number(rest[0]), rest.slice(1))),
        );
        return "";
      case "accept":
        return this.#accept(Number(rest[0]), Number(rest[1]));
      case "udp":
        this.#udp.set(
          Number(rest[0]),
          new this.#board.UDP(this.#options(Number(rest[0]), rest.slice(1))),
        );
        return "";
      case "receive":
        return this.#receive(this.#udp.get(Number(rest[0]))!);
      case "send":
        this.#udp.get(Number(rest[0]))!.write(body, rest[1], Number(rest[2]));
        return "";
      case "join":
        this.#udp.get(Number(rest[0]))!.add(rest[1]);
        return "";
      case "leave":
        this.#udp.get(Number(rest[0]))!.remove(rest[1]);
        return "";
      case "get":
        return this.#get(Number(rest[0]), rest[1]);
      case "format":
        Reflect.set(this.#any(Number(rest[0])), "format", rest[1]);
        return "";
      case "close":
        this.#close(Number(rest[0]), rest[1] === "1");
        return "";
      case "end":
        this.#socket(rest[0]).end!();
        return "";
      case "unread":
        return this.#socket(rest[0]).unread!(body) ? "1" : "0";
      case "alarm":
        this.#setAlarm(Number(rest[0]));
        return "";
      case "heap":
        return this.#board.takeHeap(Number(rest[0])) ? "1" : "0";
      case "log":
        this.#board.log(body.toString());
        return "";
      case "ask":
        return this.#onRequest(body.toString());
      default:
        throw new Error(`not emulated: ${word}`);
    }
  }

  get #board(): BoardPlatform {
    return this.#platform();
  }

  #socket(handle: string): TCP {
    return this.#tcp.get(Number(handle))!;
  }

  #any(handle: number): TCP | Listener | UDP {
    return this.#tcp.get(handle) ?? this.#listeners.get(handle) ?? this.#udp.get(handle)!;
  }

  #read(tcp: TCP, count: string): Uint8Array {
    const bytes = Number(count);
    if (count === "all" || !(bytes > 0)) {
      const read = count === "all" ? tcp.read() : tcp.read(bytes);
      if (typeof read === "number") return Uint8Array.of(read);
      return read === undefined ? new Uint8Array() : new Uint8Array(read);
    }
    if (bytes > this.#scratch.byteLength) this.#scratch = Buffer.alloc(bytes);
    const view = this.#scratch.subarray(0, bytes);
    return tcp.read(view) === undefined ? view.subarray(0, 0) : view;
  }

  #write(tcp: TCP, body: Buffer): string {
    return numberOr(tcp.write(tcp.format === "number" ? body[0] : body));
  }

  #connect(handle: number, options: string[]): string {
    this.#tcp.set(handle, new this.#board.TCP(this.#options(handle, options)));
    const from = options.find(option => option.startsWith("from=t"));
    if (from !== undefined) this.#tcp.delete(Number(from.slice(6)));
    return "";
  }

  #accept(listener: number, handle: number): string {
    const tcp = this.#listeners.get(listener)!.read();
    if (tcp === undefined) return "-";
    this.#tcp.set(handle, tcp);
    return "";
  }

  #receive(udp: UDP): Uint8Array | string {
    const datagram = udp.read();
    if (datagram === undefined) return "";
    const { address, port } = datagram;
    return Buffer.concat([Buffer.from(`${address}\0${port}\0`), new Uint8Array(datagram)]);
  }

  #get(handle: number, name: string): string {
    const value: unknown = Reflect.get(this.#any(handle), name);
    return typeof value === "string" ? `"${value}` : numberOr(value as number | undefined);
  }

  #close(handle: number, reset: boolean): void {
    this.#any(handle).close(reset);
    this.#tcp.delete(handle);
    this.#listeners.delete(handle);
    this.#udp.delete(handle);
  }

  #setAlarm(ms: number): void {
    this.#alarm?.();
    this.#alarm = undefined;
    if (ms < 0) return;
    this.#alarm = this.#board.clock.after(ms, () => {
      this.#alarm = undefined;
      this.#machine().ringAlarm();
    });
  }

  /** The program's options; its callbacks become functions that call it. */
  #options(handle: number, options: string[]): Record<string, never> {
    const read = options.map(option => {
      const [, name, kind, text] = /^(\w+)=(.)(.*)$/s.exec(option)!;
      return [name, this.#value(handle, name, kind, text)];
    });
    return Object.fromEntries(read);
  }

  #value(handle: number, name: string, kind: string, text: string): unknown {
    switch (kind) {
      case "u":
        return undefined;
      case "z":
        return null;
      case "b":
        return text === "1";
      case "d":
        return Number(text);
      case "s":
        return text;
      case "y":
        return Symbol(name);
      case "t": {
        const socket = this.#tcp.get(Number(text));
        if (socket === undefined) throw new SyntaxError("C: xsGetHostData: invalid host data");
        return socket;
      }
      case "f": {
        const event = EVENTS.indexOf(name as (typeof EVENTS)[number]);
        return (argument?: number | string) => this.#machine().event(handle, event, argument);
      }
      default:
        return {};
    }
  }
}

function numberOr(value: number | undefined): string {
  return value === undefined ? "-" : String(value);
}
