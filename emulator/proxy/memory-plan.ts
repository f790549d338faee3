import {
  connectionHeapBytes,
  type Line,
  type Settings,
  SLOT_BYTES,
  XS_SDK,
} from "../src/boards/chip-memory.ts";
import { segmentsQueuedMax } from "../src/boards/esp32.ts";
import type { Creation, LinkKind } from "../src/boards/kind.ts";
import {
  BLOCK_BYTES,
  CONNECTION_BYTES,
  PIPE_BYTES,
  RECEIVED_OVERHEAD_BYTES,
  SEGMENT_OVERHEAD_BYTES,
} from "../src/io/account.ts";
import { TRIM_BYTES_MIN } from "../src/io/segments.ts";

// How many sessions of the proxy the memory of an ESP32 carries: the table in `firmware/README.md`.

const KB = 1024;

/** Heap of a connection that holds no bytes, on the firmware's own sockets. */
const OPEN_BYTES = BLOCK_BYTES + CONNECTION_BYTES;

/** Figures of `firmware/budgets.json`. */
export type Budgets = Readonly<Record<string, number>>;

/** Garbage of seven requests while every session is busy; with fewer sessions there is room for that of more. */
const XS_GARBAGE = { slots: 128, chunkBytes: 2 * KB };

/** How the connections of a board are divided among sessions, and the heap that is kept free. */
export interface Sharing {
  /** Connections at once, listening sockets not included. */
  readonly connectionsMax: number;
  /** Concurrent sessions, and clients that are queued or being refused. */
  readonly served: number;
  readonly waiting: number;
  readonly reserveBytes: number;
  /** Frames that are in flight when peers read. */
  readonly frames: Frames;
}

/** Frames that the link holds of what was received and of what is sent. */
export interface Frames {
  readonly received: number;
  readonly sent: number;
}

/** With Wi-Fi as many as it has buffers; with Ethernet those of the queue before lwIP's task, and of the controller's DMA. */
export function framesOf(set: Settings, link: LinkKind): Frames {
  if (link === "wifi") {
    const { ESP_WIFI_DYNAMIC_RX_BUFFER_NUM: received, ESP_WIFI_DYNAMIC_TX_BUFFER_NUM: sent } = set;
    return { received, sent };
  }
  return { received: set.LWIP_TCPIP_RECVMBOX_SIZE, sent: set.ETH_DMA_TX_BUFFER_NUM };
}

/** Segments in the two buffers of one connection. */
interface Pieces {
  readonly received?: number;
  readonly sent?: number;
}

/** As many small ones as there may be: RECEIVED_PBUFS_MAX of firmware/native, and lwIP's TCP_SND_QUEUELEN. */
export const smallPieces = (set: Settings): Pieces => ({
  received: 16,
  sent: segmentsQueuedMax(set),
});

/** Heap of one session whose peers do not read: all four buffers of its two connections are full, with a pipe each way. */
export function stuckSessionBytes(set: Settings, pieces: Pieces = {}): number {
  return 2 * (OPEN_BYTES + PIPE_BYTES + windowBytes(set, pieces) + sentBytes(set, pieces));
}

/** Heap of one session that forwards bytes one way, faster than the receiver reads: the two buffers on that way are full. */
export function oneWaySessionBytes(set: Settings): number {
  return 2 * OPEN_BYTES + PIPE_BYTES + windowBytes(set) + sentBytes(set);
}

/** Heap of all connections when peers read: as many segments are in flight as the link holds frames. */
export function ordinaryBytes(set: Settings, { connectionsMax, served, frames }: Sharing): number {
  return (
    connectionsMax * OPEN_BYTES +
    2 * served * PIPE_BYTES +
    frames.received * (set.LWIP_TCP_MSS + RECEIVED_OVERHEAD_BYTES) +
    frames.sent * (set.LWIP_TCP_MSS + SEGMENT_OVERHEAD_BYTES)
  );
}

/** Sessions of so many bytes each that the heap carries; the others' connections are idle. */
export function sessionsCarried(sessionBytes: number, heapBytes: number, sharing: Sharing): number {
  const { connectionsMax, served, reserveBytes } = sharing;
  const others = (connectionsMax - 2 * served) * OPEN_BYTES;
  return Math.floor((heapBytes - reserveBytes - others) / sessionBytes);
}

/** Segments of so many bytes: the whole ones, and one that left before it was full. */
function segmentsOf(set: Settings, bytes: number): number {
  return Math.ceil(bytes / set.LWIP_TCP_MSS) + 1;
}

/** Heap of a full receive window: it opens for segments that are freed, and not before. */
function windowBytes(set: Settings, { received }: Pieces = {}): number {
  const bytes = set.LWIP_TCP_WND_DEFAULT;
  return bytes + (received ?? segmentsOf(set, bytes)) * RECEIVED_OVERHEAD_BYTES;
}

/** Heap of a full send buffer: a segment keeps less than `TRIM_BYTES_MIN` that it does not use. */
function sentBytes(set: Settings, { sent }: Pieces = {}): number {
  const bytes = set.LWIP_TCP_SND_BUF_DEFAULT;
  const each = SEGMENT_OVERHEAD_BYTES + TRIM_BYTES_MIN - 1;
  return bytes + (sent ?? segmentsOf(set, bytes)) * each;
}

/** For paths that were not measured: about a quarter of the deepest one that was. */
const STACK_MARGIN_SLOTS = 96;

const KINDS = ["tcp.idle", "tcp.streaming", "http.idle", "http.streaming"];

/** XS with two backends and the board's name by multicast DNS, which is the default, that waits for its first client. */
export function xsAtRest(budgets: Budgets) {
  return {
    slots: budgets["rest.slots"] + budgets["mdns.name.slots"] + XS_SDK.slots,
    chunkBytes: budgets["rest.chunkBytes"] + budgets["mdns.name.chunkBytes"] + XS_SDK.chunkBytes,
  };
}

/** Memory that XS needs when every slot is taken. A queued client has one of a session's two sockets. */
export function xsNeed(budgets: Budgets, { served, waiting }: Sharing) {
  const rest = xsAtRest(budgets);
  const all = (figure: "slots" | "chunkBytes") => {
    const dearest = Math.max(...KINDS.map(kind => budgets[`${kind}.${figure}`]));
    const sessions = served * dearest + (waiting * budgets[`tcp.idle.${figure}`]) / 2;
    return Math.ceil(rest[figure] + budgets[`served.${figure}`] + XS_GARBAGE[figure] + sessions);
  };
  const depths = Object.entries(budgets).flatMap(([name, slots]) =>
    name.startsWith("stack.") ? slots : [],
  );
  const stackSlots = Math.max(...depths) + STACK_MARGIN_SLOTS;
  return { slots: all("slots"), chunkBytes: all("chunkBytes"), stackSlots };
}

/**
 * Bytes that XS takes from the memory for connections when so many machines sleep, and every slot is taken: `held` of them by clients
 * that wait for a machine, which hold their requests.
 */
export function machinesBytes(
  budgets: Budgets,
  xs: Creation,
  sharing: Sharing,
  { machines, held }: { readonly machines: number; readonly held: number },
): number {
  const need = xsNeed(budgets, sharing);
  const beyond = (figure: "slots" | "chunkBytes") => {
    const dearest = Math.max(...KINDS.map(kind => budgets[`${kind}.${figure}`]));
    const ofMachines = budgets[`machines.${figure}`] + machines * budgets[`machine.${figure}`];
    const ofHeld = held * Math.max(0, budgets[`held.${figure}`] - dearest);
    return Math.max(0, need[figure] + ofMachines + ofHeld - xs[figure]);
  };
  return Math.ceil(beyond("slots") * SLOT_BYTES + beyond("chunkBytes"));
}

/** The plan as the table in `firmware/README.md`. */
export function planTable(set: Settings, lines: readonly Line[], sharing: Sharing): string {
  const heap = connectionHeapBytes(lines);
  const { connectionsMax, reserveBytes } = sharing;
  const rows: Line[] = [
    ...lines,
    { what: "**for connections**", bytes: heap, source: "the sum" },
    { what: "kept free", bytes: -reserveBytes, source: "`memory-reserve.ts`" },
    {
      what: `${connectionsMax} connections whose peers read`,
      bytes: -ordinaryBytes(set, sharing),
      source: "lwIP's sizes; estimate",
    },
    {
      what: "or each session with a slow reader",
      bytes: -oneWaySessionBytes(set),
      source: "lwIP's sizes",
    },
    {
      what: "or each session whose peers do not read",
      bytes: -stuckSessionBytes(set),
      source: "lwIP's sizes",
    },
  ];
  const cells = rows.map(({ what, bytes, source }) => [what, (bytes / KB).toFixed(1), source]);
  const all = [["what", "KB", "source"], ...cells];
  const widths = [0, 1, 2].map(column => Math.max(...all.map(row => row[column].length)));
  const line = (row: readonly string[]) =>
    `| ${row[0].padEnd(widths[0])} | ${row[1].padStart(widths[1])} | ${row[2].padEnd(widths[2])} |`;
  const rule = `| ${"-".repeat(widths[0])} | ${"-".repeat(widths[1] - 1)}: | ${"-".repeat(widths[2])} |`;
  return [line(all[0]), rule, ...all.slice(1).map(line)].join("\n");
}
