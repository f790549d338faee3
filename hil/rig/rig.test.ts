import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Scenario } from "../kit/scenario.ts";
import type { Attachment } from "./attachment.ts";
import type { Device } from "./device.ts";
import { lock } from "./lock.ts";
import { Rig, type RigOptions } from "./rig.ts";
import { EXIT, type Run } from "./run.ts";

let folder: string;
let server: net.Server;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hot-potato-test-"));
  server = net.createServer(socket => socket.destroy()).listen(0, "127.0.0.1");
  await new Promise(resolve => server.once("listening", resolve));
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const STORMY: Scenario = {
  ...{ title: "stormy", theme: "bench", needs: ["simulated-network"], faults: [], measures: [] },
  body: async () => {},
};

/** A run on a board without capabilities; returns what it kept. */
async function run(options: Partial<RigOptions>, release: Device["release"] = async () => {}) {
  const kept: Run[] = [];
  const device: Partial<Device> = {
    offers: [],
    played: () => ({ kind: "address", identity: folder }),
    addressOf: () => ({ host: "127.0.0.1", port: (server.address() as net.AddressInfo).port }),
    ready: async () => {},
    release,
  };
  const attachment = { identity: folder, device, board: undefined, emulated: undefined };
  const rig = new Rig(
    () => attachment as Attachment,
    {
      ...{ scenarios: [STORMY], repeat: 1, soakMs: undefined, patienceMs: 1000, folder },
      ...{ inject: undefined, commit: undefined, signal: new AbortController().signal },
      ...options,
    },
    { begin() {}, line() {}, result() {}, soak() {}, keep: run => kept.push(run) },
  );
  await rig.run();
  return kept.at(-1)!;
}

test("a soak skips a scenario that the board cannot play once", async () => {
  const { results, ms } = await run({ soakMs: 2000 });
  expect(results.map(({ verdict }) => verdict)).toEqual(["skipped"]);
  expect(ms).toBeLessThan(1500);
});

test("a run whose board is gone at the end has a report that says so", async () => {
  const gone = () => Promise.reject(new Error("no answer"));
  const { results, exitCode } = await run({}, gone);
  expect(results.at(-1)).toMatchObject({
    verdict: "rig-error",
    why: expect.stringContaining("no answer"),
  });
  expect(exitCode).toBe(EXIT.rig);
});

test("a run that is refused because the board is in use does not touch the log of the other run", async () => {
  const unlock = lock(folder);
  const log = join(folder, "serial.log");
  writeFileSync(log, "of the run that has the board");
  await expect(run({})).rejects.toThrow("is in use by process");
  expect(readFileSync(log, "utf8")).toBe("of the run that has the board");
  unlock();
  await run({});
  expect(existsSync(log)).toBe(false);
});
