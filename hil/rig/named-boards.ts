import { networkInterfaces } from "node:os";
import type { Answer, DecodedPacket } from "dns-packet";
import multicastDns from "multicast-dns";
import { MDNS_GROUP, MDNS_PORT } from "../kit/mdns-peer.ts";

/** The type of service that boards announce: firmware/src/dns/board-records.ts. */
const SERVICE = "_hot-potato._tcp.local";

/** Time for answers: a board waits for up to 120 ms before it answers, and Wi-Fi may lose a question. */
const BROWSE_MS = 1_200;
const REPEAT_MS = 500;

/** Boards that are listed; a network with more has something else. */
const BOARDS_MAX = 64;

/** A board that has answered a question of multicast DNS. */
export interface NamedBoard {
  /** Such as `hot-potato.local`. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** 0 without an admin port. */
  readonly adminPort: number;
  readonly version: string;
  readonly build: string;
}

/** This computer's IPv4 addresses, one for each of its networks, and the loopback interface. */
function ownAddresses(): string[] {
  const networks = Object.values(networkInterfaces());
  return networks.flatMap(
    network => network?.find(({ family }) => family === "IPv4")?.address ?? [],
  );
}

/** The boards that answer within `ms` in the computer's networks, sorted by name. */
export async function browse(ms = BROWSE_MS, interfaces = ownAddresses()): Promise<NamedBoard[]> {
  const boards = new Map<string, NamedBoard>();
  const browsers = interfaces.map(address => {
    // Without a port of its own it asks as a resolver does, from any port, and a responder of this computer is not disturbed.
    const browser = multicastDns({ port: 0, interface: address });
    browser.on("response", response => {
      for (const board of boardsIn(response)) {
        if (boards.size < BOARDS_MAX) boards.set(board.name, board);
      }
    });
    browser.on("warning", () => {}); // a message that is no DNS, or an interface that is gone
    const failed = new Promise<void>(resolve => browser.once("error", () => resolve()));
    const ask = () =>
      browser.query([{ name: SERVICE, type: "PTR" }], { address: MDNS_GROUP, port: MDNS_PORT });
    ask();
    const repeating = setInterval(ask, REPEAT_MS);
    return { browser, failed, repeating };
  });
  const time = new Promise<void>(resolve => setTimeout(resolve, ms));
  await Promise.all(browsers.map(({ failed }) => Promise.race([failed, time])));
  for (const { browser, repeating } of browsers) {
    clearInterval(repeating);
    await new Promise<void>(resolve => browser.destroy(resolve));
  }
  return [...boards.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/** The boards that a response is about; without address or port it is none. */
export function boardsIn({ answers = [], additionals = [] }: Partial<DecodedPacket>): NamedBoard[] {
  const records = [...answers, ...additionals];
  const boards = records.map(record => {
    if (record.type !== "PTR" || record.name.toLowerCase() !== SERVICE) return undefined;
    const location = dataOf<{ target: string; port: number }>(records, "SRV", record.data);
    const address = location && dataOf<string>(records, "A", location.target);
    if (location === undefined || address === undefined) return undefined;
    const texts = textsOf(dataOf(records, "TXT", record.data));
    return {
      name: location.target,
      address,
      port: location.port,
      adminPort: Number(texts.get("admin") ?? 0),
      version: texts.get("version") ?? "",
      build: texts.get("build") ?? "",
    };
  });
  return boards.filter(board => board !== undefined);
}

/** The data of the record with this type and name. */
function dataOf<Data>(records: readonly Answer[], type: string, name: string): Data | undefined {
  const found = records.find(
    record => record.type === type && record.name.toLowerCase() === name.toLowerCase(),
  );
  return (found as { data: Data } | undefined)?.data;
}

/** `key=value` strings of a TXT record. */
function textsOf(data: unknown): Map<string, string> {
  const strings = Array.isArray(data) ? data.map(String) : [];
  return new Map(
    strings.map(text => {
      const equals = text.indexOf("=");
      return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

/** One line for each board. */
export function listNamed(boards: readonly NamedBoard[]): string {
  if (boards.length === 0) return "none has answered";
  const lines = boards.map(({ name, address, port, adminPort, version, build }) => {
    const admin = adminPort === 0 ? "no admin port" : `--address ${address}:${adminPort}`;
    const named = [version, build].filter(Boolean).join(" ");
    return `${printable(name)}  ${address}:${port}  ${printable(named)}  (${admin})`;
  });
  return lines.join("\n");
}

/** Text from the network, without control characters. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
