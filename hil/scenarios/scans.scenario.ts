import { expect } from "expect";
import type { ScriptedMachine } from "../../backends/src/machine.ts";
import { alpn, clientHello, name } from "../../firmware/src/net/hellos/testing.ts";
import { FIRST_LINE, HOST, PATH, SERVER_NAME, scans } from "../kit/scans.ts";
import { scenario } from "../kit/scenario.ts";
import type { ScenarioLab } from "../kit/scenario-lab.ts";

const SCANS = 1_000;

/** Scanners at a time. */
const AT_ONCE = 8;

/** Longest time until a scanner closes its connection. */
const SCANNER_MS = 2_000;

const hello = (...extensions: readonly (readonly number[])[]) =>
  Buffer.from(clientHello(...extensions)).toString("latin1");

const http = (line: string, ...fields: readonly string[]) =>
  `${[line, ...fields].join("\r\n")}\r\n\r\n`;

const host = `Host: ${HOST}`;

/** The first bytes of clients of the service, each of which may wake its machine. */
const WELCOME: readonly string[] = [
  http(`GET ${PATH} HTTP/1.1`, host),
  http(`GET ${PATH}/ HTTP/1.1`, host),
  http(`GET ${PATH}/2026/summer.jpg HTTP/1.1`, host),
  http(`GET ${PATH}?page=2 HTTP/1.1`, host),
  http(`GET ${PATH}/%E3%81%82.jpg HTTP/1.1`, host),
  http(`GET ${PATH}/${"long".repeat(60)} HTTP/1.1`, host),
  http(`GET /%61lbum HTTP/1.1`, host),
  http(`GET /x/..${PATH} HTTP/1.1`, host),
  http(`GET ${PATH} HTTP/1.1`, `Host: ${HOST.toUpperCase()}`),
  http(`GET ${PATH} HTTP/1.1`, `${host}:80`),
  http(`GET ${PATH} HTTP/1.1`, `${host}.`),
  http(`GET ${PATH} HTTP/1.0`, host),
  http(`GET http://${HOST}${PATH} HTTP/1.1`, host),
  http(`GET ${PATH} HTTP/1.1`, "Accept: application/json", host),
  `${http(`POST ${PATH} HTTP/1.1`, host, "Content-Length: 5")}hello`,
  `${http(`POST ${PATH} HTTP/1.1`, host, "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`,
  hello(name(SERVER_NAME)),
  hello(alpn("h2", "http/1.1"), name(SERVER_NAME)),
  `${FIRST_LINE}potato\r\n`,
  `${FIRST_LINE}\0\x01\x02`,
];

/** The connection of a scanner, until the board has closed it or the scanner goes. */
async function scan(lab: ScenarioLab, bytes: string): Promise<void> {
  const client = lab.client();
  await client.connect();
  if (bytes !== "") client.send(bytes);
  await Promise.race([client.closed(), new Promise<void>(go => lab.later(SCANNER_MS, go))]);
  client.leave();
}

/** The machine goes to sleep by itself, and the board notices. */
async function putToSleep(lab: ScenarioLab, nas: ScriptedMachine): Promise<void> {
  nas.sleep();
  await lab.until({ on: "machine", what: "asleep" });
}

scenario(
  "1,000 scans and health checks do not wake a machine, and each of 20 requests that may wakes it on the same board",
  { needs: ["machines"] },
  async lab => {
    const wakeFor = [
      { host: HOST, path: PATH, methods: ["GET", "POST"] },
      { sni: [SERVER_NAME] },
      { firstLine: FIRST_LINE },
    ];
    const nas = lab.machine("nas", { bootMs: 2_000 }, { wakeFor });
    const web = lab.backend("web", {}, { machine: "nas" });
    await lab.proxy({
      health: { intervalMs: 1_000, timeoutMs: 500, fall: 1 },
      routes: [{ backends: ["web"] }, { sni: ["*"], backends: ["web"] }],
      log: { requests: "none" },
    });

    await new Promise<void>(go => lab.later(5_000, go)); // the board looks once whether it is awake
    const received = nas.receivedAsleep;
    const all = scans(SCANS);
    for (let at = 0; at < all.length; at += AT_ONCE) {
      const some = all.slice(at, at + AT_ONCE);
      await Promise.all(some.map(({ bytes }) => scan(lab, bytes)));
      const woken = nas.state === "asleep" && nas.magicPackets === 0 ? [] : some;
      expect(woken.map(({ what }) => what)).toEqual([]);
    }
    expect(nas.receivedAsleep).toBe(received);
    expect(web.asked).toEqual([]);

    const ignored: string[] = [];
    for (const [index, bytes] of WELCOME.entries()) {
      const client = lab.client();
      client.send(bytes);
      await lab.until({ on: "machine", what: "awake" });
      if (nas.boots !== index + 1) ignored.push(bytes);
      client.leave();
      await putToSleep(lab, nas);
    }
    expect(ignored).toEqual([]);
    expect(nas.boots).toBe(WELCOME.length);
  },
);
