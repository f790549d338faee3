import type { LinkSettings } from "net-mock-socket";
import type { SocketKind } from "../../emulator/src/boards/kind.ts";
import type { DnsFault } from "../../emulator/src/dns-server.ts";

/** The plan of a run: a list of parts. Any of them can be left out (shrinking), and the rest is still a plan. */
export interface RunPlan {
  readonly seed: number;
  readonly parts: readonly Part[];
}

export type Part =
  | SettingPart
  | BoardPart
  | BackendPart
  | LinkPart
  | FaultPart
  | ChangePart
  | MachinePart
  | PowerPart
  | NamePart
  | DnsPart
  | ClientPart;

/** A key of the configuration that differs from its default. */
export interface SettingPart {
  readonly kind: "setting";
  readonly key: string;
  readonly value: unknown;
}

/** Limits of the board that differ from our board's. */
export interface BoardPart {
  readonly kind: "board";
  readonly connectionsMax: number;
  readonly heapBytes: number;
  /** The firmware's own, unless given. On target lwip there are no others. */
  readonly sockets?: SocketKind;
}

export interface BackendPart {
  readonly kind: "backend";
  readonly name: string;
  /** How long it keeps an idle connection. */
  readonly keepMs: number;
  /** Pause after each half kilobyte that it reads; 0: none. */
  readonly restMs: number;
  readonly receiveWindow: number;
  /** `maxSessions` of the configuration. */
  readonly maxSessions: number | undefined;
}

/** The backend of a plan that has no other. */
export const ONE_BACKEND: BackendPart = {
  kind: "backend",
  name: "a",
  keepMs: 60_000,
  restMs: 0,
  receiveWindow: 65_535,
  maxSessions: undefined,
};

/** The host of a backend is a machine that sleeps, and is asleep at the start. */
export interface MachinePart {
  readonly kind: "machine";
  readonly backend: string;
  /** From its wake until the backend listens, and until its ports refuse connections. */
  readonly bootMs: number;
  readonly networkMs: number;
  readonly answersArp: boolean;
  /** Asleep it keeps its connections. */
  readonly suspends: boolean;
  /** The board presses its power button, instead of sending packets. */
  readonly hasButton: boolean;
  /** Rules of the configuration; `undefined`: every client may wake it. */
  readonly wakeFor: readonly object[] | undefined;
}

/** The rules that match no client of a plan. */
export const NO_CLIENT: readonly object[] = [{ host: "nobody.example" }];

/** Events of a machine that the board has not caused. */
export const POWER_EVENTS = [
  "sleeps", // by itself
  "is woken", // by hand
  "loses its power",
  "has its power", // again, and sleeps
  "has its power and boots",
  "ignores wakes",
  "hangs", // boots, and its backend never listens
  "works again", // the end of the two before
] as const;

export interface PowerPart {
  readonly kind: "power";
  readonly backend: string;
  readonly atMs: number;
  readonly what: (typeof POWER_EVENTS)[number];
}

/** A backend has a host name in the configuration. */
export interface NamePart {
  readonly kind: "name";
  readonly backend: string;
  /** Time to live of its records in seconds. */
  readonly ttlS: number;
  /** An address where no host is: before its own, behind it, or none. */
  readonly dead: "none" | "first" | "last";
}

/**
 * A fault of DNS for a time: one of its server, answers that come late, that there is no such name, or that the names have moved to
 * other hosts, which serve the same.
 */
export interface DnsPart {
  readonly kind: "dns";
  readonly what: DnsFault | "slow" | "unknown" | "moved";
  readonly atMs: number;
  readonly lastsMs: number;
}

export interface LinkPart {
  readonly kind: "link";
  /** A backend, the board, or `clients` for each of them. */
  readonly host: string;
  readonly settings: Partial<LinkSettings>;
}

/** The active phase: clients and faults start only during this time. */
export const ACTIVE_MS = 20_000;

/** Ports of the three kinds of listener. */
export const PORTS = { auto: 80, http: 81, tcp: 82 } as const;

/** Faults of a backend or of the board. */
export const FAULTS = [
  "refuse", // new connections are refused
  "black-hole", // packets to the backend are dropped
  "reset", // its connections are reset, once
  "vanish", // all packets from and to it are lost, then it is back
  "crash", // power off: it has lost its state when it is back
  "quit", // the program ends, and is started again
  "cut", // packets between board and backend are lost
  "cut-to", // those to the backend
  "cut-from", // those from the backend
  "hold", // packets wait
  "clog", // all packets of the backend wait
  "late-packets", // every third packet is overtaken
  "lost-answer", // the next answers to a SYN are lost
  "reset-data", // each twentieth packet with data is answered by a reset
  "no-pool", // the backend has no control block for another connection
  "no-heap", // all memory of the board is taken
  "no-buffers", // the board drops incoming packets
  "wifi", // the board's Wi-Fi drops
  "inbound-loss", // the board receives nothing, but its packets arrive
  "power", // the board loses its power
  "reset-button", // the board is reset
  "task-stall", // the board's task is kept busy
] as const;

export type FaultName = (typeof FAULTS)[number];

/** Faults of the board itself. */
export const OF_THE_BOARD: readonly FaultName[] = [
  "no-heap",
  "no-buffers",
  "wifi",
  "inbound-loss",
  "power",
  "reset-button",
  "task-stall",
];

export interface FaultPart {
  readonly kind: "fault";
  readonly what: FaultName;
  /** A backend; the board for its own faults. */
  readonly host: string;
  readonly atMs: number;
  readonly lastsMs: number;
}

/** Ports that documents of the campaign listen on, and what each speaks. */
export const MODES_OF_PORTS: ReadonlyMap<number, "auto" | "http" | "tcp"> = new Map([
  [PORTS.auto, "auto"],
  [PORTS.http, "http"],
  [PORTS.tcp, "tcp"],
  [90, "auto"],
  [91, "http"],
]);

/** A change by an operator under traffic. */
export interface ChangePart {
  readonly kind: "change";
  readonly id: number;
  readonly atMs: number;
  /**
   * A new document, one that counts until the next reset, a backend's state, or a restart; `nothing`: a change
   * that was refused in the first run is left out of the second.
   */
  readonly does: "document" | "temporary-document" | "state" | "reboot" | "nothing";
  /** Keys that the document has instead of those in force. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The document has one backend less. */
  readonly leavesOut: boolean;
  /** A request with the token confirms the change. */
  readonly confirms: boolean;
  /** For `state`: which backend, and its new state. */
  readonly backend: number;
  readonly state: "ready" | "drain" | "maint";
}

/** How a client leaves before it is served, and how long after its connect. */
export interface EarlyLeave {
  readonly afterMs: number;
  readonly how: "end" | "destroy" | "reset" | "vanish";
}

/** The part that all clients have in common. */
interface ClientBase {
  readonly kind: "client";
  /** The client's number; each client has a host of its own. */
  readonly id: number;
  readonly atMs: number;
  readonly port: number;
  /** The client's receive window, in bytes. */
  readonly receiveWindow: number;
  readonly leavesEarly: EarlyLeave | undefined;
}

/** How a client writes its bytes. */
export interface Writing {
  readonly pieceBytes: number;
  /** Pause after each piece. */
  readonly gapMs: number;
}

/** `slow` pauses after each piece; `stalled` stops reading after its first bytes. */
export type Reading = "steady" | "slow" | "stalled";

/** A client that sends one stream and receives one; both are checked byte by byte. */
export interface RawClient extends ClientBase {
  readonly does: "raw";
  /** The streams follow an HTTP upgrade. */
  readonly upgrade: boolean;
  readonly upBytes: number;
  readonly downBytes: number;
  readonly writing: Writing;
  readonly reading: Reading;
  /**
   * Who closes: the client when it has all, or (`hasty`) when it has sent all; the backend when it has
   * sent all; neither; or a keyword in one of the streams.
   */
  readonly ends: "client" | "hasty" | "backend" | "neither" | "keyword" | "answer-keyword";
}

/** How a backend answers a request. */
export const MODES = [
  "length",
  "chunked",
  "close",
  "closing",
  "cut",
  "cut-chunked",
  "dies",
  "dies-once",
  "late",
  "never",
  "garbage",
  "interim",
  "empty",
  "early",
  "dribble",
] as const;

export type Mode = (typeof MODES)[number];

export interface PlannedRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  readonly minor: 0 | 1;
  readonly upBytes: number;
  readonly upFraming: "none" | "length" | "chunked";
  readonly downBytes: number;
  readonly mode: Mode;
  /** Pause before the request is sent. */
  readonly pauseMs: number;
}

/** False for requests that may be sent again: no body, or `Content-Length: 0`. */
export function hasBody({ upFraming, upBytes }: PlannedRequest): boolean {
  return upFraming === "chunked" || (upFraming === "length" && upBytes > 0);
}

export interface HttpClient extends ClientBase {
  readonly does: "http";
  readonly requests: readonly PlannedRequest[];
  /** Requests in flight at once (pipelining). */
  readonly pipelined: number;
  readonly writing: Writing;
  readonly reading: Reading;
  /** The client keeps its connection after the last answer, and waits for the board to close it. */
  readonly stays: boolean;
}

/** A hostile client. */
export interface HostileClient extends ClientBase {
  readonly does: "silent" | "slow-loris" | "malformed";
  /** For `malformed`: which head. */
  readonly which: number;
}

export type ClientPart = RawClient | HttpClient | HostileClient;

/** The parts of one kind. */
export function only<K extends Part["kind"]>(plan: RunPlan, kind: K): Extract<Part, { kind: K }>[] {
  return plan.parts.filter((part): part is Extract<Part, { kind: K }> => part.kind === kind);
}

/** The value of a key of the configuration; nothing where it has its default. */
export function setting(plan: RunPlan, key: string): unknown {
  return only(plan, "setting").find(part => part.key === key)?.value;
}

/** Backends are checked. */
export function isChecked(plan: RunPlan): boolean {
  return setting(plan, "health") !== undefined || only(plan, "machine").length > 0;
}

/** One part as a line of text. */
export function describe(part: Part): string {
  const { kind, ...rest } = part;
  const values = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `${kind} ${values.join(" ")}`;
}
