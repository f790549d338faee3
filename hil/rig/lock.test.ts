import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Locked, lock } from "./lock.ts";

const folder = mkdtempSync(join(tmpdir(), "hot-potato-lock-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a board is locked by one run; another one is refused with the process id, and gets it afterwards", () => {
  const unlock = lock("usb 1-2", folder);
  expect(() => lock("usb 1-2", folder)).toThrow(Locked);
  expect(() => lock("usb 1-2", folder)).toThrow(`usb 1-2 is in use by process ${process.pid} (`);
  lock("usb 1-3", folder)(); // another board
  unlock();
  lock("usb 1-2", folder)();
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ["whose process is gone", String(spawnSync(process.execPath, ["--version"]).pid)],
  ["that is empty", ""],
  ["that is no number", "no number"],
  ["of all processes", "0"],
])("a lock %s is taken over", (_of, content) => {
  lock("usb 1-2", folder)(); // makes the folder
  writeFileSync(join(folder, "usb_1-2.lock"), content);
  const unlock = lock("usb 1-2", folder);
  expect(() => lock("usb 1-2", folder)).toThrow(`process ${process.pid}`);
  unlock();
});
