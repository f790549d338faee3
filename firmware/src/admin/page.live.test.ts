import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serve } from "../../../backends/src/serve.ts";
import { steady } from "../../../backends/src/steady.ts";
import { reservePort } from "../../../emulator/src/reserved-port.ts";
import { type LiveBoard, startBoard } from "../../../hil/kit/live-board.ts";
import { PATIENCE_MS } from "../../../hil/kit/patience.ts";

const TOKEN = "correct-horse";

const executablePath = (process.env.PATH ?? "")
  .split(delimiter)
  .map(folder => join(folder, "chromium"))
  .find(file => existsSync(file));
const absence = executablePath === undefined ? " (skipped: chromium is not installed)" : "";

describe.skipIf(absence)(`the board's page in Chromium${absence}`, () => {
  /** Exceptions of the page's script, and the console's output before anything was refused. */
  const errors: string[] = [];
  const stops: (() => unknown)[] = [];
  let servers: Awaited<ReturnType<typeof serve>>[];
  let browser: Browser;
  let board: LiveBoard;
  let page: Page;

  beforeAll(async () => {
    servers = await Promise.all(
      ["a", "b"].map(name => serve({ name, host: "127.0.0.1", port: 0, behaviour: steady() })),
    );
    board = await startBoard(
      servers.map(({ port }) => port),
      { health: { check: "tcp", intervalMs: 1000 } },
    );
    board.app.runtime.token.set(TOKEN);
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", ({ message }) => errors.push(message));
    page.on("console", message => errors.push(message.text()));
    await page.goto(`http://127.0.0.1:${board.adminPort}/`);
    stops.push(
      () => browser.close(),
      () => board.stop(),
      () => Promise.all(servers.map(server => server.stop())),
    );
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
  });

  const card = (name: string) =>
    page.locator(".backend", { has: page.locator(`summary b:has-text("${name}")`) });
  const said = () => page.locator("#said");

  /** Who answers the next requests. */
  async function answers(count: number): Promise<string> {
    const names: string[] = [];
    for (let i = 0; i < count; i++) {
      const reply = await fetch(`http://127.0.0.1:${board.port}/`);
      names.push((await reply.text())[0]);
    }
    return names.join("");
  }

  test("it shows both backends, checks in words, and controls that are disabled without a token", async () => {
    await page.locator(".backend").nth(1).waitFor();
    const check = card("a").locator("abbr");
    await expect.poll(() => check.textContent()).toBe("accepts connections");
    expect(await check.getAttribute("title")).toBe("L4OK");
    const controls = page.locator("fieldset button, fieldset input, fieldset select");
    const disabled = () => controls.evaluateAll(all => all.map(one => one.matches(":disabled")));
    expect(new Set(await disabled())).toEqual(new Set([true]));
    expect(await card("a").getByLabel("weight").count()).toBe(1);
    await page.fill("#token", "wrong-token-1");
    expect(new Set(await disabled())).toEqual(new Set([false]));
    const buttons = await page
      .locator("button:visible")
      .evaluateAll(all => all.map(one => one.clientHeight));
    expect(new Set(buttons).size).toBe(1);
    expect(errors).toEqual([]);
  });

  test("a change with a wrong token shows the refusal", async () => {
    await card("a").getByRole("button", { name: "drain" }).click();
    await expect.poll(() => said().textContent()).toBe("missing or wrong token");
    expect(new Set(await answers(4))).toEqual(new Set(["a", "b"]));
  });

  test("a click on drain moves the traffic, one on ready brings it back", async () => {
    await page.fill("#token", TOKEN);
    await card("a").getByRole("button", { name: "drain" }).click();
    await expect.poll(() => said().textContent()).toBe("a: drain (was ready)");
    expect(await answers(4)).toBe("bbbb");
    await card("a").getByRole("button", { name: "ready" }).click();
    await expect.poll(() => said().textContent()).toBe("a: ready (was drain)");
    expect(new Set(await answers(4))).toEqual(new Set(["a", "b"]));
  });

  test("requests and events of the board are separate lists, raw on request", async () => {
    const requests = page.locator("#requests tr");
    await expect
      .poll(() => requests.first().innerText())
      .toMatch(/^\d\d:\d\d:\d\d\t[ab]\tGET\t\/\t200\t/);
    expect(await page.locator("#board").innerText()).toMatch(/\ta\tdrain\t/);
    expect(await page.locator("#board").innerText()).not.toContain("GET");
    await page.check("#raw");
    expect(await requests.first().innerText()).toMatch(/^I \(\d+\) http: request id=/);
  });

  test("another strategy is chosen by its name", async () => {
    await page.selectOption("#balance", "ewma");
    await expect.poll(() => said().textContent()).toMatch(/^in force/);
    expect(board.app.proxy.config.balance).toBe("ewma");
    await expect.poll(() => page.locator("#left").textContent()).toMatch(/^A .* saved in \d+ s/);
  });

  test("the trial is undone by a click", async () => {
    await page.click("#undo");
    await expect
      .poll(() => said().textContent())
      .toBe("the previous configuration is in force again");
    expect(board.app.proxy.config.balance).toBe("round-robin");
    await expect.poll(() => page.locator("#trial").isVisible()).toBe(false);
  });

  test("the configuration is read and edited, with complaints beside the text", async () => {
    await page.click("#editor summary");
    const text = page.locator("#document");
    await expect.poll(() => text.inputValue()).toMatch(/^\{\n {2}"backends": \[/);
    const document = JSON.parse(await text.inputValue());
    await text.fill(JSON.stringify({ ...document, retrys: 1, balance: "ewmaa" }));
    await page.click("#apply");
    await expect
      .poll(() => page.locator("#complaints li").allTextContents())
      .toEqual([
        'retrys: no such key; did you mean "retries"?',
        expect.stringMatching(/^balance: is "ewmaa"; wanted .* did you mean "ewma"\?$/),
      ]);
    await text.fill(JSON.stringify({ ...document, retries: 1 }));
    await page.click("#apply");
    await expect.poll(() => said().textContent()).toMatch(/^in force/);
    await expect.poll(() => page.locator("#complaints li").count()).toBe(0);
    expect(board.app.proxy.config.retries).toBe(1);
  });

  test("the administrative and the operational state of a backend are shown apart", async () => {
    await card("b").getByRole("button", { name: "maint" }).click();
    await expect.poll(() => card("b").locator("summary").innerText()).toMatch(/maint/);
    expect(await card("b").locator("[aria-pressed=true]").innerText()).toBe("maint");
    await card("b").getByRole("button", { name: "ready" }).click();
    await servers[1].stop();
    await expect.poll(() => card("b").locator("summary").innerText()).toMatch(/down/);
    expect(await card("b").locator("[aria-pressed=true]").innerText()).toBe("ready");
    expect(await card("b").locator("small").innerText()).toMatch(
      /refuses connections for \d+ s, no sessions until its checks pass$/,
    );
  });

  test("a machine that sleeps is woken by a click, and kept awake by another", async () => {
    const { port } = await reservePort();
    const backends = [{ name: "photos", address: "127.0.0.1", port, machine: "nas" }];
    const sleeping = await startBoard([port], {
      backends,
      machines: [{ name: "nas", mac: "24:0a:c4:00:00:01" }],
      routes: [{ sni: ["cloud.example.org"] }, { path: "/" }],
      health: { check: "tcp", intervalMs: 1000 },
    });
    sleeping.app.runtime.token.set(TOKEN);
    const other = await browser.newPage({ viewport: { width: 390, height: 740 } });
    other.on("pageerror", ({ message }) => errors.push(message));
    await other.goto(`http://127.0.0.1:${sleeping.adminPort}/`);
    const machine = other.locator("#machines .backend");
    const button = (name: string) => machine.getByRole("button", { name, exact: true });
    await expect.poll(() => machine.innerText()).toMatch(/^nas\s+asleep\s+/);
    expect(await other.locator("#backends small").textContent()).toMatch(/, its machine sleeps$/);
    expect(await other.locator("#names").innerText()).toBe(
      "cloud.example.org\tphotos\t0 connections",
    );
    expect(await button("wake").isDisabled()).toBe(true);
    await other.fill("#token", TOKEN);
    await button("wake").click();
    await expect.poll(() => other.locator("#said").textContent()).toBe("nas: waking (was asleep)");
    expect(await machine.innerText()).toMatch(/waking\s+the operator wants it, for \d s; photos/);
    expect(await button("wake").isDisabled()).toBe(true);
    const server = await serve({ name: "photos", host: "127.0.0.1", port, behaviour: steady() });
    await expect
      .poll(() => machine.innerText(), { timeout: PATIENCE_MS })
      .toMatch(/^nas\s+awake\s/);
    expect(await machine.innerText()).toMatch(/; boots in \d+ s; asleep for \d+ s in all/);
    await button("stay awake for 2 h").click();
    await expect
      .poll(() => machine.innerText())
      .toMatch(/; stays awake for 2 h\s+wake\s+may sleep$/);
    await button("may sleep").click();
    await expect.poll(() => other.locator("#said").textContent()).toBe("nas: may sleep again");
    expect(await other.evaluate("document.documentElement.scrollWidth")).toBe(390);
    await other.close();
    sleeping.stop();
    await server.stop();
  });

  test.each([360, 390])(
    "ten backends are a list of ten lines on a phone of %i pixels",
    async width => {
      const many = await startBoard(Array.from({ length: 10 }, (_, i) => 1 + i));
      const phone = await browser.newPage({ viewport: { width, height: 740 } });
      await phone.goto(`http://127.0.0.1:${many.adminPort}/`);
      await phone.locator(".backend").nth(9).waitFor();
      const { height } = (await phone.locator("#backends").boundingBox())!;
      const scrolled = await phone.evaluate("document.documentElement.scrollWidth");
      await phone.close();
      many.stop();
      expect(height).toBeLessThan(10 * 45);
      expect(scrolled).toBe(width);
    },
  );
});
