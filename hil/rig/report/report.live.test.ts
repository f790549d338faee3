import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { PATIENCE_MS } from "../../kit/patience.ts";
import type { Moment } from "../run.ts";
import { aResult, aRun } from "./testing.ts";
import { writeReports } from "./write.ts";

const executablePath = (process.env.PATH ?? "")
  .split(delimiter)
  .map(folder => join(folder, "chromium"))
  .find(file => existsSync(file));
const absence = executablePath === undefined ? " (skipped: chromium is not installed)" : "";

const EVIL = `</script><script>document.title = "taken"</script><img src="http://127.0.0.1:9/x">`;

/** Two scenarios with a hundred lines each; the second one panics in the middle. */
const RUN = aRun({
  exitCode: 1,
  results: [
    aResult({ title: "the first" }),
    aResult({
      title: "the second",
      verdict: "failed",
      atMs: 1000,
      why: `no answer\n${EVIL}`,
      sessions: { red: 3, blue: 1 },
      incidents: [
        {
          kind: "panic",
          blame: "firmware",
          text: "LoadProhibited",
          lines: ["0x400d1f2a ".repeat(200), EVIL],
          ms: 1500,
        },
      ],
    }),
  ],
  series: [{ name: "free heap", unit: "B", points: [0, 500, 1500].map(ms => [ms, 61_000 + ms]) }],
  moments: Array.from({ length: 200 }, (_, i): Moment => {
    if (i % 4 === 0) return { ms: i * 10, source: "tcp", text: `client ${i} connects` };
    if (i % 50 === 1) return { ms: i * 10, source: "rig", text: EVIL };
    return { ms: i * 10, source: "serial", text: `I (${i}) session: end id=${i}` };
  }),
});

describe.skipIf(absence)(`the report in Chromium${absence}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "hot-potato-report-"));
  let browser: Browser;
  let page: Page;
  let errors: string[];
  let requests: string[];

  beforeAll(async () => {
    writeReports(folder, RUN);
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  beforeEach(async () => {
    errors = [];
    requests = [];
    page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", ({ message }) => errors.push(message));
    page.on("console", message => errors.push(message.text()));
    page.on("request", request => requests.push(request.url()));
    await page.goto(pathToFileURL(join(folder, "report.html")).href);
  });
  afterEach(async () => {
    // After each test: the page fetched nothing, and nothing was refused or failed.
    expect(requests.filter(url => !url.startsWith("data:"))).toEqual([
      pathToFileURL(join(folder, "report.html")).href,
    ]);
    expect(errors).toEqual([]);
    await page.close();
  });

  const rows = (kind: string) => page.locator(`.moments .${kind}:visible`);

  test("it says what failed; the board's output stays text", async () => {
    expect(await page.locator("h1").textContent()).toContain("The firmware failed");
    expect(await page.title()).toContain("The firmware failed");
    expect(await page.locator(".scenarios pre", { hasText: EVIL }).count()).toBe(2);
    expect(await page.locator("img").count()).toBe(0);
  });

  test("the chart is drawn, and described for screen readers", async () => {
    await page.locator(".plot canvas").waitFor();
    expect(await page.locator(".plot").getAttribute("aria-label")).toBe(
      "free heap over the time of the run: lowest 61,000 B, median 61,500 B, highest 62,500 B, last 62,500 B",
    );
  });

  test("a source that is switched off is hidden, and a search shows its matches", async () => {
    expect([await rows("serial").count(), await rows("tcp").count()]).toEqual([146, 50]);
    await page.getByRole("checkbox", { name: "serial" }).uncheck();
    expect([await rows("serial").count(), await rows("tcp").count()]).toEqual([0, 50]);
    await page.getByRole("searchbox", { name: "find" }).fill("CLIENT 196");
    expect([await rows("tcp").count(), await rows("incident").count()]).toEqual([1, 0]);
    expect(await page.locator("#timeline output").textContent()).toBe("1 of 201 moments");
    // The scenario of the line stays, the other one does not.
    expect(await rows("begin").allTextContents()).toEqual([expect.stringContaining("the second")]);
  });

  test("a click on a scenario shows its part of the timeline, whatever the filters", async () => {
    await page.getByRole("searchbox", { name: "find" }).fill("nothing like it");
    expect(await rows("serial").count()).toBe(0);
    await page.getByRole("link", { name: "the first" }).click();
    expect(await rows("serial").count()).toBe(146);
    const seen = await page.locator("#s0").evaluate(row => {
      const { top, bottom } = row.getBoundingClientRect();
      const list = row.parentElement!.getBoundingClientRect();
      return top >= list.top && bottom <= list.bottom && row.matches(":focus");
    });
    expect(seen).toBe(true);
  });

  test("a click on a failure shows its panic", async () => {
    await page.getByRole("checkbox", { name: "incident" }).uncheck();
    await page.getByRole("link", { name: "the second" }).click();
    const seen = await page.locator("#i0").evaluate(row => {
      const { top, bottom } = row.getBoundingClientRect();
      const list = row.parentElement!.getBoundingClientRect();
      return top >= list.top && bottom <= list.bottom && row.matches(":focus");
    });
    expect(seen).toBe(true);
    expect(await page.locator("#i0").textContent()).toContain("LoadProhibited");
  });

  test("no row of a table is cut off", async () => {
    const cut = await page.locator(".scenarios").evaluateAll(
      tables =>
        tables.filter(table => {
          const box = table.parentElement!;
          return box.scrollHeight > box.clientHeight + 1;
        }).length,
    );
    expect(cut).toBe(0);
  });

  test.each([360, 1200])(
    "on %i pixels nothing is wider than the page, not even a dump",
    async width => {
      await page.setViewportSize({ width, height: 700 });
      const wider = () => page.evaluate("document.documentElement.scrollWidth - innerWidth");
      await expect.poll(wider).toBeLessThanOrEqual(0);
    },
  );
});
