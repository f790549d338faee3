import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { execa } from "execa";
import { type Browser, chromium } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type MachineService, ScriptedMachine } from "../../backends/src/machine.ts";
import { backend } from "../../backends/src/serve.ts";
import { steady } from "../../backends/src/steady.ts";
import { REAL_TIME } from "../../backends/src/steps.ts";
import { BroadcastDomain } from "../../emulator/src/io/broadcast-domain.ts";
import { computerWire, lookUp } from "../../emulator/src/io/computer-wire.ts";
import { reservePort } from "../../emulator/src/reserved-port.ts";
import { startBoard } from "../kit/live-board.ts";
import { PATIENCE_MS } from "../kit/patience.ts";
import { missing, pathOf } from "./reference-proxies.ts";

// Real clients of a server on a machine that sleeps: what they see until the board has woken it.

const HOST = "127.0.0.1";
const MAC = "02:00:00:00:00:01";

/** Long enough that a client which is not held would have ended. */
const BOOT_MS = 2_500;

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hot-potato-wake-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

function absence(...programs: string[]): string {
  const none = missing(...programs);
  return none.length > 0 ? ` (skipped: ${none.join()} is not installed)` : "";
}

/** A service of the machine on a port of its own; while it does not run, connections are refused. */
async function service(run: (port: number) => Promise<() => unknown>) {
  const { port, release } = await reservePort(HOST);
  stops.push(release);
  let stop = (): unknown => undefined;
  const service: MachineService = {
    async start() {
      stop = await run(port);
    },
    stop: () => stop(),
  };
  return { port, service };
}

/** A board in front of a machine that sleeps, with the demo's server, and a TLS server where it has a certificate. */
async function doorway(pem?: { key: string; cert: string }) {
  const broadcasts = new BroadcastDomain();
  const plain = await service(async port => {
    const server = backend({ name: "a", behaviour: steady() });
    await server.listen(port, HOST);
    return () => server.stop();
  });
  const secure = await service(async port => {
    const server = tls.createServer(pem ?? {}, socket => socket.on("error", () => {}).pipe(socket));
    await once(server.listen(port, HOST), "listening");
    return () => server.close();
  });
  const machine = new ScriptedMachine({
    ...{ name: "nas", mac: MAC, bootMs: BOOT_MS, clock: REAL_TIME },
    host: { net: { createServer: net.createServer, createSocket: broadcasts.createSocket } },
  });
  machine.services.push(plain.service, ...(pem ? [secure.service] : []));
  stops.push(() => machine.leave());
  const served = { address: HOST, machine: "nas" };
  const board = await startBoard(
    [],
    {
      machines: [{ name: "nas", mac: MAC }],
      backends: [
        { ...served, name: "a", port: plain.port },
        ...(pem ? [{ ...served, name: "b", port: secure.port }] : []),
      ],
      ...(pem && { routes: [{ sni: ["one.test"], backends: ["b"] }, { backends: ["a"] }] }),
      health: { check: "tcp", intervalMs: 1000 },
    },
    undefined,
    undefined,
    computerWire(lookUp, broadcasts),
  );
  stops.push(() => board.stop());
  return { board, machine, url: `http://${HOST}:${board.port}` };
}

describe.skipIf(absence("curl"))(`curl${absence("curl")}`, () => {
  const curl = (...args: string[]) =>
    execa("curl", ["-q", "--silent", "--show-error", "--noproxy", "*", ...args]);
  /** The body, and the seconds that it took. */
  const TIMED = ["--write-out", "%{time_total}"];

  test("its request is held until the machine is ready, and answered once", async () => {
    const { board, machine, url } = await doorway();
    const { stdout } = await curl(...TIMED, `${url}/photos`);
    const [body, seconds] = stdout.split("\n");
    expect(body).toBe("a: GET /photos");
    expect(Number(seconds) * 1000).toBeGreaterThanOrEqual(BOOT_MS);
    expect(machine).toMatchObject({ state: "awake", boots: 1 });
    expect(board.requests.map(({ values }) => values.status)).toEqual(["200"]);

    const again = await curl(...TIMED, `${url}/again`);
    expect(Number(again.stdout.split("\n")[1]) * 1000).toBeLessThan(BOOT_MS);
  });

  test("an upload waits for 100 Continue, and is received whole", async () => {
    const { url } = await doorway();
    const body = "x".repeat(20_000);
    const upload = [
      "--header",
      "Expect: 100-continue",
      "--expect100-timeout",
      "60",
      "--data",
      body,
    ];
    expect((await curl(...upload, `${url}/up`)).stdout).toBe("a: POST /up (20000 bytes received)");
  });

  test("six at once are all held and all answered", async () => {
    const { machine, url } = await doorway();
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(i => curl(`${url}/${i}`)));
    expect(answers.map(({ stdout }) => stdout)).toEqual(
      [1, 2, 3, 4, 5, 6].map(i => `a: GET /${i}`),
    );
    expect(machine.boots).toBe(1);
  });
});

test("a raw TCP client is held, and its line is echoed", async () => {
  const { board } = await doorway();
  const socket = net.connect(board.port, HOST);
  stops.push(() => socket.destroy());
  socket.write("hello\n");
  const [bytes] = await once(socket, "data");
  expect(`${bytes}`).toBe("a: hello\n");
});

describe.skipIf(absence("openssl"))(`openssl s_client${absence("openssl")}`, () => {
  test("its hello is held, and the handshake is that of the server on the machine", async () => {
    const [key, cert] = [join(folder, "key"), join(folder, "cert")];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const files = ["-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=one.test"];
    await execa("openssl", ["req", "-x509", ...curve, ...files]);
    const { board, machine } = await doorway({
      key: readFileSync(key, "utf8"),
      cert: readFileSync(cert, "utf8"),
    });
    const client = execa(
      "openssl",
      [
        ...["s_client", "-connect", `${HOST}:${board.port}`, "-servername", "one.test"],
        ...["-CAfile", cert, "-verify_return_error", "-quiet", "-no_ign_eof"],
      ],
      { reject: false, all: true },
    );
    stops.push(async () => {
      client.kill("SIGKILL");
      await client;
    });
    client.stdin.write("hello over TLS\n");
    let received = "";
    client.stdout.on("data", piece => {
      received += piece;
    });
    await expect.poll(() => received).toContain("hello over TLS\n");
    expect(machine.state).toBe("awake");
  });
});

describe.skipIf(absence("chromium"))(`Chromium${absence("chromium")}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: pathOf("chromium")!,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
  });
  afterAll(() => browser?.close());

  test.each([
    { what: "with JavaScript", javaScriptEnabled: true },
    { what: "with JavaScript off", javaScriptEnabled: false },
  ])(
    "$what: a page that says what it waits for, then the service, without a click",
    async ({ javaScriptEnabled }) => {
      const { machine, url } = await doorway();
      const context = await browser.newContext({ javaScriptEnabled });
      stops.push(() => context.close());
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      const answer = await page.goto(`${url}/album?page=2`);
      expect(answer?.status()).toBe(503);
      expect(Number(answer?.headers()["retry-after"])).toBeGreaterThan(0);
      expect(await page.textContent("body")).toContain("The server is waking up");
      expect(machine.state).toBe("booting");

      await page.getByText("a: GET /album?page=2").waitFor();
      expect(page.url()).toBe(`${url}/album?page=2`);
      expect(machine.boots).toBe(1);
    },
  );
});
