import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ERASES_MAX, Flash, PowerLost, SDK_PAGES } from "./flash.ts";
import type { Item } from "./nvs.ts";
import { bytes, onBench, text } from "./testing.ts";

function scratch(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "flash-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return path.join(folder, "flash.json");
}

function read(flash: Flash, key: string): string | undefined {
  return text(flash.nvs.find("s", key)?.bytes);
}

function write(flash: Flash, key: string, value: string): number {
  return flash.change(nvs => nvs.writeBlob("s", key, bytes(value)));
}

/** Items that belong to no value: they only take room. */
function litter(flash: Flash): string[] {
  const items = flash.nvs.pages.flatMap(page => page.items);
  const name = (item: Item) => `${item.key} ${item.version}`;
  const indices = items.filter(({ kind }) => kind === "index");
  const whole = new Set(indices.map(name));
  const twice = indices.filter(({ key }, i) => indices.findIndex(one => one.key === key) !== i);
  return [...twice, ...items.filter(item => item.kind === "piece" && !whole.has(name(item)))].map(
    name,
  );
}

/** Runs it up to a power cut. Returns whether it came to its end. */
function upToPowerCut(flash: Flash, step: number, work: () => void): boolean {
  let on = true;
  flash.onPowerLost = () => (on = false);
  flash.cutPowerAt(step);
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(PowerLost);
  }
  flash.cutPowerAt(Number.POSITIVE_INFINITY);
  return on;
}

/** As it is after `past` changes: the pages are filled, and tidied up now and then. */
function used(past: number): Flash {
  const flash = new Flash(undefined, SDK_PAGES);
  for (let i = 0; i <= past; i++) {
    write(flash, `other${i % 5}`, `${i}`.repeat(300)); // stays on a page that is tidied up later
    write(flash, "config", `old ${i}`.repeat(500));
  }
  return flash;
}

test("a power cut at whatever step leaves the old value or the new one, and the others alone", () => {
  const fresh = "new".repeat(2000);
  const outcomes = { old: 0, new: 0, erasing: 0 };
  for (let past = 0; past < 12; past++) {
    for (let step = 1, finished = false; !finished; step++) {
      const flash = used(past);
      const erases = flash.erases;
      finished = upToPowerCut(flash, step, () => write(flash, "config", fresh));
      if (finished && flash.erases > erases) outcomes.erasing++;
      flash.change(nvs => nvs.recover());
      const kept = read(flash, "config");
      expect(litter(flash)).toEqual([]);
      expect([fresh, `old ${past}`.repeat(500)]).toContain(kept);
      outcomes[kept === fresh ? "new" : "old"]++;
      for (let i = Math.max(0, past - 4); i <= past; i++) {
        expect(read(flash, `other${i % 5}`)).toBe(`${i}`.repeat(300));
      }
      // And the values that are left can be changed as ever.
      write(flash, "config", "last");
      expect(read(flash, "config")).toBe("last");
      expect(flash.nvs.keys("s")).toHaveLength(1 + Math.min(past + 1, 5));
    }
  }
  expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(1);
});

test("a power cut while an earlier one is being put in order does no harm either", () => {
  const fresh = "new".repeat(2000);
  for (let past = 0; past < 8; past++) {
    for (let step = 1; step < 12; step++) {
      for (let second = 1, finished = false; !finished; second++) {
        const flash = used(past);
        upToPowerCut(flash, step, () => write(flash, "config", fresh));
        finished = upToPowerCut(flash, second, () => flash.change(nvs => nvs.recover()));
        flash.change(nvs => nvs.recover());
        expect([fresh, `old ${past}`.repeat(500)]).toContain(read(flash, "config"));
        expect(read(flash, `other${past % 5}`)).toBe(`${past}`.repeat(300));
      }
    }
  }
});

test("a string is replaced in one step as well", () => {
  for (let step = 1, finished = false; !finished; step++) {
    const flash = new Flash();
    const put = (value: string) => flash.change(nvs => nvs.writeString("s", "name", bytes(value)));
    put("old");
    finished = upToPowerCut(flash, step, () => put("new"));
    flash.change(nvs => nvs.recover());
    expect(read(flash, "name")).toBe(step === 1 ? "old" : "new");
    expect(flash.nvs.keys("s")).toEqual(["name"]);
  }
});

test("the power fails during a write of the program: the board is off, and boots with a whole value", () => {
  const bench = onBench();
  const storage = bench.boot().storage.open({ path: "gateway" });
  storage.write("config", bytes("old"));
  bench.board.unplug();
  let after = false;
  bench.board.flash.cutPowerAt(3);
  bench.boot(({ storage }) => {
    storage.open({ path: "gateway" }).write("config", bytes("n".repeat(6000)));
    after = true;
  });
  expect([after, bench.board.fatal, bench.lines]).toEqual([false, undefined, []]);
  expect(litter(bench.board.flash)).not.toEqual([]);
  const again = bench.boot().storage.open({ path: "gateway" });
  expect(litter(bench.board.flash)).toEqual([]);
  expect(text(again.read("config") as ArrayBuffer)).toBe("old");
});

test("the pages wear evenly: a thousand configurations of 2 KB are far from their end", () => {
  const flash = new Flash();
  for (let i = 0; i < 1000; i++) write(flash, "config", `${i}`.padEnd(2000));
  const erases = flash.nvs.pages.map(page => page.erases);
  expect(flash.erases).toBeLessThan(ERASES_MAX / 100);
  expect(Math.max(...erases) - Math.min(...erases)).toBeLessThan(0.2 * flash.erases);
});

test("an equal value is not written again", () => {
  const flash = new Flash();
  expect(write(flash, "config", "same")).toBeGreaterThan(0);
  expect(write(flash, "config", "same")).toBe(0);
});

test("in 24 KB two values of 6 KB can each be replaced; with two of 8 KB there is no room for a third", () => {
  const flash = new Flash(undefined, SDK_PAGES);
  for (let i = 0; i < 20; i++) {
    write(flash, "a", `${i}`.padEnd(6000));
    write(flash, "b", `${i}`.padEnd(6000));
  }
  expect(read(flash, "b")).toBe("19".padEnd(6000));
  const full = new Flash(undefined, SDK_PAGES);
  write(full, "a", "a".repeat(8000));
  write(full, "b", "b".repeat(8000));
  expect(() => write(full, "a", "c".repeat(8000))).toThrow("ESP_ERR_NVS_NOT_ENOUGH_SPACE");
  expect(litter(full)).toEqual([]);
  expect([read(full, "a"), read(full, "b")]).toEqual(["a".repeat(8000), "b".repeat(8000)]);
});

test("with a file the contents outlive the program that emulates", () => {
  const file = scratch();
  const flash = new Flash(file);
  write(flash, "config", "kept");
  flash.change(nvs => nvs.writeString("s", "name", bytes("potato")));
  expect(read(new Flash(file), "config")).toBe("kept");
  expect(read(new Flash(file), "name")).toBe("potato");
  expect(readFileSync(file, "utf8")).not.toBe("");
});

test("a file that is no flash is refused, not overwritten", () => {
  const file = scratch();
  for (const content of ["{}", "no JSON", '{"nvs":[]}']) {
    writeFileSync(file, content);
    expect(() => new Flash(file)).toThrow(`${file} is no flash of an emulated board`);
    expect(readFileSync(file, "utf8")).toBe(content);
  }
});

test("a file that cannot be written is refused before a program runs", () => {
  expect(() => new Flash("/no-such-folder/flash.json")).toThrow(
    "there is no folder /no-such-folder",
  );
  expect(() => new Flash(tmpdir())).toThrow("is not a regular file");
  const file = scratch();
  const flash = new Flash(file);
  const told: string[] = [];
  flash.onSaveFailed = error => told.push(error.message);
  mkdirSync(`${file}.new`); // nothing can be written there
  write(flash, "a", "1");
  expect([read(flash, "a"), told.length]).toEqual(["1", 1]);
  rmdirSync(`${file}.new`);
  write(flash, "b", "2");
  expect([read(new Flash(file), "a"), told.length]).toEqual(["1", 1]);
});

test.skipIf(process.platform === "win32")(
  "the file is for its owner alone: a token may be in it",
  () => {
    const file = scratch();
    writeFileSync(`${file}.new`, "left behind");
    chmodSync(`${file}.new`, 0o644);
    write(new Flash(file), "token", "secret");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    chmodSync(file, 0o644);
    write(new Flash(file), "token", "another");
    expect(statSync(file).mode & 0o777).toBe(0o600);
  },
);
