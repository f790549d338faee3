import { once } from "node:events";
import { existsSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { delimiter, join } from "node:path";
import { seeded } from "net-mock-socket";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { PATIENCE_MS } from "../../../hil/kit/patience.ts";
import { esp32 } from "../../src/boards/esp32.ts";
import { BroadcastDomain } from "../../src/io/broadcast-domain.ts";
import { computerWire, lookUp } from "../../src/io/computer-wire.ts";
import { reservePort } from "../../src/reserved-port.ts";
import { configurationOf, FirmwareBoard } from "../firmware-board.ts";
import { DemoMachine, type PlannedMachine, settingsOf } from "./demo-machine.ts";
import { LocalBoard } from "./emulated.ts";
import { RemoteBoard } from "./remote.ts";
import { DemoBackend } from "./servers.ts";
import type { Watched } from "./watched.ts";
import { Workbench } from "./workbench.ts";

const TOKEN = "a-token-of-this-test";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function reserve(): Promise<number> {
  const { port, release } = await reservePort();
  stops.push(release);
  return port;
}

/** A board with backends a and b, and where its ports 80 and 8404 are found; with a boot time a alone, on the machine nas, which sleeps. */
async function bench(bootMs?: number) {
  const demo: DemoBackend[] = [];
  for (const name of bootMs === undefined ? ["a", "b"] : ["a"]) {
    const backend = new DemoBackend({ name, address: "127.0.0.1", port: await reserve() });
    stops.push(() => backend.stop());
    demo.push(backend);
  }
  const broadcasts = new BroadcastDomain();
  const { createSocket } = broadcasts;
  const plans = bootMs === undefined ? [] : [await planned(bootMs, demo[0].port)];
  const machines = plans.map(plan => {
    return new DemoMachine(plan, demo[0], { createServer: net.createServer, createSocket });
  });
  for (const machine of machines) stops.push(() => machine.stop());
  for (const backend of demo.slice(machines.length)) await backend.start();
  const document = {
    backends: demo.map(({ name, address, port }) => {
      return { name, address, port, ...(bootMs && { machine: "nas" }) };
    }),
    machines: plans.map(plan => settingsOf(plan, "127.0.0.1")),
    health: { intervalMs: 200, timeoutMs: 200 },
  };
  const ports = new Map([
    [80, await reserve()],
    [8404, await reserve()],
  ]);
  let workbench: Workbench | undefined;
  const board = new FirmwareBoard({
    kind: { ...esp32({ sockets: "own" }), joinMs: 10, connectionsMax: 32 },
    random: seeded(1),
    wire: computerWire(lookUp, broadcasts),
    publish: port => ({ host: "127.0.0.1", port: ports.get(port) ?? 0 }),
    onLine: line => workbench?.log(line),
  });
  const listener = { host: "127.0.0.1", port: ports.get(80)! };
  workbench = await open(new LocalBoard(board, listener), demo, machines);
  board.bootFirmware(configurationOf(document), { token: TOKEN });
  stops.push(() => board.unplug());
  const url = workbench.url;
  return { url, adminPort: ports.get(8404)!, proxyPort: ports.get(80)!, demo, machines };
}

async function planned(bootMs: number, port: number): Promise<PlannedMachine> {
  return { name: "nas", mac: "02:00:00:00:00:01", bootMs, port, sleepPort: await reserve() };
}

async function open(
  watched: Watched,
  servers: readonly DemoBackend[],
  machines: readonly DemoMachine[] = [],
): Promise<Workbench> {
  const workbench = await Workbench.open({ port: 0, watched, servers, machines });
  stops.push(() => workbench.stop());
  return workbench;
}

const executablePath = (process.env.PATH ?? "")
  .split(delimiter)
  .map(folder => join(folder, "chromium"))
  .find(file => existsSync(file));
const absence = executablePath === undefined ? " (skipped: chromium is not installed)" : "";

describe.skipIf(absence)(`the page in Chromium${absence}`, () => {
  let browser: Browser;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
  });
  afterAll(() => browser?.close());
  afterEach(() => expect(errors).toEqual([]));

  async function visit(url: string): Promise<void> {
    errors = [];
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    stops.push(() => page.close());
    page.on("pageerror", ({ message }) => errors.push(message));
    await page.goto(url);
  }

  const row = (name: string) => page.locator(`[data-backend=${name}]`);

  /** Waits until a chart's last values are as they should be; they stand in its label. */
  async function told(chart: string, is: (values: Record<string, number>) => boolean) {
    await expect
      .poll(
        async () => {
          const label = (await page.locator(chart).getAttribute("aria-label")) ?? "";
          const values = label.matchAll(/(\w+) (\d+(?:\.\d+)?)(?:\/s| %| ms)/g);
          return is(
            Object.fromEntries([...values].map(([, name, value]) => [name, Number(value)])),
          );
        },
        { message: chart },
      )
      .toBe(true);
  }

  test("a slow backend shows in the chart, ewma moves traffic away from it, a stopped one is down", async () => {
    const { url } = await bench();
    await visit(url);
    await page.getByLabel("amount").fill("40");
    await page.getByRole("button", { name: "start" }).click();
    await told("#share-chart", ({ a, b }) => a === 50 && b === 50);

    await page.getByLabel("latency of b").selectOption("500");
    await told("#latency-chart", ({ a, b }) => a < 250 && b >= 450);

    await page.getByLabel("strategy").selectOption("ewma");
    await told("#share-chart", ({ a, b }) => a >= 90 && b <= 10);

    await row("a").getByRole("button", { name: "stop" }).click();
    await row("a").getByText("down").waitFor();
    await told("#share-chart", ({ b }) => b === 100);
    await page.locator("#log").getByText("backend: down name=a").waitFor();

    await row("a").getByRole("button", { name: "start" }).click();
    await row("a").getByText("up", { exact: true }).waitFor();
    await row("b").getByRole("button", { name: "drain" }).click();
    await told("#share-chart", ({ a }) => a === 100);
  });

  test("a machine that sleeps is seen booting and awake when a request wakes it, and sleeps when its power button is pressed", async () => {
    const { url, proxyPort, machines } = await bench(3000);
    await visit(url);
    const nas = page.locator("[data-machine=nas]");
    await nas.getByText("asleep", { exact: true }).waitFor();
    await page.locator("#scene").getByText("a asleep").waitFor();
    const answer = fetch(`http://127.0.0.1:${proxyPort}/`);
    await nas.getByText("waking", { exact: true }).waitFor();
    await nas.getByText(/its power: booting, \d s of 3 s; \d magic packet/).waitFor();
    await page
      .locator("#scene")
      .getByText(/^booting {2}\d of 3 s$/)
      .waitFor();
    expect((await answer).status).toBe(200);
    await nas.getByText("awake", { exact: true }).waitFor();
    await page.locator("#log").getByText("machine: awake name=nas").waitFor();

    await nas.getByRole("button", { name: "press its power button" }).click();
    await nas.getByText(/its power: asleep/).waitFor();
    expect(machines[0].state.power).toBe("asleep");
    await page.locator("#scene").getByText("a asleep").waitFor(); // by checks

    await nas.getByLabel("fault of nas").selectOption("ignores-wake");
    await nas.getByRole("button", { name: "wake" }).first().click();
    await nas.getByText(/^operator, \d+ s/).waitFor();
    await nas.getByText(/its power: asleep, \d+ s; [1-9]\d* magic packets?/).waitFor();
  });

  test("without Wi-Fi the page shows it, and after a reset the board starts again", async () => {
    const { url } = await bench();
    await visit(url);
    await page.getByText("running", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Wi-Fi off" }).click();
    await page.locator("#state").getByText("no Wi-Fi").waitFor();
    await page.getByRole("button", { name: "Wi-Fi on" }).click();
    await page.locator("#state").getByText("running").waitFor();
    await page.getByRole("button", { name: "reset the board" }).click();
    await page.locator("#log li", { hasText: "proxy: ready" }).nth(1).waitFor();
    await page.locator("#state").getByText("running").waitFor();
  });

  test("a board elsewhere is seen and steered through its admin port; what it has not is not offered", async () => {
    const { adminPort } = await bench();
    const remote = { host: "127.0.0.1", port: adminPort, token: TOKEN };
    const watched: Watched = new RemoteBoard({ ...remote, onLine: line => workbench.log(line) });
    const workbench = await open(watched, []);
    await visit(workbench.url);
    await row("b").getByRole("button", { name: "maint" }).click();
    await row("b").locator(".pill", { hasText: "maint" }).waitFor();
    await page.locator("#log").getByText("backend: maint name=b").waitFor();
    await page.getByLabel("strategy").selectOption("ewma");
    await page.getByText("on trial").waitFor();
    await page.locator("#log").getByText("config: trial").waitFor();
    await page.getByText("faults: not available").first().waitFor();
    await page.getByText("Wi-Fi and reset: not available").waitFor();
    expect(await page.getByRole("button", { name: "Wi-Fi off" }).isVisible()).toBe(false);
  });
});

test("traffic ends when the last page is closed", async () => {
  const { url } = await bench();
  const open = () =>
    new Promise<{ close(): void; told(text: RegExp): Promise<void> }>((resolve, reject) => {
      const request = http.get(`${url}/events`, response => {
        let received = "";
        response.setEncoding("utf8");
        response.on("data", piece => {
          received += piece;
        });
        response.on("error", () => {}); // it is we who close it
        resolve({
          close: () => request.destroy(),
          told: text => expect.poll(() => received).toMatch(text) as Promise<void>,
        });
      });
      request.once("error", reject);
    });
  const page = await open();
  await fetch(`${url}/do/traffic`, {
    method: "POST",
    headers: { "X-Workbench": "page" },
    body: JSON.stringify({ protocol: "http", mode: "rate", amount: 5 }),
  });
  await page.told(/"answers":[1-9]/);
  page.close();
  const another = await open();
  stops.push(() => another.close());
  await another.told(/"ended":"the page was closed"/);
});

test.each([
  ["the page's own request", {}, 200],
  ["a page of another site", { Origin: "http://evil.example" }, 403],
  ["another port of this computer", { Origin: "http://127.0.0.1:1" }, 403],
  ["a foreign name that points here", { Host: "evil.example" }, 403],
  ["a request without the page's own field", { "X-Workbench": "" }, 403],
  ["what a page of another site loads", { "Sec-Fetch-Site": "cross-site" }, 403],
  ["what a page of another port of this computer loads", { "Sec-Fetch-Site": "same-site" }, 403],
])("%s: %j is answered %i", async (_who, fields: Record<string, string>, status) => {
  const { url, demo } = await bench();
  const headers = { "X-Workbench": "page", "Content-Type": "application/json", ...fields };
  if (headers["X-Workbench"] === "") delete (headers as Record<string, string>)["X-Workbench"];
  const request = http.request(`${url}/do/server`, { method: "POST", headers });
  request.end(JSON.stringify({ name: "a", running: false }));
  const [response] = await once(request, "response");
  response.resume();
  expect(response.statusCode).toBe(status);
  expect(demo[0].state.running).toBe(status !== 200);
});

/** A page's stream of events: its status, and what it has received. */
async function watch(url: string, headers: Record<string, string> = {}) {
  const request = http.get(`${url}/events`, { headers });
  stops.push(() => request.destroy());
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const received = { status: response.statusCode, text: "", ended: false };
  response.on("data", piece => {
    received.text += piece;
  });
  response.on("error", () => {});
  response.on("close", () => {
    received.ended = true;
  });
  return received;
}

test("a page of another site cannot watch, and takes no place; a link to the page may be followed", async () => {
  const { url } = await bench();
  for (const site of ["cross-site", "same-site"]) {
    const { status } = await watch(url, { "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors" });
    expect(status).toBe(403);
  }
  expect((await watch(url, { "Sec-Fetch-Site": "same-origin" })).status).toBe(200);
  const followed = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate" };
  expect((await watch(url, followed)).status).toBe(403);
  const page = http.get(url, { headers: followed });
  const [{ statusCode }] = await once(page, "response");
  page.destroy();
  expect(statusCode).toBe(200);
});

test("the page that is opened last is served, however many are open: the oldest is closed", async () => {
  const { url } = await bench();
  const pages: Awaited<ReturnType<typeof watch>>[] = [];
  for (let i = 0; i < 9; i++) pages.push(await watch(url));
  await expect.poll(() => pages[0].ended).toBe(true);
  expect(pages[0].text).toContain("event: replaced");
  await expect.poll(() => pages[8].text).toContain("event: hello");
  expect(pages.slice(1).map(({ status, ended }) => [status, ended])).toEqual(
    pages.slice(1).map(() => [200, false]),
  );
});

test.each([
  '{"name": {"toString": 1}, "weight": 1}',
  '{"name": "a", "latencyMs": {"valueOf": 1}}',
  '{"name": "a", "latencyMs": [1]}',
  '{"id": null}',
  '{"__proto__": {"name": "a"}}',
  "[]",
  "null",
  "7",
  "{",
  "[".repeat(4000),
])("%j is no wish: 400", async body => {
  const { url } = await bench();
  for (const name of [
    ...["server", "backend", "traffic", "traffic-end", "board", "balance"],
    ...["machine-change", "machine-power"],
  ]) {
    const headers = { "X-Workbench": "page" };
    const { status } = await fetch(`${url}/do/${name}`, { method: "POST", headers, body });
    expect([name, status]).toEqual([name, expect.toSatisfy(code => code === 400)]);
  }
});
