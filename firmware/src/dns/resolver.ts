import { BACKENDS_MAX } from "../config/settings.ts";
import type { Report } from "../log/event.ts";
import type { Cancel, Datagram, Platform, UDPSocket } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";
import {
  ANSWERS,
  CLASS_IN,
  CLASS_TOP_BIT,
  FLAG_RECURSION_DESIRED,
  FLAG_RESPONSE,
  FLAG_TRUNCATED,
  HEADER_BYTES,
  MessageReader,
  MessageWriter,
  NAME_BYTES_MAX,
  NAME_ERROR,
  NO_ERROR,
  QUESTIONS,
  RESPONSE_CODE_MASK,
  TYPE_A,
  TYPE_CNAME,
} from "./message.ts";

/** Why a name has no addresses. */
export type ResolveFailure =
  /** A server says so, or that the name has no IPv4 address. */
  | "no-such-name"
  /** No answer. */
  | "timeout"
  /** Every server that has answered cannot or does not want to resolve the name. */
  | "refused"
  /** No server is known. */
  | "no-server"
  | "no-network"
  /** Nothing but answers that are none. */
  | "malformed";

export type Resolved =
  | {
      /** 1 to `ADDRESSES_MAX` IPv4 addresses, in the order of the answer. */
      readonly addresses: readonly string[];
      /** How long they are good, within `TTL_MIN_MS` and `TTL_MAX_MS`. */
      readonly ttlMs: number;
    }
  | { readonly failure: ResolveFailure };

type Done = (result: Resolved) => void;

/** Addresses of a name that are used. */
export const ADDRESSES_MAX = 4;

/** Bounds of the time for which an answer is good: a shorter one would keep the board busy, a longer one out of date. */
export const TTL_MIN_MS = 5_000;
export const TTL_MAX_MS = 300_000;

/**
 * Time for an answer to each query of a question: then the next server is asked, behind the last one the first one again. So of
 * more than three servers the others are not asked, as with resolv.conf (MAXNS).
 */
const ANSWER_TIMEOUTS_MS = Object.freeze([1_000, 1_000, 2_000]);

/** Aliases that lead from a name to its addresses; servers follow 8 to 16. */
const ALIASES_MAX = 8;

/** Questions that wait: each backend of two configurations, of which one replaces the other, and the time server. */
const QUESTIONS_MAX = 2 * BACKENDS_MAX + 1;

const DNS_PORT = 53;

/** Multicast DNS (RFC 6762): its port, its group, its time to live in the network, and the end of its names. */
const MDNS_PORT = 5353;
const MDNS_GROUP = "224.0.0.251";
const MDNS_TIME_TO_LIVE = 255;
const MDNS_SUFFIX = ".local";

/** The dynamic ports (RFC 6335 6). */
const DYNAMIC_PORT_MIN = 49_152;
const DYNAMIC_PORTS = 16_384;

/** Bytes of a query beside its name: header, lengths of the first label and of the root, type, class. */
const QUERY_OVERHEAD_BYTES = HEADER_BYTES + 2 + 4;

interface Question {
  readonly name: string;
  readonly done: Done;
}

interface ResolverParts {
  readonly platform: Pick<Platform, "UDP" | "clock" | "link" | "random" | "putTexts">;
  readonly report: Report;
  /** IPv4 addresses of the DNS servers, the preferred one first. Called for each question. */
  servers(): readonly string[];
}

/**
 * Finds the IPv4 addresses of host names: of DNS servers (RFC 1035), and of `.local` by one-shot queries of multicast DNS
 * (RFC 6762 5.1). One name is asked for at a time, on a socket that is open only meanwhile.
 *
 * An answer is believed if a server sends it that was asked, to the random port and with the random id of the question, and it
 * repeats the question (RFC 5452). Any host of the network may answer a question of multicast DNS, from that protocol's port.
 * What is not believed changes nothing: the question goes on.
 *
 * Methods are `private` and not `#`: on XS each of those takes a slot of every object.
 */
export class Resolver {
  #parts: ResolverParts;
  /** The first one is being asked. */
  #questions: Question[] = [];
  #reader = new MessageReader();
  #socket: UDPSocket | undefined;
  #timer: Cancel | undefined;
  #isLocal = false;
  #servers: readonly string[] = [];
  /** The one that was asked last. */
  #server = "";
  /** Queries that were sent for the question. */
  #sent = 0;
  #query = new Uint8Array(0);
  #id = 0;
  /** The result if nothing better comes. */
  #failure: ResolveFailure = "timeout";

  constructor(parts: ResolverParts) {
    this.#parts = parts;
  }

  /** Asks for the addresses of `name`. `done` is called once, later, unless the returned function was called before. */
  resolve(name: string, done: Done): Cancel {
    const question: Question = { name, done };
    const questions = this.#questions;
    if (questions.length === QUESTIONS_MAX) {
      return this.#parts.platform.clock.after(0, () => done({ failure: "timeout" }));
    }
    questions.push(question);
    if (questions.length === 1) this.begin();
    return () => this.cancel(question);
  }

  /** Drops every question. */
  stop(): void {
    this.#questions = [];
    this.release();
  }

  private cancel(question: Question): void {
    const at = this.#questions.indexOf(question);
    if (at < 0) return;
    this.#questions.splice(at, 1);
    if (at > 0) return;
    this.release();
    if (this.#questions.length > 0) this.begin();
  }

  /** Begins with the first question, in the next turn: no answer comes before `resolve` has returned. */
  private begin(): void {
    this.#timer = this.#parts.platform.clock.after(0, () => this.ask());
  }

  private ask(): void {
    const { name } = this.#questions[0];
    this.#isLocal = isLocal(name);
    this.#servers = this.#isLocal ? [MDNS_GROUP] : this.#parts.servers();
    this.#sent = 0;
    this.#failure = "timeout";
    if (this.#servers.length === 0 || this.#parts.platform.UDP === undefined) {
      this.finish({ failure: "no-server" });
    } else if (this.writeQuery(name)) this.send();
    else this.finish({ failure: "no-such-name" });
  }

  /** False: no host can have this name. */
  private writeQuery(name: string): boolean {
    if (name.length > NAME_BYTES_MAX) return false;
    this.#id = this.random(0x10000);
    this.#query = new Uint8Array(name.length + QUERY_OVERHEAD_BYTES);
    const query = new MessageWriter(this.#query, this.#parts.platform.putTexts);
    query.begin(this.#id, this.#isLocal ? 0 : FLAG_RECURSION_DESIRED);
    return query.question(name, TYPE_A, this.#isLocal ? CLASS_TOP_BIT : 0);
  }

  /** Sends the query to the next server; ends the question behind the last one. */
  private send(): void {
    const { clock, link } = this.#parts.platform;
    this.#timer?.();
    if (link.address === undefined) {
      this.finish({ failure: "no-network" });
      return;
    }
    if (this.#sent === ANSWER_TIMEOUTS_MS.length) {
      this.finish({ failure: this.#failure });
      return;
    }
    const timeoutMs = ANSWER_TIMEOUTS_MS[this.#sent];
    this.#server = this.#servers[this.#sent % this.#servers.length];
    this.#sent++;
    try {
      this.#socket ??= this.open();
      this.#socket.write(this.#query, this.#server, this.#isLocal ? MDNS_PORT : DNS_PORT);
    } catch {
      // The port is in use, or memory is short, or the network is lost: as if the query had been lost on its way.
    }
    this.#timer = clock.after(timeoutMs, () => this.send());
  }

  /** On a port of its own, as stacks count theirs up. */
  private open(): UDPSocket {
    return new this.#parts.platform.UDP!({
      port: DYNAMIC_PORT_MIN + this.random(DYNAMIC_PORTS),
      ...(this.#isLocal && { timeToLive: MDNS_TIME_TO_LIVE }),
      onReadable: () => this.readAll(),
    });
  }

  private random(below: number): number {
    return Math.floor(this.#parts.platform.random() * below);
  }

  private readAll(): void {
    // An answer closes the socket.
    for (let datagram = this.#socket?.read(); datagram; datagram = this.#socket?.read()) {
      if (this.mayAnswer(datagram)) this.read(new Uint8Array(datagram), datagram.address);
    }
  }

  /** A server that was asked has sent it. */
  private mayAnswer({ address, port }: Datagram): boolean {
    if (this.#isLocal) return port === MDNS_PORT;
    const server = this.#servers.indexOf(address);
    return port === DNS_PORT && server >= 0 && server < this.#sent;
  }

  private read(bytes: Uint8Array, from: string): void {
    const reader = this.#reader;
    if (!openAsFarAsWhole(reader, bytes)) {
      this.#failure = "malformed";
      return;
    }
    if ((reader.flags & FLAG_RESPONSE) === 0) return;
    if (this.#isLocal) this.readLocal();
    else this.readAnswer(from);
  }

  private readAnswer(from: string): void {
    const reader = this.#reader;
    const { name } = this.#questions[0];
    if (reader.id !== this.#id || !asks(reader, name)) return;
    const code = reader.flags & RESPONSE_CODE_MASK;
    const result = code === NO_ERROR ? addressesOf(reader, name) : undefined;
    if (result !== undefined) this.finish(result);
    else if (reader.flags & FLAG_TRUNCATED) this.next(from, "malformed");
    else if (code === NO_ERROR || code === NAME_ERROR) this.finish({ failure: "no-such-name" });
    else this.next(from, "refused");
  }

  /** A responder repeats the id, and the question (RFC 6762 6.7); some do neither. */
  private readLocal(): void {
    const reader = this.#reader;
    if (reader.id !== this.#id && reader.id !== 0) return;
    const result = addressesOf(reader, this.#questions[0].name);
    if (result !== undefined) this.finish(result);
  }

  /** The server does not help: asks the next one, if it was not asked already. */
  private next(from: string, failure: ResolveFailure): void {
    this.#failure = failure;
    if (from === this.#server) this.send();
  }

  /** Answers the first question, and all others of the same name. */
  private finish(result: Resolved): void {
    this.release();
    const { name } = this.#questions[0];
    const answered = this.#questions.filter(each => each.name === name);
    this.#questions = this.#questions.filter(each => each.name !== name);
    if (this.#questions.length > 0) this.begin();
    for (const { done } of answered) {
      try {
        done(result);
      } catch (error) {
        const { report } = this.#parts;
        report({ level: "E", on: "net", what: "exception", error: exceptionText(error) });
      }
    }
  }

  private release(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#socket?.close();
    this.#socket = undefined;
  }
}

/** True if the name is resolved by multicast DNS, without a DNS server. */
export function isLocal(name: string): boolean {
  return name.slice(-MDNS_SUFFIX.length).toLowerCase() === MDNS_SUFFIX;
}

/** Opens a message; one that says that it was truncated may end within a record. */
function openAsFarAsWhole(reader: MessageReader, bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_BYTES) return false;
  const isWhole = reader.open(bytes);
  reader.rewind();
  return isWhole || (reader.flags & FLAG_TRUNCATED) !== 0;
}

/** The message repeats the question for `name`, and has no other. */
function asks(reader: MessageReader, name: string): boolean {
  if (reader.count(QUESTIONS) !== 1 || !reader.next()) return false;
  return reader.type === TYPE_A && reader.class === CLASS_IN && reader.nameIs(name);
}

/** The addresses of `name` among the answers, which may have aliases of it; `undefined`: none. */
function addressesOf(reader: MessageReader, name: string): Resolved | undefined {
  let ttlMs = TTL_MAX_MS;
  let owner = name;
  for (let aliases = 0; aliases <= ALIASES_MAX; aliases++) {
    const addresses: string[] = [];
    let target = -1;
    reader.rewind();
    while (reader.next() && reader.section <= ANSWERS) {
      if (reader.section < ANSWERS || reader.class !== CLASS_IN || !reader.nameIs(owner)) continue;
      if (reader.type === TYPE_CNAME) target = reader.targetAt();
      else if (!addAddress(reader.address(), addresses)) continue;
      ttlMs = Math.min(ttlMs, 1000 * reader.ttl);
    }
    if (addresses.length > 0) return { addresses, ttlMs: Math.max(ttlMs, TTL_MIN_MS) };
    const alias = target < 0 ? undefined : reader.nameAt(target);
    if (alias === undefined) return undefined;
    owner = alias;
  }
  return undefined;
}

/** False: it is none that a host has, or is there already, or there are enough. */
function addAddress(address: string | undefined, addresses: string[]): boolean {
  if (address === undefined || addresses.length === ADDRESSES_MAX) return false;
  const first = Number(address.slice(0, address.indexOf(".")));
  // 0 is what filters of advertisements answer; from 224 on there are groups, and the broadcast address.
  if (first === 0 || first >= 224 || addresses.includes(address)) return false;
  addresses.push(address);
  return true;
}
