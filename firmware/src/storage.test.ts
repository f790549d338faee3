import { Network, seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { Board } from "../../emulator/src/board.ts";
import { esp32 } from "../../emulator/src/boards/esp32.ts";
import { VirtualClock } from "../../emulator/src/clock.ts";
import { statusOf } from "./admin/status.ts";
import { type App, start } from "./app.ts";
import { type Configuration, readConfig } from "./config.ts";
import type { Storage } from "./platform.ts";
import { readText } from "./storage.ts";

const DOCUMENT = { backends: [{ address: "10.0.0.2", port: 80 }] };

/** A board whose flash keeps `text` entries and `blobs`, once it has started the firmware `starts` times. */
function started(text: Record<string, string>, blobs: string[] = [], starts = 1) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  let app: App | undefined;
  const board = new Board({
    kind: esp32(),
    random: seeded(1),
    clock,
    wire: new Network({ clock }).host("board"),
    onLine: line => lines.push(line),
  });
  const boot = (): App => {
    board.boot(platform => {
      app = start(platform, readConfig(DOCUMENT) as Configuration, { token: "built-in-token" });
    });
    return app!;
  };
  board.boot(({ storage }) => {
    const space = storage.open({ path: "hot-potato", format: "string" });
    for (const [key, value] of Object.entries(text)) space.write(key, value);
    space.format = "buffer";
    for (const key of blobs) space.write(key, Uint8Array.of(1, 2, 3));
  });
  for (let i = 0; i < starts; i++) boot();
  return { app: app!, board, lines, boot };
}

test("entries of flash that are not text count as absent, and each is a line of the log", () => {
  const { app, board, lines } = started({}, ["starts", "slot", "token"]);
  expect(statusOf(app.operator).backends).toHaveLength(1);
  expect(app.operator.token).toBe("built-in-token");
  expect(board.fatal).toBe(undefined);
  const ignored = (key: string) => `W (0) storage: ignored key=${key} error="is not text"`;
  for (const key of ["starts", "slot", "token"]) expect(lines).toContain(ignored(key));
});

test("what is written over such an entry is read back", () => {
  const { app, boot, lines, board } = started({}, ["token"]);
  expect(app.operator.setToken("another-token")).toEqual({ done: "the token is set" });
  lines.length = 0;
  expect(boot().operator.token).toBe("another-token");
  expect(lines.filter(line => line.includes("storage:"))).toEqual([]);
  expect(board.fatal).toBe(undefined);
});

test.each([
  ["starts", "soon", "is not a number"],
  ["starts", "-1", "is not a number"],
  ["slot", "c", "is neither a nor b"],
  ["token", "short", "is not a token"],
])("text that cannot be what %s is counts as absent: %s", (key, value, error) => {
  const { app, lines, board } = started({ [key]: value });
  expect(lines).toContain(`W (0) storage: ignored key=${key} error="${error}"`);
  expect(app.operator.token).toBe("built-in-token");
  expect(board.fatal).toBe(undefined);
});

test.each(["{", "7", "null", "[".repeat(500)])(
  "a kept document that is none is not used: %s",
  text => {
    const { app, lines, board } = started({ slot: "a", "config-a": text });
    expect(lines).toContain('W (0) storage: ignored key=config-a error="is not a JSON document"');
    expect(app.operator.document).toEqual(DOCUMENT);
    expect(board.fatal).toBe(undefined);
  },
);

test("a count of starts that was no number counts from there on: four starts fall back", () => {
  const kept = { ...DOCUMENT, balance: "first" };
  const { lines } = started({ starts: "NaN", slot: "a", "config-a": JSON.stringify(kept) }, [], 4);
  expect(lines.filter(line => line.includes("rolled-back"))).toHaveLength(1);
});

test("what the simulator's preferences give is checked too, and an error of the flash is not hidden", () => {
  const lines: unknown[] = [];
  const give = (value: unknown): Storage => ({ read: () => value, write() {}, delete() {} });
  for (const value of [7, true, 7n, new ArrayBuffer(1), null]) {
    expect(readText(give(value), "ssid", event => lines.push(event))).toBe(undefined);
  }
  expect(lines).toHaveLength(5);
  expect(readText(give(undefined), "ssid", event => lines.push(event))).toBe(undefined);
  expect(readText(give(""), "ssid", event => lines.push(event))).toBe("");
  expect(lines).toHaveLength(5);
  const broken: Storage = {
    ...give(undefined),
    read: () => {
      throw new Error("ESP_ERR_NVS_INVALID_STATE");
    },
  };
  expect(() => readText(broken, "ssid", () => {})).toThrow("ESP_ERR_NVS_INVALID_STATE");
});
