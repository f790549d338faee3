import { BLOCK_BYTES, RECEIVED_OVERHEAD_BYTES, SEGMENT_OVERHEAD_BYTES } from "../io/account.ts";

/**
 * Where the memory of an ESP32 goes, and how many sessions it carries. What it says is the table in
 * `firmware/README.md`, and the heap of the emulated board.
 */

/** ESP-IDF's settings by their names without `CONFIG_`. */
export type Settings = Readonly<Record<string, number>>;

/** Figures of `firmware/budgets.json`. */
export type Budgets = Readonly<Record<string, number>>;

/** What a manifest reserves for XS (`creation`). */
export interface Creation {
  readonly slots: number;
  readonly chunkBytes: number;
  /** By so many it grows: of what connections would have. */
  readonly slotsStep: number;
  readonly chunkBytesStep: number;
  readonly stackSlots: number;
}

interface ManifestCreation {
  readonly heap?: { readonly initial?: number; readonly incremental?: number };
  readonly chunk?: { readonly initial?: number; readonly incremental?: number };
  readonly stack?: number;
}

/** One line of the plan. */
export interface Line {
  readonly what: string;
  readonly bytes: number;
  readonly source: string;
}

const KB = 1024;

/** A slot of XS where pointers have 32 bits (xs/includes/xs.h). */
export const SLOT_BYTES = 16;

/**
 * What ESP-IDF leaves a program with Wi-Fi when all of these buffers are in use: rank "memory saving" in
 * its guide "Wi-Fi Performance and Power Save". Its ranks differ by 1.5 KB for each buffer.
 */
const WITH_WIFI = { freeBytes: 170.2 * KB, staticRx: 6, dynamicRx: 12, dynamicTx: 12 };
const WIFI_BUFFER_BYTES = 1.5 * KB;

/** The JavaScript task's C stack (kStack in build/devices/esp32/lib/main/main.c), and 1 KB for the C library. */
const TASK_STACK_BYTES = 11 * KB;

/** An event that waits for JavaScript (xs/platforms/esp/xsHost.c). */
const EVENT_BYTES = 16;

/** Serial port, flash storage, timers, listening sockets (80 bytes each), XS's own tables; about, to be measured. */
const REST_BYTES = 6 * KB;

/**
 * What the SDK makes at the start, beside the firmware's `rest`. Its build for lin, after a collection, held
 * 1,181 slots and 9,960 bytes (in 64 bits), 883 and 8,376 of them as `rest`. What only the chip's modules make
 * (Wi-Fi, storage, serial port) is an estimate.
 */
export const XS_SDK = { slots: 300 + 150, chunkBytes: 1_600 + 1 * KB };

/** Garbage of a few requests, so that it is not collected all the time. */
const XS_GARBAGE = { slots: 256, chunkBytes: 4 * KB };

/** What mcconfig takes where the manifest says nothing (tools/mcconfig.js, filterCreation). */
const CREATION: Creation = {
  slots: 2_048,
  chunkBytes: 32 * KB,
  slotsStep: 64,
  chunkBytesStep: 1 * KB,
  stackSlots: 384,
};

export function creationOf(creation: ManifestCreation = {}): Creation {
  return {
    slots: creation.heap?.initial ?? CREATION.slots,
    chunkBytes: creation.chunk?.initial ?? CREATION.chunkBytes,
    slotsStep: creation.heap?.incremental ?? CREATION.slotsStep,
    chunkBytesStep: creation.chunk?.incremental ?? CREATION.chunkBytesStep,
    stackSlots: creation.stack ?? CREATION.stackSlots,
  };
}

/** What there is, and what is gone when the program waits for its first client; the rest is for connections. */
export function fixedLines(set: Settings, xs: Creation, eventQueueLength: number): Line[] {
  const buffers =
    WITH_WIFI.staticRx -
    set.ESP_WIFI_STATIC_RX_BUFFER_NUM +
    (WITH_WIFI.dynamicRx - set.ESP_WIFI_DYNAMIC_RX_BUFFER_NUM) +
    (WITH_WIFI.dynamicTx - set.ESP_WIFI_DYNAMIC_TX_BUFFER_NUM);
  const wifi = WITH_WIFI.freeBytes + buffers * WIFI_BUFFER_BYTES;
  return [
    { what: "left by ESP-IDF and Wi-Fi, its buffers full", bytes: wifi, source: "ESP-IDF's guide" },
    { what: `XS: ${xs.slots} slots`, bytes: -xs.slots * SLOT_BYTES, source: "`creation`" },
    { what: "XS: chunks", bytes: -xs.chunkBytes, source: "`creation`" },
    { what: "XS: stack", bytes: -xs.stackSlots * SLOT_BYTES, source: "`creation`" },
    {
      what: "C stack of the JavaScript task",
      bytes: -TASK_STACK_BYTES,
      source: "Moddable's main.c",
    },
    {
      what: `event queue, ${eventQueueLength} places`,
      bytes: -eventQueueLength * EVENT_BYTES,
      source: "`defines`",
    },
    { what: "serial port, flash, timers", bytes: -REST_BYTES, source: "estimate" },
  ];
}

/** Heap that connections may take. */
export function connectionHeapBytes(lines: readonly Line[]): number {
  return Math.max(0, Math.floor(lines.reduce((sum, { bytes }) => sum + bytes, 0)));
}

/** How the connections of a board are shared out, and what it keeps free of them. */
export interface Sharing {
  /** Connections at once, listening sockets not included. */
  readonly connectionsMax: number;
  /** Sessions that are served at once, and clients that wait or are being refused. */
  readonly served: number;
  readonly waiting: number;
  readonly reserveBytes: number;
}

/**
 * Heap of one session whose peers do not read: all four buffers of its two connections are full. Small
 * pieces make more segments of the same bytes, each of which takes a whole one of the heap.
 */
export function stuckSessionBytes(set: Settings, segments = segmentsSent(set)): number {
  const received = receivedBytes(set, set.LWIP_TCP_WND_DEFAULT);
  return 2 * (BLOCK_BYTES + received + segments * segmentBytes(set));
}

/** Heap of one session that moves bytes one way, faster than they are taken: the two buffers on that way are full. */
export function oneWaySessionBytes(set: Settings): number {
  const received = receivedBytes(set, set.LWIP_TCP_WND_DEFAULT);
  return 2 * BLOCK_BYTES + received + segmentsSent(set) * segmentBytes(set);
}

/** Heap of all connections when peers read: as many segments are under way as Wi-Fi has buffers. */
export function ordinaryBytes(set: Settings, { connectionsMax }: Sharing): number {
  return (
    connectionsMax * BLOCK_BYTES +
    set.ESP_WIFI_DYNAMIC_RX_BUFFER_NUM * receivedBytes(set, set.LWIP_TCP_MSS) +
    set.ESP_WIFI_DYNAMIC_TX_BUFFER_NUM * segmentBytes(set)
  );
}

/** Sessions of so many bytes each that the heap carries; the others' connections are idle. */
export function sessionsCarried(sessionBytes: number, heapBytes: number, sharing: Sharing): number {
  const { connectionsMax, served, reserveBytes } = sharing;
  const others = (connectionsMax - 2 * served) * BLOCK_BYTES;
  return Math.floor((heapBytes - reserveBytes - others) / sessionBytes);
}

function receivedBytes(set: Settings, bytes: number): number {
  return bytes + Math.ceil(bytes / set.LWIP_TCP_MSS) * RECEIVED_OVERHEAD_BYTES;
}

/** Segments of a full send buffer: the whole ones, and one that left before it was full. */
function segmentsSent(set: Settings): number {
  return Math.ceil(set.LWIP_TCP_SND_BUF_DEFAULT / set.LWIP_TCP_MSS) + 1;
}

function segmentBytes(set: Settings): number {
  return set.LWIP_TCP_MSS + SEGMENT_OVERHEAD_BYTES;
}

/** For paths that nobody measured: about a quarter of the deepest that was. */
const STACK_MARGIN_SLOTS = 96;

const KINDS = ["tcp.idle", "tcp.streaming", "http.idle", "http.streaming"];

/** XS with two backends that waits for its first client. */
export function xsAtRest(budgets: Budgets) {
  return {
    slots: budgets["rest.slots"] + XS_SDK.slots,
    chunkBytes: budgets["rest.chunkBytes"] + XS_SDK.chunkBytes,
  };
}

/** What XS needs when every place is taken. A client that waits has one of a session's two sockets. */
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

/** The plan as the table in `firmware/README.md`. */
export function planTable(set: Settings, lines: readonly Line[], sharing: Sharing): string {
  const heap = connectionHeapBytes(lines);
  const { connectionsMax, reserveBytes } = sharing;
  const rows: Line[] = [
    ...lines,
    { what: "**for connections**", bytes: heap, source: "the sum" },
    { what: "kept free", bytes: -reserveBytes, source: "`memory.ts`" },
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
