import type { Clock } from "./clock.ts";
import { type Fault, Faults, type Undo } from "./faults.ts";
import { Lane, type LinkSettings } from "./link.ts";
import { type Ends, type HostIdentity, type Packet, packet, reversed } from "./packet.ts";
import { Trace } from "./trace.ts";

/** More hosts than any network has. Combines the numbers of two hosts into one key of a map. */
const HOSTS_BOUND = 65_536;

/** One direction between two hosts. */
interface Path {
  /** `undefined`: the latency of the fabric. */
  lane: Lane | undefined;
  /** Packets in flight, held ones included. */
  packets: number;
  held: Packet[];
}

/** Both directions of a host's own link. */
interface HostLink {
  readonly up: Lane;
  readonly down: Lane;
}

export interface FabricOptions {
  readonly clock: Clock;
  /** Between two hosts that have no link of their own. */
  readonly latencyMs: number;
  readonly random: () => number;
  /** Events that `trace.lines` keeps. */
  readonly traceLines: number;
  /** Gives a packet to the host that it is addressed to. */
  readonly deliver: (packet: Packet) => void;
  /** Called as soon as packets may be lost. */
  readonly onLossPossible: () => void;
}

/**
 * Carries packets from host to host, over links and through faults. It knows no connection and no port, and it keeps
 * no time but that of its clock.
 */
export class Fabric {
  readonly clock: Clock;
  readonly latencyMs: number;
  readonly trace: Trace;
  #random: () => number;
  #deliver: (packet: Packet) => void;
  #onLossPossible: () => void;
  #paths = new Map<number, Path>();
  #hostLinks = new Map<HostIdentity, HostLink>();
  /** Settings of all links, by the hosts that they are for. */
  #links = new Map<string, LinkSettings>();
  #lossyLinks = false;
  #lossesPossible = false;
  #sequenceNumbers = 0;
  #faults = new Faults(
    () => this.#announceLosses(),
    () => this.#releaseHeld(),
  );

  constructor(options: FabricOptions) {
    this.clock = options.clock;
    this.latencyMs = options.latencyMs;
    this.trace = new Trace(options.traceLines);
    this.#random = options.random;
    this.#deliver = options.deliver;
    this.#onLossPossible = options.onLossPossible;
  }

  /** True: no packet can get lost at present. */
  get calm(): boolean {
    return !this.#lossyLinks && this.#faults.none;
  }

  /** True: a packet may have been lost at some time, so that TIME_WAIT makes a difference. */
  get lossesPossible(): boolean {
    return this.#lossesPossible;
  }

  /** A number that no connection had before: for `Packet.iss`. */
  initialSequenceNumber(): number {
    return ++this.#sequenceNumbers;
  }

  /** Sets the link between two hosts, both directions alike, in place of the latency. */
  linkPair(a: HostIdentity, b: HostIdentity, settings: LinkSettings): void {
    this.#path(a, b).lane = new Lane(settings, this.#random);
    this.#path(b, a).lane = new Lane(settings, this.#random);
    this.#noteLink(pairOf(a, b), settings);
  }

  /** Sets the link of one host, which all its packets pass besides. */
  linkHost(host: HostIdentity, settings: LinkSettings): void {
    const lane = () => new Lane(settings, this.#random);
    this.#hostLinks.set(host, { up: lane(), down: lane() });
    this.#noteLink(host.name, settings);
  }

  addFault(fault: Fault): Undo {
    return this.#faults.add(fault);
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  /** True: a fault leaves this host no place for another connection. */
  poolExhausted(host: HostIdentity): boolean {
    return !this.#faults.none && this.#faults.exhausts(host);
  }

  /** Packets in flight between two hosts, both ways; of the whole network without hosts. */
  inFlight(a?: HostIdentity, b?: HostIdentity): number {
    if (a !== undefined && b !== undefined) {
      return this.#path(a, b).packets + this.#path(b, a).packets;
    }
    let packets = 0;
    for (const path of this.#paths.values()) packets += path.packets;
    return packets;
  }

  send(sent: Packet): void {
    const path = this.#path(sent.from, sent.to);
    if (sent.from === sent.to) {
      this.trace.note(this.clock.now(), "sent", sent);
      this.#carry(path, sent, 0);
      return;
    }
    const verdict = this.#faults.none ? "pass" : this.#faults.judge(sent);
    if (verdict === "hold") {
      this.trace.note(this.clock.now(), "held", sent);
      path.packets++;
      path.held.push(sent);
    } else if (verdict === "drop" || (verdict === "reset" && sent.kind === "UDP")) {
      this.trace.note(this.clock.now(), "lost", sent);
    } else if (verdict === "reset") {
      this.trace.note(this.clock.now(), "reset", sent);
      this.resetBoth(sent);
    } else {
      this.#travel(path, sent, verdict === "pass" ? 0 : verdict.delayMs);
    }
  }

  /** A device on the way ends a connection: each end gets a reset that seems to come from the other. */
  resetBoth(ends: Ends): void {
    for (const direction of [ends, reversed(ends)]) {
      const reset = packet("RST", direction);
      this.#travel(this.#path(reset.from, reset.to), reset, 0);
    }
  }

  #travel(path: Path, sent: Packet, delayMs: number): void {
    const startMs = this.clock.now();
    const up = this.#hostLinks.get(sent.from)?.up;
    const down = this.#hostLinks.get(sent.to)?.down;
    let atMs: number | undefined = startMs;
    if (up !== undefined) atMs = up.pass(atMs, sent.bytes);
    if (atMs !== undefined) {
      atMs = path.lane === undefined ? atMs + this.latencyMs : path.lane.pass(atMs, sent.bytes);
    }
    if (atMs !== undefined && down !== undefined) atMs = down.pass(atMs, sent.bytes);
    this.trace.note(startMs, atMs === undefined ? "lost" : "sent", sent);
    if (atMs !== undefined) this.#carry(path, sent, atMs - startMs + delayMs);
  }

  #carry(path: Path, sent: Packet, ms: number): void {
    path.packets++;
    this.clock.after(ms, () => {
      path.packets--;
      if (!this.#faults.none && sent.from !== sent.to && this.#faults.cutsOff(sent)) {
        this.trace.note(this.clock.now(), "lost", sent);
        return;
      }
      this.#deliver(sent);
    });
  }

  /** A fault has ended: held packets are judged again. */
  #releaseHeld(): void {
    for (const path of this.#paths.values()) {
      const { held } = path;
      if (held.length === 0) continue;
      path.held = [];
      path.packets -= held.length;
      for (const packet of held) this.send(packet);
    }
  }

  #noteLink(key: string, settings: LinkSettings): void {
    this.#links.set(key, settings);
    this.#lossyLinks = [...this.#links.values()].some(({ loss }) => loss > 0);
    if (this.#lossyLinks) this.#announceLosses();
  }

  #announceLosses(): void {
    this.#lossesPossible = true;
    this.#onLossPossible();
  }

  #path(from: HostIdentity, to: HostIdentity): Path {
    const key = from.index * HOSTS_BOUND + to.index;
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = { lane: undefined, packets: 0, held: [] };
      this.#paths.set(key, path);
    }
    return path;
  }
}

/** A key for two hosts, the same in both orders: no host's name has a line end. */
export function pairOf(a: HostIdentity, b: HostIdentity): string {
  return [a.name, b.name].sort().join("\n");
}
