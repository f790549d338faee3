export type SocketKind = "sdk" | "own";

export type LinkKind = "wifi" | "ethernet";

/** The memory that a manifest reserves for XS (`creation`). */
export interface Creation {
  readonly slots: number;
  readonly chunkBytes: number;
  /** The steps in which it grows, at the cost of the heap for connections. */
  readonly slotsStep: number;
  readonly chunkBytesStep: number;
  readonly stackSlots: number;
}

/** The numbers that make one board different from another. */
export interface BoardKind {
  readonly name: string;
  /** TCP control blocks: connections at once, closing ones and listeners included (LWIP_MAX_ACTIVE_TCP). */
  readonly connectionsMax: number;
  /** Listeners at once (LWIP_MAX_LISTENING_TCP). */
  readonly listenersMax: number;
  /** Bytes written and not yet acknowledged, per connection (LWIP_TCP_SND_BUF_DEFAULT). */
  readonly sendBufferBytes: number;
  /** Bytes received and not yet read, per connection (LWIP_TCP_WND_DEFAULT). */
  readonly receiveWindowBytes: number;
  /** Bytes of payload in one segment (LWIP_TCP_MSS). */
  readonly segmentBytes: number;
  /** Segments that wait or are unacknowledged, per connection, however small (TCP_SND_QUEUELEN). */
  readonly segmentsQueuedMax: number;
  /** How long a dead address is tried: each SYN of LWIP_TCP_SYNMAXRTX for LWIP_TCP_RTO_TIME. */
  readonly connectTimeoutMs: number;
  /** How often lwIP's fast timer rings; its slow one takes two turns (LWIP_TCP_TMR_INTERVAL). */
  readonly timerMs: number;
  /** How long a connection that we closed first is remembered: 2 x LWIP_TCP_MSL; 0: not at all (TIME_WAIT). */
  readonly timeWaitMs: number;
  /** How long the last bytes and our FIN are sent again when the peer closed first: 2 x LWIP_TCP_MSL (LAST_ACK). */
  readonly lastAckTimeoutMs: number;
  /** Time that a peer has to close once it has acknowledged our FIN: LWIP_TCP_FIN_WAIT_TIMEOUT (FIN_WAIT_2). */
  readonly finWaitTimeoutMs: number;
  /** Events that may wait for the JavaScript task (manifest: defines.task.queueLength). */
  readonly eventQueueLength: number;
  /** How the board is in its network. */
  readonly link: LinkKind;
  /** From power on to an address in the network. */
  readonly joinMs: number;
  /** From reset to the program's first line. */
  readonly bootMs: number;
  /** When the watchdog ends a hang, where it is on (ESP_TASK_WDT_TIMEOUT_S with _INIT and _PANIC). */
  readonly taskWatchdogMs?: number | undefined;
  /** Free heap once the program runs and the link is up (`chip-memory.ts`); connections take of it. */
  readonly heapBytes: number;
  /** The memory that the firmware's manifest reserves for XS; without a manifest `undefined`. */
  readonly creation?: Creation | undefined;
  /** The C code below `TCP` and `Listener`: the SDK's, or the firmware's own (firmware/native). */
  readonly sockets: SocketKind;
  /**
   * Own sockets have `pipe`, for content without framing. On a board without it, as on one with the SDK's sockets, the engine moves
   * the bytes.
   */
  readonly pipes: boolean;
  /**
   * The firmware brings sockets of its own that do not follow pointers to what lwIP has freed. The
   * SDK's do (upstream #1655, #1656, #1679): there the board ends.
   */
  readonly socketsMended: boolean;
  /** Signal strength that the Wi-Fi reports, in dBm; a cable has none. */
  readonly rssi: number | undefined;
}
