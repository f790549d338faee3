import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serve } from "../../backends/src/serve.ts";
import { steady } from "../../backends/src/steady.ts";
import { type LiveBoard, startBoard } from "../src/live-board.ts";
import { PATIENCE_MS } from "../testing/patience.ts";

const TOKEN = "correct-horse";

const executablePath = (process.env.PATH ?? "")
  .split(delimiter)
  .map(folder => join(folder, "chromium"))
  .find(file => existsSync(file));
const absence = executablePath === undefined ? " (skipped: chromium is not installed)" : "";

describe.skipIf(absence)(`the board's page in Chromium${absence}`, () => {
  const errors: string[] = [];
  const stops: (() => unknown)[] = [];
  let browser: Browser;
  let board: LiveBoard;
  let page: Page;

  beforeAll(async () => {
    const servers = await Promise.all(
      ["a", "b"].map(name => serve({ name, host: "127.0.0.1", port: 0, behaviour: steady() })),
    );
    board = await startBoard(servers.map(({ port }) => port));
    board.app.operator.setToken(TOKEN);
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", ({ message }) => errors.push(message));
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
    page.locator("article", { has: page.locator(`h3:has-text("${name}")`) });
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

  test("it shows both backends; a change with a wrong token is refused, and says so", async () => {
    await page.locator("article").nth(1).waitFor();
    await page.fill("#token", "wrong-token-1");
    await card("a").getByRole("button", { name: "drain" }).click();
    await expect.poll(() => said().textContent()).toBe("wrong token, or none");
    expect(new Set(await answers(4))).toEqual(new Set(["a", "b"]));
  });

  test("a click on drain moves the traffic, one on ready brings it back", async () => {
    await page.fill("#token", TOKEN);
    await card("a").getByRole("button", { name: "drain" }).click();
    await expect.poll(() => said().textContent()).toBe("a is drain instead of ready");
    expect(await answers(4)).toBe("bbbb");
    await card("a").getByRole("button", { name: "ready" }).click();
    await expect.poll(() => said().textContent()).toBe("a is ready instead of drain");
    expect(new Set(await answers(4))).toEqual(new Set(["a", "b"]));
  });

  test("requests and the board's events are told apart, raw on demand", async () => {
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
    await expect.poll(() => page.locator("#config").textContent()).toMatch(/left/);
    expect(errors).toEqual([]);
  });
});
