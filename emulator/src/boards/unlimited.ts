import type { BoardKind, SocketKind } from "./kind.ts";

/** A board without a chip's limits, to measure how fast the code is and not how small the board. */
export function unlimited(sockets: SocketKind = "sdk"): BoardKind {
  return {
    name: "unlimited",
    connectionsMax: 4096,
    listenersMax: 64,
    sendBufferBytes: 256 * 1024,
    receiveWindowBytes: 256 * 1024,
    segmentBytes: 64 * 1024, // as much as Node reads at once
    segmentsQueuedMax: 65_536,
    connectTimeoutMs: 10_000,
    timerMs: 250,
    timeWaitMs: 0,
    lastAckTimeoutMs: 60_000,
    finWaitTimeoutMs: 5_000,
    eventQueueLength: 65_536,
    link: "wifi",
    joinMs: 0,
    bootMs: 0,
    heapBytes: 1024 * 1024 * 1024,
    sockets,
    pipes: sockets === "own",
    socketsMended: true,
    rssi: 0,
  };
}
