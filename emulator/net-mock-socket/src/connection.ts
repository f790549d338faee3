import type { Clock } from "./clock.ts";
import type { SystemErrorCode } from "./errors.ts";
import type { Host } from "./host.ts";
import type { NetstatRow } from "./network.ts";
import { type Ends, type Packet, type PacketDetails, type PacketKind, packet } from "./packet.ts";
import { type Reader, Receiving } from "./receiving.ts";
import { Retransmission } from "./retransmission.ts";
import { Sending } from "./sending.ts";

/** What the owner of a connection hears. */
export interface ConnectionOwner extends Reader {
  /** The handshake is complete. */
  connected(): void;
  acknowledged(bytes: number): void;
  /** The other end knows that no byte follows. */
  finAcknowledged(): void;
  /** It is forgotten, or in TIME_WAIT; orderly: both ends have closed it. `error` is what broke it. */
  parted(orderly: boolean, error?: SystemErrorCode): void;
  /** Is there memory for a new segment? Without it is lost. */
  admits(segment: Uint8Array): boolean;
  /** Refused, reset or given up: the connection is gone. */
  failed(code: SystemErrorCode): void;
}

/**
 * `calling` has sent a SYN, `answering` a SYN-ACK; `waiting` has ended both ways and stays to answer
 * what was lost and comes again (TIME_WAIT); `over` is forgotten.
 */
export type ConnectionState = "calling" | "answering" | "open" | "waiting" | "over";

/**
 * One end of a TCP connection below the program: the handshake, the two halves, how it ends. It
 * outlives its socket until what was written has arrived and the other end has closed, too.
 */
export class Connection {
  /** As its packets leave: `from` is here. */
  readonly ends: Ends;
  state: ConnectionState;
  #host: Host;
  #clock: Clock;
  #owner: ConnectionOwner;
  #sending: Sending;
  #receiving: Receiving;
  #retransmission: Retransmission;
  #iss: number;
  /** The peer's `iss`, once a SYN of it has come. */
  #irs: number | undefined;
  /** Its socket is closed: nobody reads here any more. */
  #orphaned = false;
  #finWanted = false;
  /** This end closed first: it is the one that waits at last. */
  #closedFirst = false;
  #cancelFarewell: (() => void) | undefined;
  #bornMs: number;

  /** With the `iss` of the SYN that it answers, or without one it calls. */
  constructor(ends: Ends, owner: ConnectionOwner, irs?: number) {
    const { from, to } = ends;
    const { clock } = from.network;
    const mss = Math.min(from.profile.mss, to.profile.mss);
    this.state = irs === undefined ? "calling" : "answering";
    this.#iss = from.network.initialSequenceNumber();
    this.#irs = irs;
    this.ends = ends;
    this.#host = from;
    this.#clock = clock;
    this.#bornMs = clock.now();
    this.#owner = owner;
    this.#retransmission = new Retransmission(clock, from.profile, () => this.#overdue());
    this.#sending = new Sending({
      now: () => clock.now(),
      mss,
      sendBuffer: from.profile.sendBuffer,
      window: to.profile.receiveWindow,
      transmit: (position, payload, again) => {
        const bytes = payload?.byteLength;
        this.#retransmission.sent(position + (bytes ?? 1), again);
        this.#send(bytes === undefined ? "FIN" : "DATA", { position, payload, bytes });
        this.#retransmission.set();
      },
    });
    this.#receiving = new Receiving({
      window: from.profile.receiveWindow,
      mss,
      reader: owner,
      acknowledge: () => this.#acknowledge(),
    });
    from.opened(this);
    this.#shake(false);
    this.#retransmission.set();
  }

  get unacked(): number {
    return this.#sending.unacked;
  }

  get unsent(): number {
    return this.#sending.unsent;
  }

  get unread(): number {
    return this.#orphaned ? 0 : this.#owner.unread();
  }

  /** Its state as `netstat` tells it. */
  get shown(): NetstatRow["state"] {
    if (this.state === "waiting") return "time-wait";
    if (this.state === "calling" || this.state === "answering") return "connecting";
    return this.#finWanted ? "closing" : "open";
  }

  write(bytes: Buffer, taken: () => void): void {
    this.#sending.write(bytes, taken);
    this.doubt();
  }

  /** No byte follows. */
  end(): void {
    if (this.#finWanted || this.state === "over") return;
    this.#finWanted = true;
    this.#closedFirst = !this.#receiving.finReceived;
    this.#sending.end();
  }

  /** The socket is closed: what was written still goes out, what comes is answered by a reset. */
  orphan(): void {
    if (this.state === "over") return;
    if (this.state === "calling") {
      this.forget();
      return;
    }
    this.#orphaned = true;
    this.end();
    this.#part();
  }

  reset(): void {
    if (this.state === "over" || this.state === "waiting") return;
    this.#send("RST");
    this.forget();
  }

  /** Nothing is said: this end does not exist any more. */
  forget(orderly = false, error?: SystemErrorCode): void {
    const parted = this.#over || this.state === "waiting";
    this.state = "over";
    this.#retransmission.stop();
    this.#cancelFarewell?.();
    this.#host.forgotten(this);
    if (!parted) this.#owner.parted(orderly, error);
  }

  /** Power off. */
  lose(): void {
    const unseen = this.state === "answering";
    this.forget();
    if (unseen) this.#owner.failed("ECONNRESET");
  }

  /** The program has consumed bytes. */
  consumed(): void {
    if (this.state === "open") this.#receiving.consumed();
  }

  /** Packets may get lost from now on, perhaps the one that would open a closed window: asks for it. */
  doubt(): void {
    if (this.#stalled && !this.#host.network.calm) this.#retransmission.set();
  }

  /** Does this SYN come from a later connection of the same port pair, not late from this one? */
  isNewer(syn: Packet): boolean {
    return syn.iss > this.#irs!;
  }

  receive(got: Packet): void {
    const handshaking = this.state === "calling" || this.state === "answering";
    if (got.kind === "RST") {
      if (got.irs !== undefined && got.irs !== this.#iss) return; // another connection's
      this.#failed(this.state === "calling" ? "ECONNREFUSED" : "ECONNRESET");
    } else if (got.kind === "SYN") {
      if (this.state === "answering") this.#shake(true);
      else if (!handshaking) this.#acknowledge();
    } else if (handshaking && got.irs !== this.#iss) {
      // It answers an earlier SYN, which came late (RFC 9293, 3.10.7.3 and 3.10.7.4).
      this.#host.network.send(packet("RST", this.ends, { irs: got.iss }));
    } else if (got.kind === "SYN-ACK") {
      const first = this.state === "calling";
      if (first) {
        this.#irs = got.iss;
        this.#established();
      }
      this.#acknowledge(); // once more if the first one got lost
      if (first) this.#owner.connected();
    } else if (this.state !== "calling") {
      if (got.iss !== this.#irs) {
        this.#acknowledge();
        return;
      }
      if (this.state === "answering") {
        this.#established();
        this.#owner.connected();
      }
      if (!this.#over) this.#arrived(got);
    }
  }

  get #over(): boolean {
    return this.state === "over";
  }

  get #stalled(): boolean {
    return this.state === "open" && this.#sending.stalled;
  }

  /** An answer is awaited: to what was sent, or to the question for a wider window. */
  get #due(): boolean {
    return this.#sending.outstanding || (this.#stalled && !this.#host.network.calm);
  }

  /** The SYN of this end; it ends before the first byte, at position 0. */
  #shake(again: boolean): void {
    this.#retransmission.sent(0, again);
    this.#send(this.state === "calling" ? "SYN" : "SYN-ACK");
  }

  #established(): void {
    // lwIP takes no measure when its own SYN is answered: that of the first segment after it includes
    // all the time since then (tcp_process, SYN_SENT).
    if (this.state === "answering") this.#retransmission.acknowledged(0);
    this.state = "open";
    if (this.#retransmission.tries === 0) {
      this.#retransmission.measured(this.#clock.now() - this.#bornMs);
    }
    this.#retransmission.connecting = false;
    this.#retransmission.answered(this.#due);
  }

  #arrived(got: Packet): void {
    this.#retransmission.acknowledged(got.kind === "ACK" ? got.acked : this.#sending.acked);
    if (got.kind === "PROBE") {
      this.#acknowledge();
    } else if (got.kind === "ACK") {
      this.#acknowledged(got.acked, got.edge);
    } else if (this.#orphaned && got.kind === "DATA" && this.#receiving.isNew(got.position)) {
      this.reset();
    } else if (
      got.payload === undefined ||
      !this.#receiving.isNew(got.position) ||
      this.#owner.admits(got.payload)
    ) {
      this.#receiving.arrived(got.position, got.payload);
      this.#part();
    }
  }

  #acknowledged(position: number, edge: number): void {
    const probing = !this.#sending.outstanding;
    const { finAcked } = this.#sending;
    const { progress, bytes, roundTripMs } = this.#sending.acknowledged(position, edge);
    if (roundTripMs !== undefined) this.#retransmission.measured(roundTripMs);
    if (progress || probing) this.#retransmission.answered(this.#due);
    if (bytes > 0) this.#owner.acknowledged(bytes);
    if (!finAcked && this.#sending.finAcked) this.#owner.finAcknowledged();
    this.#part();
  }

  #acknowledge(): void {
    if (this.#over) return;
    const edge = this.#receiving.announce();
    this.#send("ACK", { acked: this.#receiving.received, edge });
  }

  #overdue(): void {
    if (this.#retransmission.exhausted) {
      this.#failed("ETIMEDOUT");
      return;
    }
    if (this.state === "calling" || this.state === "answering") this.#shake(true);
    else if (this.#sending.outstanding) this.#sending.retransmit();
    else if (this.#stalled) this.#send("PROBE");
    else return;
    this.#retransmission.set();
  }

  #failed(code: SystemErrorCode): void {
    const told = !this.#orphaned && this.state !== "waiting";
    this.forget(false, code);
    if (told) this.#owner.failed(code);
  }

  /** What is left to do when this end has closed and the other end knows. */
  #part(): void {
    if (this.#over || this.state === "waiting" || !this.#sending.finAcked) return;
    const { network, profile } = this.#host;
    if (!this.#receiving.finReceived) {
      if (this.#orphaned) this.#farewell(profile.finWaitMs);
    } else if (this.#closedFirst && (network.lossesPossible || this.#host.pooled)) {
      this.state = "waiting";
      this.#farewell(profile.timeWaitMs);
      this.#owner.parted(true);
    } else {
      this.forget(true);
    }
  }

  #farewell(ms: number): void {
    this.#cancelFarewell?.();
    this.#cancelFarewell = this.#clock.after(ms, () => this.forget());
  }

  #send(kind: PacketKind, details?: PacketDetails): void {
    const numbers = { iss: this.#iss, irs: this.#irs };
    this.#host.network.send(packet(kind, this.ends, { ...details, ...numbers }));
  }
}
