import { addressNumber } from "../net/address.ts";
import {
  ADDITIONALS,
  ANSWERS,
  AUTHORITIES,
  CLASS_ANY,
  CLASS_IN,
  CLASS_TOP_BIT,
  type MessageReader,
  type MessageWriter,
  TYPE_A,
  TYPE_ANY,
  TYPE_NSEC,
  TYPE_PTR,
  TYPE_SRV,
  TYPE_TXT,
} from "./message.ts";

/** The types of the two services: the page of the board, and the port that clients of the proxy connect to. */
const PAGE_TYPE = "_http._tcp.local";
const GATEWAY_TYPE = "_hot-potato._tcp.local";
/** The name of the types of all services (RFC 6763 9). */
const ALL_TYPES = "_services._dns-sd._udp.local";

/** Times to live of records in seconds (RFC 6762 10): of those with the host's name or address in them, and of others. */
const HOST_TTL_S = 120;
export const OTHER_TTL_S = 4_500;
/** And in answers to a resolver that does not speak multicast DNS (6.7). */
export const LEGACY_TTL_S = 10;

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
export const RECORDS = SERVICE + SERVICES * RECORDS_PER_SERVICE;

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

/** Where the page is on its port (RFC 6763 and the registry of `_http._tcp`). */
const PAGE_TEXTS = Object.freeze(["path=/"]);

/** The records of a service that are announced. */
const ANNOUNCED = (1 << POINTER) | (1 << LOCATION) | (1 << TEXTS) | (1 << TYPE_POINTER);

/** The records whose names other hosts have records of, too: of one service. */
const SHARED_OF_SERVICE = (1 << POINTER) | (1 << TYPE_POINTER);
export const SHARED =
  (SHARED_OF_SERVICE << SERVICE) | (SHARED_OF_SERVICE << (SERVICE + RECORDS_PER_SERVICE));

/**
 * The records of the board's name, address and services: which of them answer a question, and which a host knows already. A
 * set of records is a mask. The responder decides when they are sent.
 */
export class BoardRecords {
  advertised: Advertised | undefined = undefined;
  /** The name that is claimed, such as `hot-potato.local`. */
  host = "";
  address = "";
  /** The address before: announcements of it may still come back when there is another one. */
  lastAddress = "";
  /** By service. */
  #instances: string[] = [];
  /** Without an admin port there is no page. */
  #firstService = PAGE;
  #reader: MessageReader;
  #writer: MessageWriter;

  /** Records are compared with those of `reader`, and written by `writer`. */
  constructor(reader: MessageReader, writer: MessageWriter) {
    this.#reader = reader;
    this.#writer = writer;
  }

  /** Chooses the first label of the board's name. */
  choose(label: string): void {
    this.#firstService = this.advertised!.adminPort === 0 ? PAGE + 1 : PAGE;
    this.host = `${label}.local`;
    this.#instances = [`${label}.${PAGE_TYPE}`, `${label}.${GATEWAY_TYPE}`];
  }

  /** True if the response has a record of one of our names that is not ours. */
  isContested(): boolean {
    const reader = this.#reader;
    while (reader.next()) {
      const { section } = reader;
      if (section !== ANSWERS && section !== ADDITIONALS) continue;
      if (reader.class !== CLASS_IN || reader.ttl === 0 || reader.type === TYPE_NSEC) continue;
      if (reader.nameIs(this.host)) {
        const address = reader.address();
        if (address === undefined) return true; // of another type
        if (address !== this.address && address !== this.lastAddress) return true;
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
    return reader.port() === this.portOf(service) && reader.nameIs(this.host, reader.targetAt());
  }

  /**
   * True if another host probes for our name at the same time and wins the tie: its records come later in the order of type and data
   * (RFC 6762 8.2). Ours is one address, so its lowest address is compared, or else it has later types only.
   */
  losesTie(): boolean {
    const reader = this.#reader;
    let theirs = Number.POSITIVE_INFINITY;
    let hasRecord = false;
    while (reader.next()) {
      if (reader.section !== AUTHORITIES || !reader.nameIs(this.host)) continue;
      hasRecord = true;
      const address = reader.address();
      if (address !== undefined) theirs = Math.min(theirs, addressNumber(address));
    }
    return hasRecord && theirs > addressNumber(this.address);
  }

  /** The records that answer the current question. */
  answersTo(): number {
    const reader = this.#reader;
    const { type } = reader;
    if (reader.class !== CLASS_IN && reader.class !== CLASS_ANY) return 0;
    const isAny = type === TYPE_ANY;
    if (reader.nameIs(this.host)) {
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
  knownAnswer(): number {
    const reader = this.#reader;
    const { type } = reader;
    if (type === TYPE_A) {
      const isOurs = reader.nameIs(this.host) && reader.address() === this.address;
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

  /** All records that the board announces. */
  all(): number {
    let all = 1 << ADDRESS;
    for (let service = this.#firstService; service < SERVICES; service++) {
      all |= ANNOUNCED << (SERVICE + service * RECORDS_PER_SERVICE);
    }
    return all;
  }

  /** The records that a host needs behind these (RFC 6763 12). */
  additionalsTo(answers: number): number {
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
  put(records: number, section: number, top: number, ttlMax: number): number {
    let written = 0;
    for (let record = 0; record < RECORDS; record++) {
      const bit = 1 << record;
      if ((records & bit) === 0) continue;
      const ttl = Math.min(ttlOf(record), ttlMax);
      if (this.putRecord(record, section, (bit & SHARED) === 0 ? top : 0, ttl)) written |= bit;
    }
    return written;
  }

  /** Writes the questions of a probe, and the records that would answer them (RFC 6762 8.1). */
  putProbe(): void {
    const writer = this.#writer;
    writer.question(this.host, TYPE_ANY, CLASS_TOP_BIT);
    for (let service = this.#firstService; service < SERVICES; service++) {
      writer.question(this.#instances[service], TYPE_ANY, CLASS_TOP_BIT);
    }
    let proposed = 1 << ADDRESS;
    for (let service = this.#firstService; service < SERVICES; service++) {
      const first = SERVICE + service * RECORDS_PER_SERVICE;
      proposed |= (1 << (first + LOCATION)) | (1 << (first + TEXTS));
    }
    this.put(proposed, AUTHORITIES, 0, OTHER_TTL_S);
  }

  private putRecord(record: number, section: number, top: number, ttl: number): boolean {
    const writer = this.#writer;
    if (record === ADDRESS) return writer.a(section, this.host, top, ttl, this.address);
    if (record === NO_OTHER_ADDRESS) return writer.nsec(section, this.host, top, ttl, HOST_TYPES);
    const service = Math.floor((record - SERVICE) / RECORDS_PER_SERVICE);
    const instance = this.#instances[service];
    const type = typeOf(service);
    switch ((record - SERVICE) % RECORDS_PER_SERVICE) {
      case POINTER:
        return writer.ptr(section, type, top, ttl, instance);
      case LOCATION:
        return writer.srv(section, instance, top, ttl, this.portOf(service), this.host);
      case TEXTS:
        return writer.txt(section, instance, top, ttl, this.textsOf(service));
      case TYPE_POINTER:
        return writer.ptr(section, ALL_TYPES, top, ttl, type);
      default:
        return writer.nsec(section, instance, top, ttl, SERVICE_TYPES);
    }
  }

  private portOf(service: number): number {
    return service === PAGE ? this.advertised!.adminPort : this.advertised!.port;
  }

  private textsOf(service: number): readonly string[] {
    return service === PAGE ? PAGE_TEXTS : this.advertised!.texts;
  }
}

function typeOf(service: number): string {
  return service === PAGE ? PAGE_TYPE : GATEWAY_TYPE;
}

export function ttlOf(record: number): number {
  if (record < SERVICE) return HOST_TTL_S;
  const kind = (record - SERVICE) % RECORDS_PER_SERVICE;
  return kind === LOCATION || kind === NO_OTHER_DATA ? HOST_TTL_S : OTHER_TTL_S;
}

/** True if a known answer has half of its time to live left. */
function isFresh(leftS: number, ttl: number): boolean {
  return leftS >= ttl / 2;
}
