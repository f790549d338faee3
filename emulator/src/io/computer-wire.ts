import dgram from "node:dgram";
import dns from "node:dns/promises";
import { EventEmitter } from "node:events";
import net from "node:net";
import { networkInterfaces } from "node:os";
import { type Answer, decode, encode, type Packet } from "dns-packet";
import { ntpAnswer } from "../ntp-server.ts";
import { BroadcastDomain } from "./broadcast-domain.ts";
import type { Wire, WireDatagrams } from "./wire.ts";

/** The address at which a board on this computer's network has its DNS server and its time server: they are in this process. */
export const SERVICES_ADDRESS = "127.0.0.1";

const DNS_PORT = 53;
const NTP_PORT = 123;

/** Multicast DNS. */
const MDNS_PORT = 5353;
const MDNS_GROUP = "224.0.0.251";

/** All hosts of the loopback interface. */
const LOOPBACK_BROADCAST = "127.255.255.255";

/** Time to live of the answers, in seconds: the computer's resolver does not tell it. */
const TTL_S = 30;

const SERVFAIL = 2;
const NXDOMAIN = 3;

/** The IPv4 addresses of a name; none: there is no such name. Rejects where that cannot be found out. */
export type LookUp = (name: string) => Promise<readonly string[]>;

/** As programs of this computer resolve it: /etc/hosts, multicast DNS and DNS servers, as the computer is set up. */
export const lookUp: LookUp = async name => {
  try {
    const found = await dns.lookup(name, { family: 4, all: true });
    return found.map(({ address }) => address);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTFOUND" || code === "ENODATA") return [];
    throw error;
  }
};

/**
 * This computer's network. A board's questions to its DNS server and about `.local` are answered here by the computer's resolver, and
 * those to its time server by the computer's clock. Names of pool.ntp.org lead to that time server, so no other one is asked. What else the board sends to groups, and what it
 * sends to all hosts, stays on the loopback interface; `broadcasts` receives the latter, too.
 */
export function computerWire(resolve: LookUp = lookUp, broadcasts = new BroadcastDomain()): Wire {
  return {
    ...net,
    takesOnread: true,
    createSocket: options => new ComputerDatagrams(options, resolve, broadcasts),
  };
}

/** A socket of `node:dgram` that answers some datagrams itself. */
class ComputerDatagrams extends EventEmitter implements WireDatagrams {
  #options: dgram.SocketOptions;
  #socket!: dgram.Socket;
  #resolve: LookUp;
  #broadcasts: BroadcastDomain;
  /** The board speaks multicast DNS as a host of its own, beside this computer's. */
  #isResponder = false;
  #closed = false;

  constructor(options: dgram.SocketOptions, resolve: LookUp, broadcasts: BroadcastDomain) {
    super();
    this.#options = options;
    this.#resolve = resolve;
    this.#broadcasts = broadcasts;
  }

  bind({ port, address }: { port: number; address?: string | undefined }): void {
    this.#isResponder = port === MDNS_PORT;
    this.#socket = dgram.createSocket({ ...this.#options, reuseAddr: this.#isResponder });
    this.#socket.on("message", (bytes, from) => this.emit("message", bytes, from));
    this.#socket.on("error", error => this.emit("error", error));
    this.#socket.bind({ port, address });
  }

  send(bytes: Uint8Array, port: number, address: string): void {
    const answer = (message: Uint8Array | undefined) => {
      if (message === undefined || this.#closed) return;
      const from = { address: SERVICES_ADDRESS, port };
      this.emit("message", Buffer.from(message), from);
    };
    if (address === SERVICES_ADDRESS && port === NTP_PORT) {
      setImmediate(() => answer(ntpAnswer(bytes, Date.now())));
    } else if (
      (address === SERVICES_ADDRESS && port === DNS_PORT) ||
      (address === MDNS_GROUP && port === MDNS_PORT && !this.#isResponder)
    ) {
      void dnsAnswer(bytes, this.#resolve).then(answer);
    } else if (isBroadcast(address)) {
      this.#broadcasts.send(bytes, port);
      this.#socket.send(bytes, port, LOOPBACK_BROADCAST);
    } else {
      this.#socket.send(bytes, port, address);
    }
  }

  /** Always true: no datagram to all hosts leaves the loopback interface. */
  setBroadcast(): void {
    this.#socket.setBroadcast(true);
  }

  address(): { readonly port: number } {
    return this.#socket.address();
  }

  addMembership(group: string): void {
    this.#socket.addMembership(group, SERVICES_ADDRESS);
    this.#socket.setMulticastInterface(SERVICES_ADDRESS);
  }

  dropMembership(group: string): void {
    this.#socket.dropMembership(group, SERVICES_ADDRESS);
  }

  setMulticastTTL(timeToLive: number): void {
    this.#socket.setMulticastTTL(timeToLive);
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }
}

/** The answer to a question for an IPv4 address; `undefined`: it is no such question. */
async function dnsAnswer(bytes: Uint8Array, resolve: LookUp): Promise<Uint8Array | undefined> {
  let query: Packet;
  try {
    query = decode(Buffer.from(bytes));
  } catch {
    return undefined;
  }
  const { id, questions = [] } = query;
  const [question] = questions;
  if (query.type !== "query" || question?.type !== "A") return undefined;
  const { name } = question;
  try {
    const addresses = isTimePool(name) ? [SERVICES_ADDRESS] : await resolve(name);
    const answers = addresses.map((data): Answer => ({ type: "A", name, ttl: TTL_S, data }));
    const flags = answers.length === 0 ? NXDOMAIN : 0;
    return encode({ type: "response", id, questions, answers, flags });
  } catch {
    return encode({ type: "response", id, questions, flags: SERVFAIL });
  }
}

/** Whether this address is one of all hosts, in any subnet of this computer. */
function isBroadcast(address: string): boolean {
  if (address === "255.255.255.255") return true;
  const own = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? []);
  return own.some(
    ({ family, address: host, netmask }) =>
      family === "IPv4" &&
      netmask !== "255.255.255.255" &&
      address === broadcastOf(host.split("."), netmask.split(".")),
  );
}

function broadcastOf(host: readonly string[], netmask: readonly string[]): string {
  return host.map((byte, i) => Number(byte) | (~Number(netmask[i]) & 0xff)).join(".");
}

function isTimePool(name: string): boolean {
  return /(^|\.)pool\.ntp\.org$/i.test(name);
}
