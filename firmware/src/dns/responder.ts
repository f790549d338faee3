import type { Report } from "../log/event.ts";
import type { Cancel, Platform, UDPSocket } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";
import {
  type Advertised,
  BoardRecords,
  LEGACY_TTL_S,
  OTHER_TTL_S,
  RECORDS,
  SHARED,
  ttlOf,
} from "./board-records.ts";
import {
  ADDITIONALS,
  ANSWERS,
  AUTHORITIES,
  CLASS_TOP_BIT,
  FLAG_AUTHORITATIVE,
  FLAG_RESPONSE,
  FLAG_TRUNCATED,
  MessageReader,
  MessageWriter,
  OPCODE_MASK,
  QUESTIONS,
  RESPONSE_CODE_MASK,
} from "./message.ts";

/** Where multicast DNS is spoken (RFC 6762 3). */
export const MDNS_PORT = 5353;
export const MDNS_GROUP = "224.0.0.251";

/** Time to live of the packets: 255 (RFC 6762 11). */
const HOPS = 255;

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
/** Pause before the first name is tried again when all are taken, and before UDP is opened again after a failure. */
const RETRY_MS = 60_000;

/** Questions and records that are read in a second; further messages are dropped, so a flood of them does not keep the board busy. */
const ENTRIES_PER_SECOND = 500;
/** Answers by unicast in a second. */
const UNICASTS_PER_SECOND = 10;
const SECOND_MS = 1_000;

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
  #records: BoardRecords;
  #socket: UDPSocket | undefined;
  /** 1 for the wanted name, 2 for `NAME-2`. */
  #attempt = 1;
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
    this.#records = new BoardRecords(this.#reader, this.#writer);
  }

  /** The name that the board has, such as `hot-potato.local`; `undefined` until it is claimed. */
  get name(): string | undefined {
    return this.isClaimed ? this.#records.host : undefined;
  }

  /** To be called when the configuration or the board's address has changed. */
  update(advertised: Advertised): void {
    const records = this.#records;
    const address = this.#parts.platform.link.address ?? "";
    const before = records.advertised;
    const isSameName = before?.hostname === advertised.hostname;
    const isSame =
      isSameName && before.adminPort === advertised.adminPort && before.port === advertised.port;
    if (isSame && address === records.address) return;
    if (!isSameName) this.#attempt = 1;
    if (address === records.address) this.stop();
    else {
      if (records.address !== "") records.lastAddress = records.address;
      this.close();
    }
    records.advertised = advertised;
    records.address = address;
    if (advertised.hostname !== "" && address !== "") this.open();
  }

  /** Takes the name back and closes the socket. */
  stop(): void {
    if (this.isClaimed) this.multicast(this.#records.all(), 0, true);
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
    this.#records.advertised = undefined;
    this.#records.address = "";
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
    const { hostname } = this.#records.advertised!;
    this.#records.choose(this.#attempt === 1 ? hostname : `${hostname}-${this.#attempt}`);
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
      const name = this.#records.host;
      const ip = this.#records.address;
      this.#parts.report({ level: "I", on: "mdns", what: "claimed", name, ip });
    }
    this.multicast(this.#records.all(), 0);
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
    const name = this.#records.host;
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
    for (let section = QUESTIONS; section <= ADDITIONALS; section++) {
      this.#entries += reader.count(section);
    }
    if ((reader.flags & (OPCODE_MASK | RESPONSE_CODE_MASK)) !== 0) return;
    if ((reader.flags & FLAG_RESPONSE) !== 0) {
      if (port === MDNS_PORT && this.#records.isContested()) this.conflict();
    } else if (this.isClaimed) {
      this.answer(address, port, isProbe);
    } else if (isProbe && this.#records.losesTie()) {
      this.probe(LOST_TIE_MS);
    }
  }

  private answer(address: string, port: number, isProbe: boolean): void {
    const reader = this.#reader;
    const isLegacy = port !== MDNS_PORT;
    let unicast = 0;
    let multicast = 0;
    let known = 0;
    while (reader.next()) {
      if (reader.section === QUESTIONS) {
        const answers = this.#records.answersTo();
        if (isLegacy || reader.hasTopBit) unicast |= answers;
        else multicast |= answers;
      } else if (reader.section === ANSWERS && !isLegacy) {
        known |= this.#records.knownAnswer();
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
    let sent = this.#records.put(answers, ANSWERS, CLASS_TOP_BIT, isGoodbye ? 0 : OTHER_TTL_S);
    if (!isGoodbye) {
      sent |= this.#records.put(
        this.#records.additionalsTo(answers) & ~known,
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
    this.#records.put(answers, ANSWERS, CLASS_TOP_BIT, OTHER_TTL_S);
    this.#records.put(
      this.#records.additionalsTo(answers) & ~known,
      ADDITIONALS,
      CLASS_TOP_BIT,
      OTHER_TTL_S,
    );
    this.send(address, MDNS_PORT);
  }

  /** Answers a resolver that sends from another port, as unicast DNS does (6.7): with its id and its questions. */
  private sendLegacy(answers: number, address: string, port: number): void {
    if (this.#unicasts++ >= UNICASTS_PER_SECOND) return;
    const reader = this.#reader;
    this.#writer.begin(reader.id, FLAG_RESPONSE | FLAG_AUTHORITATIVE);
    reader.rewind();
    while (reader.next() && reader.section === QUESTIONS) {
      const name = this.#records.answersTo() === 0 ? undefined : reader.nameAt(reader.at);
      if (name !== undefined) this.#writer.question(name, reader.type);
    }
    this.#records.put(answers, ANSWERS, 0, LEGACY_TTL_S);
    this.#records.put(this.#records.additionalsTo(answers), ADDITIONALS, 0, LEGACY_TTL_S);
    this.send(address, port);
  }

  /** Asks whether another host has our names, and says what we would put there. */
  private sendProbe(): void {
    this.#writer.begin(0, 0);
    this.#records.putProbe();
    this.send(MDNS_GROUP, MDNS_PORT);
  }

  private send(address: string, port: number): void {
    try {
      this.#socket!.write(this.#scratch.subarray(0, this.#writer.length), address, port);
    } catch {
      // No memory, or no network: as a datagram that is lost on its way. Queriers repeat their questions.
    }
  }
}
