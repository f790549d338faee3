import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PATIENCE_MS } from "../kit/patience.ts";
import { EXPERIMENTS, type Experiment } from "./experiments.ts";
import { page } from "./page.ts";
import { play } from "./play.ts";
import { summarize } from "./summary.ts";

const executablePath = (process.env.PATH ?? "")
  .split(delimiter)
  .map(folder => join(folder, "chromium"))
  .find(file => existsSync(file));
const absence = executablePath === undefined ? " (skipped: chromium is not installed)" : "";

describe.skipIf(absence)(`the lab's page in Chromium${absence}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "hot-potato-lab-"));
  const file = join(folder, "lab.html");
  beforeAll(async () => {
    const experiment: Experiment = { ...EXPERIMENTS["one-slow"], durationMs: 2_000 };
    const plays = [await play(experiment, "round-robin", 1), await play(experiment, "ewma", 1)];
    const summaries = plays.map(one => summarize(experiment, one));
    writeFileSync(file, page([{ name: "one-slow", experiment, seed: 1, plays, summaries }]));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([360, 390, 1200])("on %i pixels nothing is wider than the page", async width => {
    const browser = await chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
    try {
      const phone = await browser.newPage({ viewport: { width, height: 700 } });
      phone.setDefaultTimeout(PATIENCE_MS);
      await phone.goto(pathToFileURL(file).href);
      await phone.locator("canvas").first().waitFor();
      expect(await phone.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(
        width,
      );
    } finally {
      await browser.close();
    }
  });
});
