import type { EventEmitter } from "node:events";
import { type Answer, decode, encode, type Packet, TRUNCATED_RESPONSE } from "dns-packet";
import type { Cancel, Clock } from "./clock.ts";

/** The records of a name. */
export interface DnsRecords {
  /** IPv4 addresses; none of an alias. */
  readonly addresses?: readonly string[];
  /** The name that this one stands for. */
  readonly alias?: string;
  /** Time to live in seconds. */
  readonly ttl?: number;
}

/**
 * How the server misbehaves:
 *
 * - `silent`: receives questions and answers none, as if it were down
 * - `servfail`, `refused`: answers with that code
 * - `wrong-id`, `wrong-question`: answers with the lie's address, and the id or name of another question, as forgers do
 * - `query`: sends the question back, without the bit of an answer
 * - `truncated`: says that the answer is longer than a datagram, and sends none of it
 * - `cut`: sends the first half of the answer
 * - `garbage`: sends bytes that are no message
 */
export type DnsFault =
  | "silent"
  | "servfail"
  | "refused"
  | "wrong-id"
  | "wrong-question"
  | "query"
  | "truncated"
  | "cut"
  | "garbage";

/** The address in forged answers. */
export const FORGED_ADDRESS = "203.0.113.66";

const DEFAULT_TTL_S = 60;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const REFUSED = 5;

/** A socket of `node:dgram`, or of a simulated host. */
interface Datagrams extends EventEmitter {
  bind(port: number): unknown;
  send(bytes: Uint8Array, port: number, address: string): unknown;
  close(): unknown;
}

interface DnsServerParts {
  readonly clock: Clock;
  /** `node:dgram`, or a host of a simulated network. */
  readonly host: { createSocket(type: "udp4"): Datagrams };
  readonly port?: number;
}

/** A DNS server whose answers a test scripts. It knows A and CNAME records; other types of a known name have no answer. */
export class DnsServer {
  /** Questions that came, in order. */
  readonly asked: string[] = [];
  /** Time until an answer. */
  delayMs = 0;
  fault: DnsFault | undefined;
  #clock: Clock;
  #socket: Datagrams;
  #zone = new Map<string, DnsRecords>();
  /** Cancel the answers that are delayed. */
  #delayed = new Set<Cancel>();

  constructor({ clock, host, port = 53 }: DnsServerParts) {
    this.#clock = clock;
    this.#socket = host.createSocket("udp4");
    this.#socket.on("message", (bytes: Buffer, from: { address: string; port: number }) => {
      this.#received(bytes, from);
    });
    this.#socket.bind(port);
  }

  /** Sets the addresses of a name, or other records; with `undefined` there is no such name. */
  set(name: string, records: readonly string[] | DnsRecords | undefined, ttl?: number): void {
    const key = name.toLowerCase();
    if (records === undefined) this.#zone.delete(key);
    else if (Array.isArray(records)) this.#zone.set(key, { addresses: records, ttl });
    else this.#zone.set(key, records as DnsRecords);
  }

  close(): void {
    for (const cancel of this.#delayed) cancel();
    this.#delayed.clear();
    this.#socket.close();
  }

  #received(bytes: Buffer, from: { address: string; port: number }): void {
    let query: Packet;
    try {
      query = decode(bytes);
    } catch {
      return; // no message
    }
    const [question] = query.questions ?? [];
    if (query.type !== "query" || question === undefined) return;
    this.asked.push(question.name.toLowerCase());
    const answer = this.#answerTo(query, bytes);
    if (answer === undefined) return;
    const send = () => this.#socket.send(answer, from.port, from.address);
    if (this.delayMs === 0) {
      send();
      return;
    }
    const cancel = this.#clock.after(this.delayMs, () => {
      this.#delayed.delete(cancel);
      send();
    });
    this.#delayed.add(cancel);
  }

  #answerTo(query: Packet, bytes: Buffer): Uint8Array | undefined {
    const { fault } = this;
    const [question] = query.questions!;
    const { name } = question;
    const forged: Answer[] = [{ type: "A", name, ttl: DEFAULT_TTL_S, data: FORGED_ADDRESS }];
    switch (fault) {
      case undefined:
        return encode(this.#response(query));
      case "silent":
        return undefined;
      case "servfail":
        return encode({ ...responseTo(query), flags: SERVFAIL });
      case "refused":
        return encode({ ...responseTo(query), flags: REFUSED });
      case "wrong-id":
        return encode({ ...responseTo(query), id: (query.id! + 1) & 0xffff, answers: forged });
      case "wrong-question": {
        const questions = [{ ...question, name: `x${name}` }];
        return encode({ ...responseTo(query), questions, answers: forged });
      }
      case "query":
        return bytes;
      case "truncated":
        return encode({ ...responseTo(query), flags: TRUNCATED_RESPONSE });
      case "cut": {
        const whole = encode(this.#response(query));
        return whole.subarray(0, whole.length >> 1);
      }
      case "garbage":
        return new Uint8Array(bytes.length).fill(0xff);
    }
  }

  #response(query: Packet): Packet {
    const [{ name, type }] = query.questions!;
    const answers: Answer[] = [];
    let owner = name;
    // Each alias once: a circle of them is answered as it is.
    for (let links = 0; links <= this.#zone.size; links++) {
      const records = this.#zone.get(owner.toLowerCase());
      if (records === undefined) break;
      const { addresses = [], alias, ttl = DEFAULT_TTL_S } = records;
      if (type === "A") {
        for (const data of addresses) answers.push({ type: "A", name: owner, ttl, data });
      }
      if (alias === undefined) break;
      answers.push({ type: "CNAME", name: owner, ttl, data: alias });
      owner = alias;
    }
    const exists = this.#zone.has(name.toLowerCase());
    return { ...responseTo(query), flags: exists ? 0 : NXDOMAIN, answers };
  }
}

function responseTo({ id, questions }: Packet): Packet {
  return { type: "response", id, questions };
}
