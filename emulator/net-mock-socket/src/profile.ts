import type { RetransmissionTimes } from "./retransmission.ts";

/** How a host's TCP is set up. */
export interface HostProfile extends RetransmissionTimes {
  /** Bytes of payload in one segment; the smaller one of both hosts counts. */
  readonly mss: number;
  /** Bytes that a peer may send beyond those that were consumed here. */
  readonly receiveWindow: number;
  /** Bytes that the program may write before they are acknowledged. */
  readonly sendBuffer: number;
  /** Connections that a listener queues for its program; more are refused. */
  readonly backlog: number;
  /**
   * The event that opens the window: `delivered`, when the program takes the bytes; `recved`, only its call of
   * `socket.recved(bytes)`, as a program on lwIP calls tcp_recved.
   */
  readonly windowRelease: "delivered" | "recved";
  /**
   * Connections at once, closing ones and those in TIME_WAIT included. Beyond them a SYN is not answered,
   * and `connect` fails with ENOBUFS; the oldest one in TIME_WAIT makes room.
   */
  readonly connectionsMax: number;
  /** How long the end that closed first stays in TIME_WAIT. */
  readonly timeWaitMs: number;
  /** How long a closed socket waits for the other end to close, too. */
  readonly finWaitMs: number;
}

/** A desktop computer with Linux 6: Ethernet's segments, buffers that hardly ever fill. */
export const LINUX: HostProfile = {
  mss: 1460,
  receiveWindow: 65_535, // and up
  sendBuffer: 65_535, // and up
  backlog: 511, // Node's default
  windowRelease: "delivered",
  connectionsMax: Number.POSITIVE_INFINITY,
  timeWaitMs: 60_000, // TCP_TIMEWAIT_LEN, include/net/tcp.h
  finWaitMs: 60_000, // net.ipv4.tcp_fin_timeout
  rtoInitialMs: 1_000, // TCP_TIMEOUT_INIT, include/net/tcp.h
  rtoMinMs: 200, // TCP_RTO_MIN
  rtoMaxMs: 120_000, // TCP_RTO_MAX
  retransmissionsMax: 15, // net.ipv4.tcp_retries2: about 15 minutes
  synRetransmissionsMax: 6, // net.ipv4.tcp_syn_retries: 127 s
  synBackoff: true,
};

/** lwIP's times, as ESP-IDF builds it (components/lwip/Kconfig, v6.0; lwIP's tcp.c). */
export const LWIP_PATIENCE: Partial<RetransmissionTimes> = {
  rtoInitialMs: 1_500, // LWIP_TCP_RTO_TIME
  retransmissionsMax: 12, // LWIP_TCP_MAXRTX
  synRetransmissionsMax: 6, // LWIP_TCP_SYNMAXRTX
  synBackoff: false, // tcp_slowtmr: not in SYN_SENT
  slowTimerMs: 500, // TCP_SLOW_INTERVAL: two turns of LWIP_TCP_TMR_INTERVAL
};
