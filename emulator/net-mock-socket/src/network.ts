import type { Clock } from "./clock.ts";
import { Fabric, pairOf } from "./fabric.ts";
import { between, oneWay, type Rule, touching, type Undo } from "./faults.ts";
import { Host } from "./host.ts";
import { Kernel, type NetstatRow } from "./kernel.ts";
import { type LinkSettings, linkSettings } from "./link.ts";
import type { Packet } from "./packet.ts";
import type { HostProfile } from "./profile.ts";
import type { Trace } from "./trace.ts";

// A map of the package, the lowest floor first; no file imports one above it:
//
//   clock, random, errors, unsupported     used by all others; import nothing
//   retransmission, sending, receiving     the halves of a TCP connection, and its timer
//   profile, packet                        the numbers of a host; a packet between two
//   link, faults, trace                    delays of packets, faults that stop them, the record of them
//   fabric                                 carries packets from host to host
//   connection                             one end of a TCP connection
//   kernel                                 the ports and connections of one host
//   socket, server, datagrams              the shapes of net.Socket, net.Server and dgram.Socket
//   host                                   the shape of the module node:net
//   network                                hosts, links and faults by name: what a program imports

export type { Clock } from "./clock.ts";
export type { DatagramSource, MockDatagrams } from "./datagrams.ts";
export type { PacketAction, Rule, Undo } from "./faults.ts";
export type { Host } from "./host.ts";
export type { NetstatRow } from "./kernel.ts";
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

export interface NetworkOptions {
  clock: Clock;
  /** Time between two hosts that have no link of their own. */
  latencyMs?: number;
  /** From 0 to less than 1. Jitter and loss need it: give one that repeats, such as `seeded(7)`. */
  random?: () => number;
  /** Events that `trace.lines` keeps. */
  traceLines?: number;
}

/**
 * A network in memory: hosts, and the links between them. Each host has the shape of `node:net`, so a program
 * that is given a host instead needs no change.
 * It has no time and no randomness of its own: every delay is an alarm of the given clock, and jitter and loss
 * are drawn from `random`. With a virtual clock and a seed, the same program gives the same events in the same
 * order, however fast the computer is.
 */
export class Network {
  #fabric: Fabric;
  #random: () => number;
  #hosts = new Map<string, Host>();
  #kernels = new Map<string, Kernel>();
  #byAddress = new Map<string, Kernel>();
  /** By `HostIdentity.index`. */
  #byIndex: Kernel[] = [];
  /** The rule of `hold`, which `release` ends. */
  #holds = new Map<string, Undo[]>();

  constructor({ clock, latencyMs = 1, random = noRandom, traceLines = 0 }: NetworkOptions) {
    this.#random = random;
    this.#fabric = new Fabric({
      clock,
      latencyMs,
      random,
      traceLines,
      deliver: packet => this.#byIndex[packet.to.index].receive(packet),
      onLossPossible: () => {
        for (const { connections } of this.#byIndex) {
          for (const connection of connections) connection.probeIfStalled();
        }
      },
    });
  }

  get clock(): Clock {
    return this.#fabric.clock;
  }

  /** Time between two hosts that have no link of their own. */
  get latencyMs(): number {
    return this.#fabric.latencyMs;
  }

  get trace(): Trace {
    return this.#fabric.trace;
  }

  /** True: no packet can get lost at present. */
  get calm(): boolean {
    return this.#fabric.calm;
  }

  /** The host of this name, created at the first call. */
  host(name: string, profile: Partial<HostProfile> = {}): Host {
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const index = this.#hosts.size;
    if (index >= HOSTS_MAX) throw new Error(`not emulated: more than ${HOSTS_MAX} hosts`);
    const address = `${SUBNET}.${Math.floor(index / 254)}.${(index % 254) + 1}`;
    const find = (wanted: string) => this.#kernel(wanted);
    const hosts = this.#byIndex;
    const kernel = new Kernel({ fabric: this.#fabric, name, address, index, profile, find, hosts });
    const host = new Host(kernel);
    this.#hosts.set(name, host);
    this.#kernels.set(name, kernel);
    this.#byAddress.set(address, kernel);
    this.#byIndex.push(kernel);
    return host;
  }

  /** Gives the host another address. Its connections are not ended, and packets of them are delivered. */
  readdress(host: string, address: string): void {
    const kernel = this.#known(host);
    const owner = this.#byAddress.get(address);
    if (owner !== undefined && owner !== kernel) throw new Error(`${address} is ${owner.name}`);
    this.#byAddress.delete(kernel.address);
    kernel.address = address;
    this.#byAddress.set(address, kernel);
  }

  /** The host of this name or address. */
  find(nameOrAddress: string): Host | undefined {
    const kernel = this.#kernel(nameOrAddress);
    return kernel && this.#hosts.get(kernel.name);
  }

  /** Sets the link between two hosts, both directions alike, in place of the network's latency. */
  link(a: string, b: string, settings: Partial<LinkSettings>): void;
  /** Sets the link of one host, such as its Wi-Fi: all that it sends and receives passes there, too. */
  link(host: string, settings: Partial<LinkSettings>): void;
  link(
    a: string,
    b: string | Partial<LinkSettings>,
    pairSettings: Partial<LinkSettings> = {},
  ): void {
    const settings = linkSettings(typeof b === "string" ? pairSettings : b);
    if ((settings.jitterMs > 0 || settings.loss > 0) && this.#random === noRandom) noRandom();
    const host = this.#known(a);
    if (typeof b === "string") this.#fabric.linkPair(host, this.#known(b), settings);
    else this.#fabric.linkHost(host, settings);
  }

  /** Calls `rule` for every packet that leaves for another host. */
  rule(rule: Rule): Undo {
    return this.#fabric.addFault({ judge: rule, cuts: false });
  }

  /** Packets between these two are lost, those in flight included. */
  cut(a: string, b: string): Undo {
    return this.#drop(between(this.#known(a), this.#known(b)));
  }

  /** Packets of `from` to `to` are lost; the other direction works. */
  cutOneWay(from: string, to: string): Undo {
    return this.#drop(oneWay(this.#known(from), this.#known(to)));
  }

  /** Packets between these two wait, and go on in their order at `release` or when undone. */
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

  /** All packets from and to this host wait, as in a congested network. */
  clog(host: string): Undo {
    return this.#hold(touching(this.#known(host)));
  }

  /** Connections to this host are refused; those that it has go on. */
  refuse(host: string): Undo {
    const target = this.#known(host);
    return this.rule(({ kind, to }) => (kind === "SYN" && to === target ? "reset" : "pass"));
  }

  /** All packets to this host are lost. */
  blackHole(host: string): Undo {
    const target = this.#known(host);
    return this.#drop(({ to }) => to === target);
  }

  /** All packets from and to this host are lost: its peers time out, or never notice. */
  vanish(host: string): Undo {
    return this.#drop(touching(this.#known(host)));
  }

  /** This host has no place for another connection; those that it has go on. */
  exhaustPool(host: string): Undo {
    const exhausts = this.#known(host);
    return this.#fabric.addFault({ judge: () => "pass", cuts: false, exhausts });
  }

  /** This host has no memory for segments that arrive: they are lost. */
  exhaustBuffers(host: string): Undo {
    const target = this.#known(host);
    return this.#drop(({ kind, to }) => kind === "DATA" && to === target);
  }

  /** Breaks the connections that this host has with others: both ends get a reset. */
  resetConnections(host: string): void {
    for (const { ends, state } of [...this.#known(host).connections]) {
      if (ends.from !== ends.to && state !== "time-wait") this.#fabric.resetBoth(ends);
    }
  }

  /**
   * Power off: the host forgets its connections and listeners, and sends nothing. It is back when the
   * returned function is called; then it answers the packets of old connections with resets, and the
   * program may listen again.
   */
  crash(host: string): Undo {
    const fault = this.vanish(host);
    this.#known(host).powerOff();
    return fault;
  }

  /**
   * The host sleeps, and its network card alone listens: of packets to it only broadcasts and datagrams for a group arrive, and it
   * sends none. `onLost` is called with each other packet to it. Its connections and listeners are kept. Packets in flight arrive.
   */
  sleep(host: string, onLost: (packet: Packet) => void = () => {}): Undo {
    const sleeper = this.#known(host);
    return this.rule(packet => {
      if (packet.from === sleeper) return "drop";
      if (packet.to !== sleeper || packet.group !== undefined) return "pass";
      onLost(packet);
      return "drop";
    });
  }

  /** Ends all faults and rules. Held packets go on their way; links stay as they are. */
  heal(): void {
    this.#holds.clear();
    this.#fabric.clearFaults();
  }

  /** Packets in flight between two hosts, both ways; of the whole network without names. */
  inFlight(a?: string, b?: string): number {
    if (a === undefined || b === undefined) return this.#fabric.inFlight();
    return this.#fabric.inFlight(this.#known(a), this.#known(b));
  }

  /** Every listener and every connection that is not yet forgotten. Empty when all is over. */
  netstat(host?: string): NetstatRow[] {
    const kernels = host === undefined ? this.#byIndex : [this.#known(host)];
    return kernels.flatMap(kernel => kernel.netstat());
  }

  #drop(concerns: (packet: Packet) => boolean): Undo {
    return this.#fabric.addFault({ judge: p => (concerns(p) ? "drop" : "pass"), cuts: true });
  }

  #hold(concerns: (packet: Packet) => boolean): Undo {
    return this.#fabric.addFault({ judge: p => (concerns(p) ? "hold" : "pass"), cuts: false });
  }

  #kernel(nameOrAddress: string): Kernel | undefined {
    return this.#kernels.get(nameOrAddress) ?? this.#byAddress.get(nameOrAddress);
  }

  #known(name: string): Kernel {
    const kernel = this.#kernel(name);
    if (kernel === undefined) throw new Error(`no host ${name}`);
    return kernel;
  }
}

function noRandom(): number {
  throw new Error("jitter and loss need chance: new Network({ random: seeded(…) })");
}
