/** lwIP's tcp_state (src/include/lwip/tcpbase.h). LISTEN and SYN_RCVD are the wire's here. */
export type TcpState =
  | "SYN_SENT"
  | "ESTABLISHED"
  | "FIN_WAIT_1"
  | "FIN_WAIT_2"
  | "CLOSE_WAIT"
  | "CLOSING"
  | "LAST_ACK"
  | "TIME_WAIT"
  | "CLOSED";

/** The events that change a connection's state: its SYN is answered, a FIN leaves, arrives, is acknowledged. */
export type TcpEvent = "synAcked" | "finSent" | "finReceived" | "finAcked" | "freed";

/** RFC 9293, figure 5. Where an event has no entry the state stays. LAST_ACK ends when the wire forgets it. */
const TRANSITIONS: Record<TcpState, Partial<Record<TcpEvent, TcpState>>> = {
  SYN_SENT: { synAcked: "ESTABLISHED", freed: "CLOSED" },
  ESTABLISHED: { finSent: "FIN_WAIT_1", finReceived: "CLOSE_WAIT", freed: "CLOSED" },
  CLOSE_WAIT: { finSent: "LAST_ACK", freed: "CLOSED" },
  FIN_WAIT_1: { finAcked: "FIN_WAIT_2", finReceived: "CLOSING", freed: "CLOSED" },
  FIN_WAIT_2: { finReceived: "TIME_WAIT", freed: "CLOSED" },
  CLOSING: { finAcked: "TIME_WAIT", freed: "CLOSED" },
  LAST_ACK: { freed: "CLOSED" },
  TIME_WAIT: { freed: "CLOSED" },
  CLOSED: {},
};

const FIN_RECEIVED: readonly TcpState[] = ["CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT"];

const CLOSED_FIRST: readonly TcpState[] = ["FIN_WAIT_1", "FIN_WAIT_2", "CLOSING", "TIME_WAIT"];

/** The state after `event`. */
export function stateAfter(state: TcpState, event: TcpEvent): TcpState {
  return TRANSITIONS[state][event] ?? state;
}

/** The peer's FIN has arrived. */
export function finReceived(state: TcpState): boolean {
  return FIN_RECEIVED.includes(state);
}

/** The board's end has closed, before the peer's. */
export function closedFirst(state: TcpState): boolean {
  return CLOSED_FIRST.includes(state);
}

/** The board's end has closed. */
export function finSent(state: TcpState): boolean {
  return state === "LAST_ACK" || closedFirst(state);
}
