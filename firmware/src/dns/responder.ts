import type { Report } from "../log/event.ts";
import { addressNumber } from "../net/address.ts";
import type { Cancel, Platform, UDPSocket } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";
import {
  ADDITIONALS,
  ANSWERS,
  AUTHORITIES,
  CLASS_ANY,
  CLASS_IN,
  CLASS_TOP_BIT,
  FLAG_AUTHORITATIVE,
  FLAG_RESPONSE,
  FLAG_TRUNCATED,
  MessageReader,
  MessageWriter,
  OPCODE_MASK,
  QUESTIONS,
  RESPONSE_CODE_MASK,
  TYPE_A,
  TYPE_ANY,
  TYPE_NSEC,
  TYPE_PTR,
  TYPE_SRV,
  TYPE_TXT,
} from "./message.ts";

/** Where multicast DNS is spoken (RFC 6762 3). */
export const MDNS_PORT = 5353;
export const MDNS_GROUP = "224.0.0.251";

/** Time to live of the packets: 255 (RFC 6762 11). */
const HOPS = 255;

/** The types of the two services: the page of the board, and the port that clients of the proxy connect to. */
export const PAGE_TYPE = "_http._tcp.local";
export const GATEWAY_TYPE = "_hot-potato._tcp.local";
/** The name of the types of all services (RFC 6763 9). */
const ALL_TYPES = "_services._dns-sd._udp.local";

/** Times to live of records in seconds (RFC 6762 10): of those with the host's name or address in them, and of others. */
const HOST_TTL_S = 120;
const OTHER_TTL_S = 4_500;
/** And in answers to a resolver that does not speak multicast DNS (6.7). */
const LEGACY_TTL_S = 10;

/** Probes before a name is claimed, their interval, and the random pause before the first (8.1). */
const PROBES = 3;
const PROBE_MS = 250;
/** Announcements of a claimed name, and their interval (8.3). */
const ANNOUNCEMENTS = 2;
const ANNOUNCEMENT_MS = 1_000;
/** The count of steps while no name is wanted, or all are taken. */
const NO_NAME = -1;
/** Pause of a host that has lost a tie of probes (8.2). */
const LOST_TIE_MS = 1_000;

/** A record is not multicast again for this time, or for that if a probe asks for it (6). */
const MULTICAST_MS = 1_000;
const DEFENCE_MS = 250;
/** Pause before an answer that several hosts may give: so long and up to so much longer (6). */
const SHARED_ANSWER_MS = 20;
const SHARED_ANSWER_SPREAD_MS = 100;
/** The same where further known answers follow (7.2). */
const TRUNCATED_MS = 400;

/** The last name that is tried: `NAME-9`. */
const NAMES_MAX = 9;
/** Pause before the first name is tried again, or before UDP is where it has failed. */
const RETRY_MS = 60_000;

/** Questions and records that are read in a second; further messages are dropped, so a flood of them does not keep the board busy. */
const ENTRIES_PER_SECOND = 500;
/** Answers by unicast in a second. */
const UNICASTS_PER_SECOND = 10;
const SECOND_MS = 1_000;

// A record of the board is a bit of a mask. The host's records come first, then those of each service.
const ADDRESS = 0;
const NO_OTHER_ADDRESS = 1;
const SERVICE = 2;
// The records of a service, counted from its first one.
const POINTER = 0;
const LOCATION = 1;
const TEXTS = 2;
const TYPE_POINTER = 3;
const NO_OTHER_DATA = 4;
const RECORDS_PER_SERVICE = 5;

const SERVICES = 2;
const PAGE = 0;
const RECORDS = SERVICE + SERVICES * RECORDS_PER_SERVICE;

const HOST_TYPES = Object.freeze([TYPE_A]);
const SERVICE_TYPES = Object.freeze([TYPE_TXT, TYPE_SRV]);

/** The name of the board, and the ports that are found by it. */
export interface Advertised {
  /** The wanted name, without `.local`; empty: the board has none, and answers no question. */
  readonly hostname: string;
  /** The port of the page; 0: there is none. */
  readonly adminPort: number;
  /** The first port of the proxy. */
  readonly port: number;
  /** Strings of the proxy's TXT record, `key=value`. */
  readonly texts: readonly string[];
}

export interface ResponderParts {
  readonly platform: Platform;
  readonly report: Report;
}

/**
 * Multicast DNS (RFC 6762) and service discovery (RFC 6763): claims `NAME.local`, or `NAME-2.local` and so on where others have
 * it, and answers questions for it and for the services of the board. It holds no queue: what is to be answered is a set of
 * records, and a record that was sent a moment ago is not sent again.
 */
export class Responder {
  #parts: ResponderParts;
  #advertised: Advertised | undefined;
  #socket: UDPSocket | undefined;
  #address = "";
  /** The address before: announcements of it may still come back when there is another one. */
  #lastAddress = "";
  /** 1 for the wanted name, 2 for `NAME-2`. */
  #attempt = 1;
  #host = "";
  /** By service. */
  #instances: string[] = [];
  /** Without an admin port there is no page. */
  #firstService = PAGE;
  /** Probes and announcements that were sent since the name was chosen; `NO_NAME` while none is wanted. */
  #steps = NO_NAME;
  #alarm: Cancel | undefined;

  /** Records that are to be multicast when `#answerAlarm` rings. */
  #pending = 0;
  #answerAlarm: Cancel | undefined;
  /** The sender of a truncated query, whose known answers follow, and the answers to it. */
  #truncatedFrom = "";
  #truncated = 0;
  #truncatedAlarm: Cancel | undefined;

  /** When each record was multicast last, in milliseconds since boot. */
  #sentMs = new Float64Array(RECORDS);
  #secondMs = 0;
  #entries = 0;
  #unicasts = 0;

  #scratch: Uint8Array;
  #reader = new MessageReader();
  #writer: MessageWriter;

  /** In `scratch` messages are built, which are sent at once. */
  constructor(parts: ResponderParts, scratch: Uint8Array) {
    this.#parts = parts;
    this.#scratch = scratch;
    this.#writer = new MessageWriter(scratch, parts.platform.putTexts);
  }

  /** The name that the board has, such as `hot-potato.local`; `undefined` until it is claimed. */
  get name(): string | undefined {
    return this.isClaimed ? this.#host : undefined;
  }

  /** To be called when the configuration or the board's address has changed. */
  update(advertised: Advertised): void {
    const address = this.#parts.platform.link.address ?? "";
    const before = this.#advertised;
    const isSameName = before?.hostname === advertised.hostname;
    const isSame =
      isSameName && before.adminPort === advertised.adminPort && before.port === advertised.port;
    if (isSame && address === this.#address) return;
    if (!isSameName) this.#attempt = 1;
    if (address === this.#address) this.stop();
    else {
      if (this.#address !== "") this.#lastAddress = this.#address;
      this.close();
    }
    this.#advertised = advertised;
    this.#address = address;
    if (advertised.hostname !== "" && address !== "") this.open();
  }

  /** Takes the name back and closes the socket. */
  stop(): void {
    if (this.isClaimed) this.multicast(this.all(), 0, true);
    this.close();
  }

  private get isClaimed(): boolean {
    return this.#steps > PROBES;
  }

  private close(): void {
    this.#steps = NO_NAME;
    this.#alarm?.();
    this.#alarm = undefined;
    this.dropAnswers();
    this.#socket?.close();
    this.#socket = undefined;
    this.#advertised = undefined;
    this.#address = "";
  }

  private dropAnswers(): void {
    this.#pending = 0;
    this.#answerAlarm?.();
    this.#answerAlarm = undefined;
    this.#truncatedFrom = "";
    this.#truncatedAlarm?.();
    this.#truncatedAlarm = undefined;
  }

  private open(): void {
    const { platform, report } = this.#parts;
    try {
      this.#socket = new platform.UDP!({
        port: MDNS_PORT,
        timeToLive: HOPS,
        onReadable: datagrams => this.receive(datagrams),
      });
      this.#socket.add!(MDNS_GROUP);
    } catch (error) {
      this.#socket?.close();
      this.#socket = undefined;
      report({ level: "W", on: "mdns", what: "failed", error: String(error) });
      this.after(RETRY_MS, () => this.open());
      return;
    }
    this.probe(PROBE_MS * platform.random());
  }

  /** Chooses the name of this attempt, and probes for it after a pause. */
  private probe(pauseMs: number): void {
    const { hostname, adminPort } = this.#advertised!;
    this.#firstService = adminPort === 0 ? PAGE + 1 : PAGE;
    const label = this.#attempt === 1 ? hostname : `${hostname}-${this.#attempt}`;
    this.#host = `${label}.local`;
    this.#instances = [`${label}.${PAGE_TYPE}`, `${label}.${GATEWAY_TYPE}`];
    this.#steps = 0;
    this.#sentMs.fill(Number.NEGATIVE_INFINITY);
    this.dropAnswers();
    this.after(pauseMs);
  }

  private step(): void {
    const step = this.#steps++;
    if (step < PROBES) {
      this.sendProbe();
      this.after(PROBE_MS);
      return;
    }
    if (step === PROBES) {
      const name = this.#host;
      const ip = this.#address;
      this.#parts.report({ level: "I", on: "mdns", what: "claimed", name, ip });
    }
    this.multicast(this.all(), 0);
    if (step + 1 < PROBES + ANNOUNCEMENTS) this.after(ANNOUNCEMENT_MS);
  }

  private after(ms: number, task = () => this.step()): void {
    this.#alarm?.();
    this.#alarm = this.#parts.platform.clock.after(ms, () => {
      this.#alarm = undefined;
      try {
        task();
      } catch (error) {
        this.failed(error);
      }
    });
  }

  /** Another host has the name. */
  private conflict(): void {
    const name = this.#host;
    this.#parts.report({ level: "W", on: "mdns", what: "conflict", name });
    if (this.isClaimed) {
      // Probe for it again: if the other host does not give way, that is the next conflict (RFC 6762 9).
      this.probe(0);
      return;
    }
    if (++this.#attempt <= NAMES_MAX) {
      this.probe(PROBE_MS * this.#parts.platform.random());
      return;
    }
    this.#attempt = 1;
    this.#steps = NO_NAME;
    this.after(RETRY_MS, () => this.probe(0));
  }

  /** An exception that leaves a callback reboots the chip. */
  private failed(error: unknown): void {
    const { report } = this.#parts;
    report({ level: "E", on: "mdns", what: "exception", error: exceptionText(error) });
  }

  // Receiving

  private receive(datagrams: number): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    try {
      for (let i = 0; i < datagrams; i++) {
        const datagram = socket.read();
        if (datagram === undefined) return;
        if (this.isBusy()) continue;
        const { address, port } = datagram;
        if (this.#reader.open(new Uint8Array(datagram))) this.take(address, port);
        this.#reader.close();
      }
    } catch (error) {
      this.failed(error);
    }
  }

  /** True while as much was read in this second as may be. */
  private isBusy(): boolean {
    const nowMs = this.#parts.platform.clock.now();
    if (nowMs - this.#secondMs >= SECOND_MS) {
      this.#secondMs = nowMs;
      this.#entries = 0;
      this.#unicasts = 0;
    }
    return this.#entries++ >= ENTRIES_PER_SECOND;
  }

  private take(address: string, port: number): void {
    if (this.#steps === NO_NAME) return;
    const reader = this.#reader;
    const isProbe = reader.count(AUTHORITIES) > 0;
    this.#entries += reader.count(QUESTIONS) + reader.count(ANSWERS) + reader.count(ADDITIONALS);
    if ((reader.flags & (OPCODE_MASK | RESPONSE_CODE_MASK)) !== 0) return;
    if ((reader.flags & FLAG_RESPONSE) !== 0) {
      if (port === MDNS_PORT && this.isContested()) this.conflict();
    } else if (this.isClaimed) {
      this.answer(address, port, isProbe);
    } else if (isProbe && this.losesTie()) {
      this.probe(LOST_TIE_MS);
    }
  }

  /** True if the response has a record of one of our names that is not ours. */
  private isContested(): boolean {
    const reader = this.#reader;
    while (reader.next()) {
      const { section } = reader;
      if (section !== ANSWERS && section !== ADDITIONALS) continue;
      if (reader.class !== CLASS_IN || reader.ttl === 0 || reader.type === TYPE_NSEC) continue;
      if (reader.nameIs(this.#host)) {
        const address = reader.address();
        if (address === undefined) return true; // of another type
        if (address !== this.#address && address !== this.#lastAddress) return true;
        continue;
      }
      if (reader.type !== TYPE_SRV) continue;
      for (let service = this.#firstService; service < SERVICES; service++) {
        if (reader.nameIs(this.#instances[service]) && !this.isLocation(service)) return true;
      }
    }
    return false;
  }

  /** True if the current record, of type SRV, says where our service is. */
  private isLocation(service: number): boolean {
    const reader = this.#reader;
    return reader.port() === this.portOf(service) && reader.nameIs(this.#host, reader.targetAt());
  }

  /**
   * True if another host probes for our name at the same time and wins the tie: its records come later in the order of type and data
   * (RFC 6762 8.2). Ours is one address, so its lowest address is compared, or else it has later types only.
   */
  private losesTie(): boolean {
    const reader = this.#reader;
    let theirs = Number.POSITIVE_INFINITY;
    let hasRecord = false;
    while (reader.next()) {
      if (reader.section !== AUTHORITIES || !reader.nameIs(this.#host)) continue;
      hasRecord = true;
      const address = reader.address();
      if (address !== undefined) theirs = Math.min(theirs, addressNumber(address));
    }
    return hasRecord && theirs > addressNumber(this.#address);
  }

  private answer(address: string, port: number, isProbe: boolean): void {
    const reader = this.#reader;
    const isLegacy = port !== MDNS_PORT;
    let unicast = 0;
    let multicast = 0;
    let known = 0;
    while (reader.next()) {
      if (reader.section === QUESTIONS) {
        const answers = this.answersTo();
        if (isLegacy || reader.hasTopBit) unicast |= answers;
        else multicast |= answers;
      } else if (reader.section === ANSWERS && !isLegacy) {
        known |= this.knownAnswer();
      }
    }
    if (isLegacy) {
      if (unicast !== 0) this.sendLegacy(unicast, address, port);
      return;
    }
    if (reader.count(QUESTIONS) === 0) {
      if (address === this.#truncatedFrom) this.#truncated &= ~known;
      return;
    }
    const stale = this.notMulticastLately(unicast);
    multicast = (multicast | stale) & ~known;
    unicast &= ~(stale | known);
    if (unicast !== 0) this.sendUnicast(unicast, known, address);
    if (multicast === 0) return;
    if (isProbe) this.multicast(this.notWithin(multicast, DEFENCE_MS), known);
    else if ((reader.flags & FLAG_TRUNCATED) !== 0 && this.#truncatedFrom === "") {
      this.answerTruncated(multicast, address);
    } else this.answerLater(multicast);
  }

  /** The records that answer the current question. */
  private answersTo(): number {
    const reader = this.#reader;
    const { type } = reader;
    if (reader.class !== CLASS_IN && reader.class !== CLASS_ANY) return 0;
    const isAny = type === TYPE_ANY;
    if (reader.nameIs(this.#host)) {
      return type === TYPE_A || isAny ? 1 << ADDRESS : 1 << NO_OTHER_ADDRESS;
    }
    const isPointer = isAny || type === TYPE_PTR;
    let answers = 0;
    for (let service = this.#firstService; service < SERVICES; service++) {
      const first = SERVICE + service * RECORDS_PER_SERVICE;
      if (reader.nameIs(this.#instances[service])) {
        if (isAny || type === TYPE_SRV) answers |= 1 << (first + LOCATION);
        if (isAny || type === TYPE_TXT) answers |= 1 << (first + TEXTS);
        if (answers === 0) answers = 1 << (first + NO_OTHER_DATA);
        return answers;
      }
      if (isPointer && reader.nameIs(typeOf(service))) answers |= 1 << (first + POINTER);
      if (isPointer && reader.nameIs(ALL_TYPES)) answers |= 1 << (first + TYPE_POINTER);
    }
    return answers;
  }

  /** The record of ours that the current known answer is; 0 if it is none, or will be forgotten soon (RFC 6762 7.1). */
  private knownAnswer(): number {
    const reader = this.#reader;
    const { type } = reader;
    if (type === TYPE_A) {
      const isOurs = reader.nameIs(this.#host) && reader.address() === this.#address;
      return isOurs && isFresh(reader.ttl, HOST_TTL_S) ? 1 << ADDRESS : 0;
    }
    for (let service = this.#firstService; service < SERVICES; service++) {
      const first = SERVICE + service * RECORDS_PER_SERVICE;
      if (type === TYPE_PTR) {
        if (!isFresh(reader.ttl, OTHER_TTL_S)) continue;
        const target = reader.targetAt();
        const name = typeOf(service);
        if (reader.nameIs(name) && reader.nameIs(this.#instances[service], target)) {
          return 1 << (first + POINTER);
        }
        if (reader.nameIs(ALL_TYPES) && reader.nameIs(name, target)) {
          return 1 << (first + TYPE_POINTER);
        }
      } else if (reader.nameIs(this.#instances[service])) {
        if (type === TYPE_SRV && isFresh(reader.ttl, HOST_TTL_S) && this.isLocation(service)) {
          return 1 << (first + LOCATION);
        }
        if (isFresh(reader.ttl, OTHER_TTL_S) && reader.textsAre(this.textsOf(service))) {
          return 1 << (first + TEXTS);
        }
      }
    }
    return 0;
  }

  // Answering

  /** Multicasts the answers at once if no other host has such records, else after a random pause. */
  private answerLater(answers: number): void {
    const isShared = (answers & SHARED) !== 0;
    this.#pending |= answers;
    if (!isShared) this.sendPending();
    else if (this.#answerAlarm === undefined) {
      const ms = SHARED_ANSWER_MS + SHARED_ANSWER_SPREAD_MS * this.#parts.platform.random();
      this.#answerAlarm = this.#parts.platform.clock.after(ms, () => this.sendPending());
    }
  }

  private sendPending(): void {
    this.#answerAlarm?.();
    this.#answerAlarm = undefined;
    const pending = this.#pending;
    this.#pending = 0;
    try {
      this.multicast(this.notWithin(pending, MULTICAST_MS), 0);
    } catch (error) {
      this.failed(error);
    }
  }

  private answerTruncated(answers: number, address: string): void {
    const { clock, random } = this.#parts.platform;
    this.#truncatedFrom = address;
    this.#truncated = answers;
    this.#truncatedAlarm = clock.after(TRUNCATED_MS + SHARED_ANSWER_SPREAD_MS * random(), () => {
      this.#truncatedFrom = "";
      this.#truncatedAlarm = undefined;
      this.#pending |= this.#truncated;
      this.sendPending();
    });
  }

  /** The records that were not multicast within `ms`. */
  private notWithin(records: number, ms: number): number {
    const nowMs = this.#parts.platform.clock.now();
    let rest = records;
    for (let record = 0; record < RECORDS; record++) {
      if (nowMs - this.#sentMs[record] < ms) rest &= ~(1 << record);
    }
    return rest;
  }

  /** The records that were not multicast for a quarter of their time to live: other caches want them, too (5.4). */
  private notMulticastLately(records: number): number {
    const nowMs = this.#parts.platform.clock.now();
    let stale = records;
    for (let record = 0; record < RECORDS; record++) {
      if (nowMs - this.#sentMs[record] < ttlOf(record) * (SECOND_MS / 4)) stale &= ~(1 << record);
    }
    return stale;
  }

  /** Sends records to all. With `isGoodbye` they are taken back. */
  private multicast(answers: number, known: number, isGoodbye = false): void {
    if (answers === 0) return;
    this.#writer.begin(0, FLAG_RESPONSE | FLAG_AUTHORITATIVE);
    let sent = this.put(answers, ANSWERS, CLASS_TOP_BIT, isGoodbye ? 0 : OTHER_TTL_S);
    if (!isGoodbye) {
      sent |= this.put(
        this.additionalsTo(answers) & ~known,
        ADDITIONALS,
        CLASS_TOP_BIT,
        OTHER_TTL_S,
      );
    }
    const nowMs = this.#parts.platform.clock.now();
    for (let record = 0; record < RECORDS; record++) {
      if ((sent & (1 << record)) !== 0) this.#sentMs[record] = nowMs;
    }
    this.send(MDNS_GROUP, MDNS_PORT);
  }

  private sendUnicast(answers: number, known: number, address: string): void {
    if (this.#unicasts++ >= UNICASTS_PER_SECOND) return;
    this.#writer.begin(0, FLAG_RESPONSE | FLAG_AUTHORITATIVE);
    this.put(answers, ANSWERS, CLASS_TOP_BIT, OTHER_TTL_S);
    this.put(this.additionalsTo(answers) & ~known, ADDITIONALS, CLASS_TOP_BIT, OTHER_TTL_S);
    this.send(address, MDNS_PORT);
  }

  /** Answers a resolver that sends from another port, as unicast DNS does (6.7): with its id and its questions. */
  private sendLegacy(answers: number, address: string, port: number): void {
    if (this.#unicasts++ >= UNICASTS_PER_SECOND) return;
    const reader = this.#reader;
    this.#writer.begin(reader.id, FLAG_RESPONSE | FLAG_AUTHORITATIVE);
    reader.rewind();
    while (reader.next() && reader.section === QUESTIONS) {
      const name = this.answersTo() === 0 ? undefined : reader.nameAt(reader.at);
      if (name !== undefined) this.#writer.question(name, reader.type);
    }
    this.put(answers, ANSWERS, 0, LEGACY_TTL_S);
    this.put(this.additionalsTo(answers), ADDITIONALS, 0, LEGACY_TTL_S);
    this.send(address, port);
  }

  /** Asks whether another host has our names, and says what we would put there. */
  private sendProbe(): void {
    const writer = this.#writer;
    writer.begin(0, 0);
    writer.question(this.#host, TYPE_ANY, CLASS_TOP_BIT);
    for (let service = this.#firstService; service < SERVICES; service++) {
      writer.question(this.#instances[service], TYPE_ANY, CLASS_TOP_BIT);
    }
    let proposed = 1 << ADDRESS;
    for (let service = this.#firstService; service < SERVICES; service++) {
      const first = SERVICE + service * RECORDS_PER_SERVICE;
      proposed |= (1 << (first + LOCATION)) | (1 << (first + TEXTS));
    }
    this.put(proposed, AUTHORITIES, 0, OTHER_TTL_S);
    this.send(MDNS_GROUP, MDNS_PORT);
  }

  private send(address: string, port: number): void {
    try {
      this.#socket!.write(this.#scratch.subarray(0, this.#writer.length), address, port);
    } catch {
      // A lost datagram: no memory, or no network. Who asked will ask again.
    }
  }

  // Records

  /** All records that the board announces. */
  private all(): number {
    let all = 1 << ADDRESS;
    for (let service = this.#firstService; service < SERVICES; service++) {
      all |= ANNOUNCED << (SERVICE + service * RECORDS_PER_SERVICE);
    }
    return all;
  }

  /** The records that a host needs behind these (RFC 6763 12). */
  private additionalsTo(answers: number): number {
    let all = answers;
    for (let service = this.#firstService; service < SERVICES; service++) {
      const first = SERVICE + service * RECORDS_PER_SERVICE;
      if ((all & (1 << (first + POINTER))) !== 0) {
        all |= (1 << (first + LOCATION)) | (1 << (first + TEXTS));
      }
      if ((all & (1 << (first + LOCATION))) !== 0) all |= 1 << ADDRESS;
    }
    if ((all & (1 << ADDRESS)) !== 0) all |= 1 << NO_OTHER_ADDRESS;
    return all & ~answers;
  }

  /**
   * Writes records of the mask, as far as they fit; returns those that did. `top`: the cache-flush bit of records that no other host
   * has, or 0. No time to live is above `ttlMax`.
   */
  private put(records: number, section: number, top: number, ttlMax: number): number {
    let written = 0;
    for (let record = 0; record < RECORDS; record++) {
      const bit = 1 << record;
      if ((records & bit) === 0) continue;
      const ttl = Math.min(ttlOf(record), ttlMax);
      if (this.putRecord(record, section, (bit & SHARED) === 0 ? top : 0, ttl)) written |= bit;
    }
    return written;
  }

  private putRecord(record: number, section: number, top: number, ttl: number): boolean {
    const writer = this.#writer;
    if (record === ADDRESS) return writer.a(section, this.#host, top, ttl, this.#address);
    if (record === NO_OTHER_ADDRESS) return writer.nsec(section, this.#host, top, ttl, HOST_TYPES);
    const service = Math.floor((record - SERVICE) / RECORDS_PER_SERVICE);
    const instance = this.#instances[service];
    const type = typeOf(service);
    switch ((record - SERVICE) % RECORDS_PER_SERVICE) {
      case POINTER:
        return writer.ptr(section, type, top, ttl, instance);
      case LOCATION:
        return writer.srv(section, instance, top, ttl, this.portOf(service), this.#host);
      case TEXTS:
        return writer.txt(section, instance, top, ttl, this.textsOf(service));
      case TYPE_POINTER:
        return writer.ptr(section, ALL_TYPES, top, ttl, type);
      default:
        return writer.nsec(section, instance, top, ttl, SERVICE_TYPES);
    }
  }

  private portOf(service: number): number {
    return service === PAGE ? this.#advertised!.adminPort : this.#advertised!.port;
  }

  private textsOf(service: number): readonly string[] {
    return service === PAGE ? PAGE_TEXTS : this.#advertised!.texts;
  }
}

/** Where the page is on its port (RFC 6763 and the registry of `_http._tcp`). */
const PAGE_TEXTS = Object.freeze(["path=/"]);

/** The records of a service that are announced. */
const ANNOUNCED = (1 << POINTER) | (1 << LOCATION) | (1 << TEXTS) | (1 << TYPE_POINTER);

/** The records whose names other hosts have records of, too: of one service. */
const SHARED_OF_SERVICE = (1 << POINTER) | (1 << TYPE_POINTER);
const SHARED =
  (SHARED_OF_SERVICE << SERVICE) | (SHARED_OF_SERVICE << (SERVICE + RECORDS_PER_SERVICE));

function typeOf(service: number): string {
  return service === PAGE ? PAGE_TYPE : GATEWAY_TYPE;
}

function ttlOf(record: number): number {
  if (record < SERVICE) return HOST_TTL_S;
  const kind = (record - SERVICE) % RECORDS_PER_SERVICE;
  return kind === LOCATION || kind === NO_OTHER_DATA ? HOST_TTL_S : OTHER_TTL_S;
}

/** True if a known answer has half of its time to live left. */
function isFresh(leftS: number, ttl: number): boolean {
  return leftS >= ttl / 2;
}
