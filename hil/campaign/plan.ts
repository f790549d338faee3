import type { LinkSettings } from "net-mock-socket";

/** A plan is what its parts make it. Any part can be left out, and what is left is still a plan. */
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
  | ClientPart;

/** A key of the configuration that has not its default. */
export interface SettingPart {
  readonly kind: "setting";
  readonly key: string;
  readonly value: unknown;
}

/** A limit of the board that is not our board's. */
export interface BoardPart {
  readonly kind: "board";
  readonly connectionsMax: number;
  readonly heapBytes: number;
}

export interface BackendPart {
  readonly kind: "backend";
  readonly name: string;
  /** How long it keeps a connection that says nothing. */
  readonly keepMs: number;
  /** It rests for so long after each half kilobyte that it reads; 0: it does not. */
  readonly restMs: number;
  readonly receiveWindow: number;
  /** Sessions that the configuration lets it have at once. */
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

export interface LinkPart {
  readonly kind: "link";
  /** A backend, the board, or `clients` for each of them. */
  readonly host: string;
  readonly settings: Partial<LinkSettings>;
}

/** How long new clients and faults come. */
export const ACTIVE_MS = 20_000;

/** Ports of the three kinds of listener. */
export const PORTS = { auto: 80, http: 81, tcp: 82 } as const;

/** What goes wrong, with a backend or with the board itself. */
export const FAULTS = [
  "refuse", // newcomers are refused
  "black-hole", // what is sent to the backend is swallowed
  "reset", // its connections are reset, once
  "vanish", // it is gone without a word, and comes back
  "crash", // power off: it has forgotten all when it is back
  "quit", // the program ends, and is started again
  "cut", // packets between board and backend are lost
  "cut-to", // those to the backend
  "cut-from", // those from the backend
  "hold", // packets wait
  "clog", // all packets of the backend wait
  "late-packets", // every third packet is overtaken
  "lost-answer", // the next answers to a SYN are lost
  "reset-data", // each twentieth packet with data is answered by a reset
  "no-pool", // the backend has no place for another connection
  "no-heap", // something else on the board takes all memory
  "no-buffers", // the board loses what comes
  "wifi", // the board's Wi-Fi drops
  "inbound-loss", // the board hears nothing, but is received
  "power", // the board loses its power
  "reset-button", // somebody presses the board's reset
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

/** An operator changes something under traffic. */
export interface ChangePart {
  readonly kind: "change";
  readonly id: number;
  readonly atMs: number;
  /**
   * A new document, one that counts until the next reset, a backend's state, or a restart; `nothing` is a change
   * that would be refused, left out.
   */
  readonly does: "document" | "lend" | "state" | "reboot" | "nothing";
  /** Keys that the document has instead of those in force. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The document has one backend less. */
  readonly leavesOut: boolean;
  /** A request with the token comes over the new way. */
  readonly confirms: boolean;
  /** Of `state`: which backend, and what it is to be. */
  readonly backend: number;
  readonly state: "ready" | "drain" | "maint";
}

/** How a client leavesEarly before it is served, and when after its connect. */
export interface EarlyLeave {
  readonly afterMs: number;
  readonly how: "end" | "destroy" | "reset" | "vanish";
}

/** What all clients have. */
interface ClientBase {
  readonly kind: "client";
  /** Its place among the clients: each has a host of its own. */
  readonly id: number;
  readonly atMs: number;
  readonly port: number;
  /** Bytes that it lets come unread. */
  readonly receiveWindow: number;
  readonly leavesEarly: EarlyLeave | undefined;
}

/** How a client puts its bytes on the way. */
export interface Writing {
  readonly pieceBytes: number;
  /** Pause behind each piece. */
  readonly gapMs: number;
}

/** `slow` rests after each piece; `stalled` never reads beyond its first bytes. */
export type Reading = "steady" | "slow" | "stalled";

/** A stream each way, both checked byte by byte. */
export interface RawClient extends ClientBase {
  readonly does: "raw";
  /** It asks for the stream by an HTTP upgrade. */
  readonly upgrade: boolean;
  readonly upBytes: number;
  readonly downBytes: number;
  readonly writing: Writing;
  readonly reading: Reading;
  /**
   * Who closes: the client when it has all, or (`hasty`) when it has sent all; the backend when it has
   * sent all; nobody; or a keyword in one of the streams.
   */
  readonly ends: "client" | "hasty" | "backend" | "nobody" | "keyword" | "answer-keyword";
}

/** What a backend does with a request. */
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
  /** The client thinks before it sends. */
  readonly pauseMs: number;
}

/** Without a body, or with one of no byte by its length, a request may be sent again. */
export function hasBody({ upFraming, upBytes }: PlannedRequest): boolean {
  return upFraming === "chunked" || (upFraming === "length" && upBytes > 0);
}

export interface HttpClient extends ClientBase {
  readonly does: "http";
  readonly requests: readonly PlannedRequest[];
  /** Requests that it sends ahead of their answers, one included. */
  readonly pipelined: number;
  readonly writing: Writing;
  readonly reading: Reading;
  /** It keeps its connection when all is answered, and waits for the other end to close. */
  readonly stays: boolean;
}

/** A client that is a nuisance. */
export interface HostileClient extends ClientBase {
  readonly does: "silent" | "slow-loris" | "malformed";
  /** Of `malformed`: which head. */
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

/** One part in words, on one line. */
export function describe(part: Part): string {
  const { kind, ...rest } = part;
  const values = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `${kind} ${values.join(" ")}`;
}
