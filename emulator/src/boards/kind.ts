/** The numbers that make one board different from another. */
export interface BoardKind {
  readonly name: string;
  /** Connections at once, closing ones included (LWIP_MAX_ACTIVE_TCP). */
  readonly connectionsMax: number;
  /** Listeners at once (LWIP_MAX_LISTENING_TCP). */
  readonly listenersMax: number;
  /** Bytes written and not yet acknowledged, per connection (LWIP_TCP_SND_BUF_DEFAULT). */
  readonly sendBufferBytes: number;
  /** Bytes received and not yet read, per connection (LWIP_TCP_WND_DEFAULT). */
  readonly receiveWindowBytes: number;
  /** Bytes of payload in one segment (LWIP_TCP_MSS). */
  readonly segmentBytes: number;
  /** Time that a peer has to answer our FIN (LWIP_TCP_FIN_WAIT_TIMEOUT). */
  readonly finWaitTimeoutMs: number;
  /** Events that may wait for the JavaScript task (manifest: defines.task.queueLength). */
  readonly eventQueueLength: number;
  /** From power on to an address on the Wi-Fi. */
  readonly joinMs: number;
  /** From reset to the program's first line. */
  readonly bootMs: number;
  /** When the watchdog ends a hang, where it is on (ESP_TASK_WDT_TIMEOUT_S with _INIT and _PANIC). */
  readonly taskWatchdogMs?: number | undefined;
  /** Free heap once the program runs and the radio is on; connections and datagrams take of it. */
  readonly heapBytes: number;
  /** Signal strength that the radio reports, in dBm. */
  readonly rssi: number;
}
