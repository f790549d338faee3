import type { Clock } from "./clock.ts";
import { between, Faults, oneWay, type Rule, touching, type Undo } from "./faults.ts";
import { Host } from "./host.ts";
import { Lane, type LinkSettings, linkSettings } from "./link.ts";
import { back, type Ends, type Packet, packet } from "./packet.ts";
import type { HostProfile } from "./profile.ts";
import { Trace } from "./trace.ts";

export type { Clock } from "./clock.ts";
export type { DatagramSource, MockDatagrams } from "./datagrams.ts";
export type { Rule, Undo, Verdict } from "./faults.ts";
export type { Host } from "./host.ts";
export type { LinkSettings } from "./link.ts";
export type { Packet, PacketKind } from "./packet.ts";
export { type HostProfile, LINUX, LWIP_PATIENCE } from "./profile.ts";
export { seeded } from "./random.ts";
export type { MockServer } from "./server.ts";
export type { MockSocket } from "./socket.ts";
export type { Trace } from "./trace.ts";

/** First two numbers of the addresses that hosts are given. */
const SUBNET = "10.0";

/** Hosts that the subnet has addresses for. */
const HOSTS_MAX = 254 * 256;

/** One line of `Network.netstat()`. */
export interface NetstatRow {
  readonly host: string;
  readonly local: string;
  readonly remote: string;
  readonly state: "listen" | "connecting" | "open" | "closing" | "time-wait" | "udp";
  /** Bytes that arrived and wait for the program. */
  readonly unread: number;
  /** Bytes that the program wrote and nobody acknowledged. */
  readonly unacked: number;
}

export interface NetworkOptions {
  clock: Clock;
  /** Time between two hosts that have no link of their own. */
  latencyMs?: number;
  /** From 0 to less than 1. Jitter and loss need it: give one that repeats, such as `seeded(7)`. */
  random?: () => number;
  /** Events that `trace.lines` keeps. */
  traceLines?: number;
}

/** The way from one host to another. */
interface Path {
  lane: Lane | undefined;
  /** Packets that are under way, held ones included. */
  packets: number;
  held: Packet[];
}

/** Both directions of a host's own link. */
interface HostLink {
  readonly up: Lane;
  readonly down: Lane;
}

/**
 * A network in memory: hosts, and the way between them. Each host is shaped like `node:net`, so a
 * program that is given one instead cannot tell.
 *
 * It knows no time of its own and no chance: everything that takes time is an alarm of the clock that
 * it was given, and what is left to chance asks `random`. With a clock that stands still until told
 * and a seed, the same program gives the same events in the same order, however fast the computer is.
 *
 * Links and faults touch packets only. What TCP promises stays true: bytes come late, or the
 * connection breaks; they never come twice, in another order, or with a hole.
 *
 * A fault lasts until the function that it returned is called, or `heal`. A host reaches itself in no
 * time and whatever the weather.
 */
export class Network {
  readonly clock: Clock;
  readonly latencyMs: number;
  readonly trace: Trace;
  #random: () => number;
  #hosts = new Map<string, Host>();
  #byAddress = new Map<string, Host>();
  #paths = new Map<number, Path>();
  #hostLinks = new Map<Host, HostLink>();
  #links = new Map<string, LinkSettings>();
  /** What `hold` began, for `release`. */
  #holds = new Map<string, Undo[]>();
  #lossy = false;
  #lossesPossible = false;
  #sequenceNumbers = 0;
  #faults = new Faults(
    () => this.#doubt(),
    () => this.#letGo(),
  );

  constructor({ clock, latencyMs = 1, random = noChance, traceLines = 0 }: NetworkOptions) {
    this.clock = clock;
    this.latencyMs = latencyMs;
    this.trace = new Trace(traceLines);
    this.#random = random;
  }

  /** The host of this name, made when it is first asked for. */
  host(name: string, profile: Partial<HostProfile> = {}): Host {
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const index = this.#hosts.size;
    if (index >= HOSTS_MAX) throw new Error(`not emulated: more than ${HOSTS_MAX} hosts`);
    const address = `${SUBNET}.${Math.floor(index / 254)}.${(index % 254) + 1}`;
    const host = new Host(this, name, { address, index }, profile);
    this.#hosts.set(name, host);
    this.#byAddress.set(address, host);
    return host;
  }

  /** The host of this name or address. */
  find(nameOrAddress: string): Host | undefined {
    return this.#hosts.get(nameOrAddress) ?? this.#byAddress.get(nameOrAddress);
  }

  /** Time from one host to another without a link of their own. */
  latencyBetween(from: Host, to: Host): number {
    return from === to ? 0 : this.latencyMs;
  }

  /** Sets the link between two hosts, both directions alike, in place of the network's latency. */
  link(a: string, b: string, settings: Partial<LinkSettings>): void;
  /** Sets the link of one host, such as its Wi-Fi: all that it sends and gets passes there, too. */
  link(host: string, settings: Partial<LinkSettings>): void;
  link(
    a: string,
    b: string | Partial<LinkSettings>,
    pairSettings: Partial<LinkSettings> = {},
  ): void {
    const settings = linkSettings(typeof b === "string" ? pairSettings : b);
    const lane = () => new Lane(settings, this.#random);
    if ((settings.jitterMs > 0 || settings.loss > 0) && this.#random === noChance) noChance();
    const host = this.#known(a);
    if (typeof b === "string") {
      const other = this.#known(b);
      this.#path(host, other).lane = lane();
      this.#path(other, host).lane = lane();
      this.#links.set(pairOf(host, other), settings);
    } else {
      this.#hostLinks.set(host, { up: lane(), down: lane() });
      this.#links.set(host.name, settings);
    }
    this.#lossy = [...this.#links.values()].some(({ loss }) => loss > 0);
    if (this.#lossy) this.#doubt();
  }

  /** Nothing can get lost at present. */
  get calm(): boolean {
    return !this.#lossy && this.#faults.none;
  }

  /** A packet may have been lost at some time: TIME_WAIT makes a difference. */
  get lossesPossible(): boolean {
    return this.#lossesPossible;
  }

  /** A number that no connection had before: for `Packet.iss`. */
  initialSequenceNumber(): number {
    return ++this.#sequenceNumbers;
  }

  /** Asks `rule` about every packet that leaves for another host. */
  rule(rule: Rule): Undo {
    return this.#faults.add({ judge: rule, cuts: false });
  }

  /** What these two send each other is lost, also what is under way. */
  cut(a: string, b: string): Undo {
    return this.#lose(between(this.#known(a), this.#known(b)));
  }

  /** What `from` sends to `to` is lost; the other direction works. */
  cutOneWay(from: string, to: string): Undo {
    return this.#lose(oneWay(this.#known(from), this.#known(to)));
  }

  /** What these two send each other waits, and goes on in its order at `release` or when undone. */
  hold(a: string, b: string): Undo {
    const key = pairOf(this.#known(a), this.#known(b));
    const undo = this.#hold(between(this.#known(a), this.#known(b)));
    this.#holds.set(key, [...(this.#holds.get(key) ?? []), undo]);
    return undo;
  }

  /** Ends every `hold` of these two. */
  release(a: string, b: string): void {
    const key = pairOf(this.#known(a), this.#known(b));
    const undos = this.#holds.get(key) ?? [];
    this.#holds.delete(key);
    for (const undo of undos) undo();
  }

  /** All that this host sends or should get waits, as behind a network that is jammed. */
  clog(host: string): Undo {
    return this.#hold(touching(this.#known(host)));
  }

  /** Connections to this host are refused; those that it has go on. */
  refuse(host: string): Undo {
    const target = this.#known(host);
    return this.rule(({ kind, to }) => (kind === "SYN" && to === target ? "reset" : "pass"));
  }

  /** All that is sent to this host is swallowed. */
  blackHole(host: string): Undo {
    const target = this.#known(host);
    return this.#lose(({ to }) => to === target);
  }

  /** This host is gone, without a word: its peers find out by themselves or never. */
  vanish(host: string): Undo {
    return this.#lose(touching(this.#known(host)));
  }

  /** This host has no place for another connection; those that it has go on. */
  exhaustPool(host: string): Undo {
    const exhausts = this.#known(host);
    return this.#faults.add({ judge: () => "pass", cuts: false, exhausts });
  }

  /** For `Host.makeRoom`. */
  exhausted(host: Host): boolean {
    return !this.#faults.none && this.#faults.exhausts(host);
  }

  /** This host has no memory for what comes: bytes for it are lost. */
  exhaustBuffers(host: string): Undo {
    const target = this.#known(host);
    return this.#lose(({ kind, to }) => kind === "DATA" && to === target);
  }

  /** Breaks the connections that this host has with others: both ends get a reset. */
  resetConnections(host: string): void {
    for (const { ends, state } of [...this.#known(host).connections]) {
      if (ends.from !== ends.to && state !== "waiting") this.#resetBoth(ends);
    }
  }

  /**
   * Power off: the host forgets its connections and listeners, and says nothing. It is back when the
   * returned function is called; then it answers the packets of old connections by resets, and the
   * program may listen again.
   */
  crash(host: string): Undo {
    const fault = this.vanish(host);
    this.#known(host).lose();
    return fault;
  }

  /** Ends all faults and rules. What was held goes on its way; links stay as they are. */
  heal(): void {
    this.#holds.clear();
    this.#faults.clear();
  }

  /** Packets under way from one host to another, both ways; of the whole network without names. */
  inFlight(a?: string, b?: string): number {
    if (a !== undefined && b !== undefined) {
      const [one, other] = [this.#known(a), this.#known(b)];
      return this.#path(one, other).packets + this.#path(other, one).packets;
    }
    let packets = 0;
    for (const path of this.#paths.values()) packets += path.packets;
    return packets;
  }

  /** Every listener and every connection that is not yet forgotten. Empty when all is over. */
  netstat(host?: string): NetstatRow[] {
    const hosts = host === undefined ? [...this.#hosts.values()] : [this.#known(host)];
    return hosts.flatMap(each => each.netstat());
  }

  /** A packet leaves its host. */
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
      this.#resetBoth(sent);
    } else {
      this.#travel(path, sent, verdict === "pass" ? 0 : verdict.delayMs);
    }
  }

  #travel(path: Path, sent: Packet, delayMs: number): void {
    const startMs = this.clock.now();
    const up = this.#hostLinks.get(sent.from)?.up;
    const down = this.#hostLinks.get(sent.to)?.down;
    let atMs: number | undefined = startMs;
    if (up !== undefined) atMs = up.pass(atMs, sent.bytes);
    if (atMs !== undefined) {
      atMs =
        path.lane === undefined
          ? atMs + this.latencyBetween(sent.from, sent.to)
          : path.lane.pass(atMs, sent.bytes);
    }
    if (atMs !== undefined && down !== undefined) atMs = down.pass(atMs, sent.bytes);
    this.trace.note(startMs, atMs === undefined ? "lost" : "sent", sent);
    if (atMs !== undefined) this.#carry(path, sent, atMs - startMs + delayMs);
  }

  #carry(path: Path, sent: Packet, ms: number): void {
    path.packets++;
    this.clock.after(ms, () => {
      path.packets--;
      if (!this.#faults.none && sent.from !== sent.to && this.#faults.takes(sent)) {
        this.trace.note(this.clock.now(), "lost", sent);
        return;
      }
      sent.to.receive(sent);
    });
  }

  /** Somebody on the way ends a connection: each end gets a reset that seems to come from the other. */
  #resetBoth(ends: Ends): void {
    for (const direction of [ends, back(ends)]) {
      const reset = packet("RST", direction);
      this.#travel(this.#path(reset.from, reset.to), reset, 0);
    }
  }

  #lose(concerns: (packet: Packet) => boolean): Undo {
    return this.#faults.add({ judge: p => (concerns(p) ? "drop" : "pass"), cuts: true });
  }

  #hold(concerns: (packet: Packet) => boolean): Undo {
    return this.#faults.add({ judge: p => (concerns(p) ? "hold" : "pass"), cuts: false });
  }

  /** A fault is over: held packets are judged anew. */
  #letGo(): void {
    for (const path of this.#paths.values()) {
      const { held } = path;
      if (held.length === 0) continue;
      path.held = [];
      path.packets -= held.length;
      for (const waiting of held) this.send(waiting);
    }
  }

  /** From now on packets may get lost: every connection must be ready for it. */
  #doubt(): void {
    this.#lossesPossible = true;
    for (const host of this.#hosts.values()) {
      for (const connection of host.connections) connection.doubt();
    }
  }

  #path(from: Host, to: Host): Path {
    const key = from.index * HOSTS_MAX + to.index;
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = { lane: undefined, packets: 0, held: [] };
      this.#paths.set(key, path);
    }
    return path;
  }

  #known(name: string): Host {
    const host = this.find(name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }
}

/** The same for both orders; no host's name has a line end. */
function pairOf(a: Host, b: Host): string {
  return [a.name, b.name].sort().join("\n");
}

function noChance(): number {
  throw new Error("jitter and loss need chance: new Network({ random: seeded(…) })");
}
