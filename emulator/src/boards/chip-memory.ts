/**
 * How much memory of an ESP32 ESP-IDF, XS and Moddable's runtime use before the first client, and how much heap is left
 * for connections.
 */

import type { Creation, LinkKind } from "./kind.ts";

/** ESP-IDF's settings by their names without `CONFIG_`. */
export type Settings = Readonly<Record<string, number>>;

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
 * The memory that ESP-IDF leaves a program with Wi-Fi when all of these buffers are in use: rank "memory saving" in
 * its guide "Wi-Fi Performance and Power Save". Its ranks differ by 1.5 KB for each buffer.
 */
const WITH_WIFI = { freeBytes: 170.2 * KB, staticRx: 6, dynamicRx: 12, dynamicTx: 12 };
const WIFI_BUFFER_BYTES = 1.5 * KB;

/**
 * The memory that ESP-IDF leaves a program without Wi-Fi. Its Ethernet example begins with a heap of 310 KB (the log of v5.5 in its issue
 * 18064: 1920, 2C710, 3AE0 and 1BCB0 bytes, hexadecimal). 24 KB of that are estimated for the tasks, drivers and queues that it starts, 16 KB for
 * static data of XS and Moddable; to be measured.
 */
const WITHOUT_WIFI_BYTES = (310 - 24 - 16) * KB;

/** The stack of the task that receives frames (ETH_MAC_DEFAULT_CONFIG of ESP-IDF). */
const ETHERNET_TASK_BYTES = 4 * KB;

/** The JavaScript task's C stack (kStack in build/devices/esp32/lib/main/main.c), and 1 KB for the C library. */
const TASK_STACK_BYTES = 11 * KB;

/** An event that waits for JavaScript (xs/platforms/esp/xsHost.c). */
const EVENT_BYTES = 16;

/**
 * Serial port, flash storage, timers, listening sockets (176 bytes each: block, record, object), XS's own tables; about, to be
 * measured.
 */
const REST_BYTES = 6 * KB;

/**
 * The memory that the SDK takes at the start, beside the `rest` of `firmware/budgets.json`. Its build for lin, after a collection, held
 * 1,181 slots and 9,960 bytes (in 64 bits), 883 and 8,376 of them as `rest`. What only the chip's modules make
 * (Wi-Fi, storage, serial port) is an estimate.
 */
export const XS_SDK = { slots: 300 + 150, chunkBytes: 1_600 + 1 * KB };

/** mcconfig's defaults (tools/mcconfig.js, filterCreation). */
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

function wifiLines(set: Settings): Line[] {
  const buffers =
    WITH_WIFI.staticRx -
    set.ESP_WIFI_STATIC_RX_BUFFER_NUM +
    (WITH_WIFI.dynamicRx - set.ESP_WIFI_DYNAMIC_RX_BUFFER_NUM) +
    (WITH_WIFI.dynamicTx - set.ESP_WIFI_DYNAMIC_TX_BUFFER_NUM);
  const bytes = WITH_WIFI.freeBytes + buffers * WIFI_BUFFER_BYTES;
  return [
    { what: "left by ESP-IDF and Wi-Fi, its buffers full", bytes, source: "ESP-IDF's guide" },
  ];
}

function ethernetLines(set: Settings): Line[] {
  const buffers = set.ETH_DMA_RX_BUFFER_NUM + set.ETH_DMA_TX_BUFFER_NUM;
  return [
    { what: "left by ESP-IDF without Wi-Fi", bytes: WITHOUT_WIFI_BYTES, source: "estimate" },
    {
      what: `Ethernet: ${buffers} DMA buffers, a task`,
      bytes: -(buffers * set.ETH_DMA_BUFFER_SIZE + ETHERNET_TASK_BYTES),
      source: "ESP-IDF's driver",
    },
  ];
}

/** The memory of the chip, and what is taken of it before the first client; the rest is for connections. */
export function fixedLines(
  set: Settings,
  xs: Creation,
  eventQueueLength: number,
  link: LinkKind = "wifi",
): Line[] {
  return [
    ...(link === "wifi" ? wifiLines(set) : ethernetLines(set)),
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
