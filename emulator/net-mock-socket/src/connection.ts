import type { Clock } from "./clock.ts";
import type { SystemErrorCode } from "./errors.ts";
import type { Fabric } from "./fabric.ts";
import { type Ends, type Packet, type PacketDetails, type PacketKind, packet } from "./packet.ts";
import type { HostProfile } from "./profile.ts";
import { type Reader, Receiving } from "./receiving.ts";
import { Retransmission } from "./retransmission.ts";
import { Sending } from "./sending.ts";

/** The events of a connection, for the socket above it. */
export interface ConnectionOwner extends Reader {
  /** The handshake is complete. */
  connected(): void;
  acknowledged(bytes: number): void;
  /** The other end has acknowledged the FIN. */
  finAcknowledged(): void;
  /** The connection is forgotten, or in TIME_WAIT. `orderly`: both ends have closed it; `error` is what broke it. */
  released(orderly: boolean, error?: SystemErrorCode): void;
  /** False: there is no memory for this new segment, and it is lost. */
  admits(segment: Uint8Array): boolean;
  /** Refused, reset or timed out: the connection is gone. */
  failed(code: SystemErrorCode): void;
}

/**
 * The states of RFC 9293, 3.3.2; those between ESTABLISHED and TIME_WAIT follow from the two halves. `closed`: no
 * packet finds it any more.
 */
export type ConnectionState = "syn-sent" | "syn-received" | "established" | "time-wait" | "closed";

/** A connection's state as `netstat` shows it. */
export type ShownState = "connecting" | "open" | "closing" | "time-wait";

export interface ConnectionOptions {
  /** As its packets leave: `from` is this end. */
  readonly ends: Ends;
  readonly owner: ConnectionOwner;
  /** The `iss` of the SYN that it answers; `undefined`: it sends the first SYN. */
  readonly irs: number | undefined;
  readonly fabric: Fabric;
  /** True: its host counts connections, so it stays in TIME_WAIT though no packet can be late. */
  readonly pooled: boolean;
  /** Called when no packet finds it any more. */
  readonly onForgotten: () => void;
}

/**
 * One end of a TCP connection below the program: the handshake, the two halves, how it ends. It
 * outlives its socket until what was written has arrived and the other end has closed, too.
 */
export class Connection {
  readonly ends: Ends;
  state: ConnectionState;
  #fabric: Fabric;
  #clock: Clock;
  #profile: HostProfile;
  #pooled: boolean;
  #onForgotten: () => void;
  #owner: ConnectionOwner;
  #sending: Sending;
  #receiving: Receiving;
  #retransmission: Retransmission;
  #iss: number;
  /** The peer's `iss`, once a SYN of it has arrived. */
  #irs: number | undefined;
  /** The socket is closed: no program reads here any more. */
  #orphaned = false;
  #finWanted = false;
  /** This end closed first: it is the one that goes through TIME_WAIT. */
  #closedFirst = false;
  #cancelForget: (() => void) | undefined;
  #bornMs: number;

  constructor({ ends, owner, irs, fabric, pooled, onForgotten }: ConnectionOptions) {
    const { from, to } = ends;
    const { clock } = fabric;
    const mss = Math.min(from.profile.mss, to.profile.mss);
    this.state = irs === undefined ? "syn-sent" : "syn-received";
    this.#iss = fabric.initialSequenceNumber();
    this.#irs = irs;
    this.ends = ends;
    this.#fabric = fabric;
    this.#clock = clock;
    this.#profile = from.profile;
    this.#pooled = pooled;
    this.#onForgotten = onForgotten;
    this.#bornMs = clock.now();
    this.#owner = owner;
    this.#retransmission = new Retransmission(clock, from.profile, () => this.#onTimeout());
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
    this.#sendSyn(false);
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

  /** The connection's state as `netstat` shows it. */
  get shown(): ShownState {
    if (this.state === "time-wait") return "time-wait";
    if (this.#handshaking) return "connecting";
    return this.#finWanted ? "closing" : "open";
  }

  write(bytes: Buffer, taken: () => void): void {
    this.#sending.write(bytes, taken);
    this.probeIfStalled();
  }

  /** No byte follows. */
  end(): void {
    if (this.#finWanted || this.state === "closed") return;
    this.#finWanted = true;
    this.#closedFirst = !this.#receiving.finReceived;
    this.#sending.end();
  }

  /** The socket is closed: bytes that it wrote still leave, bytes that arrive are answered with a reset. */
  orphan(): void {
    if (this.state === "closed") return;
    if (this.state === "syn-sent") {
      this.forget();
      return;
    }
    this.#orphaned = true;
    this.end();
    this.#part();
  }

  reset(): void {
    if (this.state === "closed" || this.state === "time-wait") return;
    this.#send("RST");
    this.forget();
  }

  /** Sends nothing: this end does not exist any more. */
  forget(orderly = false, error?: SystemErrorCode): void {
    const released = this.#closed || this.state === "time-wait";
    this.state = "closed";
    this.#retransmission.stop();
    this.#cancelForget?.();
    this.#onForgotten();
    if (!released) this.#owner.released(orderly, error);
  }

  powerOff(): void {
    const unseen = this.state === "syn-received";
    this.forget();
    if (unseen) this.#owner.failed("ECONNRESET");
  }

  /** The program has consumed bytes. */
  consumed(): void {
    if (this.state === "established") this.#receiving.consumed();
  }

  /** Where packets may get lost, so may the one that would open a closed window: probes for it. */
  probeIfStalled(): void {
    if (this.#stalled && !this.#fabric.calm) this.#retransmission.set();
  }

  /** True: this SYN is of a later connection of the same port pair, and no late one of this connection. */
  isNewer(syn: Packet): boolean {
    return syn.iss > this.#irs!;
  }

  receive(got: Packet): void {
    if (got.kind === "RST") {
      if (got.irs !== undefined && got.irs !== this.#iss) return; // another connection's
      this.#failed(this.state === "syn-sent" ? "ECONNREFUSED" : "ECONNRESET");
    } else if (got.kind === "SYN") {
      if (this.state === "syn-received") this.#sendSyn(true);
      else if (!this.#handshaking) this.#acknowledge();
    } else if (this.#handshaking && got.irs !== this.#iss) {
      // The packet answers an earlier SYN, which arrived late (RFC 9293, 3.10.7.3 and 3.10.7.4).
      this.#fabric.send(packet("RST", this.ends, { irs: got.iss }));
    } else if (got.kind === "SYN-ACK") {
      const first = this.state === "syn-sent";
      if (first) {
        this.#irs = got.iss;
        this.#established();
      }
      this.#acknowledge(); // once more if the first one got lost
      if (first) this.#owner.connected();
    } else if (this.state !== "syn-sent") {
      if (got.iss !== this.#irs) {
        this.#acknowledge();
        return;
      }
      if (this.state === "syn-received") {
        this.#established();
        this.#owner.connected();
      }
      if (!this.#closed) this.#arrived(got);
    }
  }

  get #handshaking(): boolean {
    return this.state === "syn-sent" || this.state === "syn-received";
  }

  get #closed(): boolean {
    return this.state === "closed";
  }

  get #stalled(): boolean {
    return this.state === "established" && this.#sending.stalled;
  }

  /** An acknowledgement is due: of what was sent, or of a window probe. */
  get #due(): boolean {
    return this.#sending.outstanding || (this.#stalled && !this.#fabric.calm);
  }

  /** Sends the SYN of this end; it ends before the first byte, at position 0. */
  #sendSyn(again: boolean): void {
    this.#retransmission.sent(0, again);
    this.#send(this.state === "syn-sent" ? "SYN" : "SYN-ACK");
  }

  #established(): void {
    // lwIP takes no measure when its own SYN is answered: that of the first segment after it includes
    // all the time since then (tcp_process, SYN_SENT).
    if (this.state === "syn-received") this.#retransmission.acknowledged(0);
    this.state = "established";
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
    if (this.#closed) return;
    const edge = this.#receiving.announce();
    this.#send("ACK", { acked: this.#receiving.received, edge });
  }

  #onTimeout(): void {
    if (this.#retransmission.exhausted) {
      this.#failed("ETIMEDOUT");
      return;
    }
    if (this.#handshaking) this.#sendSyn(true);
    else if (this.#sending.outstanding) this.#sending.retransmit();
    else if (this.#stalled) this.#send("PROBE");
    else return;
    this.#retransmission.set();
  }

  #failed(code: SystemErrorCode): void {
    const notified = !this.#orphaned && this.state !== "time-wait";
    this.forget(false, code);
    if (notified) this.#owner.failed(code);
  }

  /** The next step of the end, once this end has closed and its FIN is acknowledged. */
  #part(): void {
    if (this.#closed || this.state === "time-wait" || !this.#sending.finAcked) return;
    if (!this.#receiving.finReceived) {
      if (this.#orphaned) this.#forgetAfter(this.#profile.finWaitMs);
    } else if (this.#closedFirst && (this.#fabric.lossesPossible || this.#pooled)) {
      this.state = "time-wait";
      this.#forgetAfter(this.#profile.timeWaitMs);
      this.#owner.released(true);
    } else {
      this.forget(true);
    }
  }

  #forgetAfter(ms: number): void {
    this.#cancelForget?.();
    this.#cancelForget = this.#clock.after(ms, () => this.forget());
  }

  #send(kind: PacketKind, details?: PacketDetails): void {
    const numbers = { iss: this.#iss, irs: this.#irs };
    this.#fabric.send(packet(kind, this.ends, { ...details, ...numbers }));
  }
}
