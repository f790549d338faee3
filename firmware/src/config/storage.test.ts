import { Network, seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { Board } from "../../../emulator/src/board.ts";
import { esp32 } from "../../../emulator/src/boards/esp32.ts";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import { Flash, SDK_PAGES } from "../../../emulator/src/flash.ts";
import { statusOf } from "../admin/status.ts";
import { type App, start } from "../app.ts";
import type { Storage, StorageOpener } from "../platform.ts";
import { type Configuration, readConfig } from "./config.ts";
import { TextStore } from "./storage.ts";

const DOCUMENT = { backends: [{ address: "10.0.0.2", port: 80 }] };

/** A board whose flash keeps `text` entries and `blobs`, once it has started the firmware. */
function started(text: Record<string, string>, blobs: string[] = []) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  let app: App | undefined;
  const board = new Board({
    kind: esp32(),
    random: seeded(1),
    clock,
    wire: new Network({ clock }).host("board"),
    onLine: line => lines.push(line),
    reboots: true,
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
  boot();
  return { app: app!, board, clock, lines, boot };
}

test("entries of flash that are not text count as absent, and each is a line of the log", () => {
  const { app, board, lines } = started({}, ["starts", "slot", "token"]);
  expect(statusOf(app.runtime).backends).toHaveLength(1);
  expect(app.runtime.token.value).toBe("built-in-token");
  expect(board.fatal).toBe(undefined);
  const ignored = (key: string) => `W (0) storage: ignored key=${key} error="is not text"`;
  for (const key of ["starts", "slot", "token"]) expect(lines).toContain(ignored(key));
});

test("what is written over such an entry is read back", () => {
  const { app, boot, lines, board } = started({}, ["token"]);
  app.runtime.token.set("another-token");
  app.runtime.confirm(8404); // a request with it was received
  lines.length = 0;
  expect(boot().runtime.token.value).toBe("another-token");
  expect(lines.filter(line => line.includes("storage:"))).toEqual([]);
  expect(board.fatal).toBe(undefined);
});

test.each([
  ["starts", "soon", "is not a number"],
  ["starts", "-1", "is not a number"],
  ["slot", "c", "is neither a nor b"],
  ["token", "short", "is not a token"],
])("text that cannot be what %s is counts as absent: %s", (key, value, error) => {
  const given = '{"token":"built-in-token"}'; // nothing new
  const { app, lines, board } = started({ "build-settings": given, [key]: value });
  expect(lines).toContain(`W (0) storage: ignored key=${key} error="${error}"`);
  expect(app.runtime.token.value).toBe("built-in-token");
  expect(board.fatal).toBe(undefined);
});

test.each(["{", "7", "null", "[".repeat(500)])(
  "saved text that is not a document is not used: %s",
  text => {
    const { app, lines, board } = started({ slot: "a", "config-a": text });
    expect(lines).toContain('W (0) storage: ignored key=config-a error="is not a JSON document"');
    expect(app.runtime.document).toEqual(DOCUMENT);
    expect(board.fatal).toBe(undefined);
  },
);

test("a count of starts that is not a number begins anew: four starts roll back", async () => {
  const kept = { ...DOCUMENT, balance: "first" };
  const flash = { starts: "NaN", slot: "a", "config-a": JSON.stringify(kept) };
  const { board, clock, lines } = started(flash);
  for (let i = 0; i < 4; i++) {
    board.crash("panic");
    await clock.run({ ms: board.kind.bootMs + 1 });
  }
  expect(lines.filter(line => line.includes("rolled-back"))).toHaveLength(1);
});

test("entries of the simulator's preferences are checked, too", () => {
  const lines: unknown[] = [];
  const give = (value: unknown) =>
    new TextStore({ read: () => value, write() {}, delete() {} }, event => lines.push(event));
  for (const value of [7, true, 7n, new ArrayBuffer(1), null]) {
    expect(give(value).read("ssid")).toBe(undefined);
  }
  expect(lines).toHaveLength(5);
  expect(give(undefined).read("ssid")).toBe(undefined);
  expect(give("").read("ssid")).toBe("");
  expect(lines).toHaveLength(5);
});

/** A firmware on a board in memory, with this flash instead of the board's; a backend answers. */
async function serving(storage: StorageOpener) {
  const lines: string[] = [];
  const clock = new VirtualClock();
  const network = new Network({ clock });
  const backend = network.host("backend");
  backend.createServer(socket => socket.end("HTTP/1.1 204 No Content\r\n\r\n")).listen(80);
  const board = new Board({
    kind: { ...esp32(), socketsMended: true },
    random: seeded(1),
    clock,
    wire: network.host("board"),
    onLine: line => lines.push(line),
  });
  const document = { backends: [{ address: backend.address, port: 80 }] };
  let app: App | undefined;
  board.boot(platform => {
    app = start({ ...platform, storage }, readConfig(document) as Configuration);
  });
  await clock.run({ until: () => lines.some(line => line.includes("proxy: ready")) });
  return {
    app: app!,
    board,
    clock,
    /** The lines about the flash, without the time. */
    said: () => lines.filter(line => line.includes("storage:")).map(line => line.slice(6)),
    lines,
    async ask(): Promise<string> {
      const socket = network.host("client").connect({ host: "board", port: 80 });
      let heard = "";
      socket.on("data", (bytes: Buffer) => {
        heard += bytes;
      });
      socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      await clock.run({ until: () => socket.closed, ms: 10_000 });
      return heard.slice(0, 12);
    },
  };
}

const fails = (error: string) => () => {
  throw new Error(error);
};
const EMPTY: Storage = { read: () => undefined, write() {}, delete() {} };

test.each<[string, StorageOpener, string]>([
  [
    "cannot be opened",
    { open: fails("ESP_ERR_NVS_NOT_ENOUGH_SPACE") },
    'storage: failed key=hot-potato error="Error: ESP_ERR_NVS_NOT_ENOUGH_SPACE"',
  ],
  [
    "cannot be read",
    { open: () => ({ ...EMPTY, read: fails("ESP_ERR_NVS_INVALID_STATE") }) },
    'storage: ignored key=token error="Error: ESP_ERR_NVS_INVALID_STATE"',
  ],
  [
    "cannot be written",
    { open: () => ({ ...EMPTY, write: fails("ESP_ERR_NVS_NOT_ENOUGH_SPACE") }) },
    'storage: failed key=starts error="Error: ESP_ERR_NVS_NOT_ENOUGH_SPACE"',
  ],
  [
    "gives numbers",
    { open: () => ({ ...EMPTY, read: () => 7 }) },
    'storage: ignored key=token error="is of type number, not text"',
  ],
  [
    "gives bytes",
    { open: () => ({ ...EMPTY, read: () => new ArrayBuffer(4) }) },
    'storage: ignored key=slot error="is of type object, not text"',
  ],
])("with a flash that %s the board boots, serves, and logs it", async (_what, storage, line) => {
  const { ask, board, said, clock } = await serving(storage);
  await clock.run({ ms: 61_000 }); // by then it notes that this start has lasted
  expect(await ask()).toBe("HTTP/1.1 204");
  expect([board.fatal, said().map(text => text.replace(/^.*storage/, "storage"))]).toEqual([
    undefined,
    expect.arrayContaining([line]),
  ]);
});

test("what does not fit into a full flash is refused, or not saved, with the reason", async () => {
  const full = { open: () => ({ ...EMPTY, write: fails("ESP_ERR_NVS_NOT_ENOUGH_SPACE") }) };
  const { app, clock, lines } = await serving(full);
  expect(app.runtime.token.set("correct-horse")).toEqual({
    complaints: ["token: writing to flash failed: Error: ESP_ERR_NVS_NOT_ENOUGH_SPACE"],
  });
  expect(app.runtime.token.value).toBe(undefined);
  expect(app.runtime.setKey("balance", "first")).toHaveProperty("done");
  await clock.run({ ms: 31_000 });
  expect(lines.join("\n")).toMatch(
    /config: save-failed error="Error: ESP_ERR_NVS_NOT_ENOUGH_SPACE"/,
  );
  expect(app.proxy.config.balance).toBe("first");
});

test("a document for the next start that flash does not erase stays, and the answer says so", async () => {
  const worn = { open: () => ({ ...EMPTY, delete: fails("ESP_ERR_NVS_INVALID_STATE") }) };
  const { runtime } = (await serving(worn)).app;
  const ports = [81, 82, 83].map(port => ({ port }));
  const later = runtime.configure({ ...runtime.document, listeners: ports });
  expect(later).toMatchObject({ done: expect.stringMatching(/^accepted for the next start: /) });
  expect(runtime.setKey("retries", 1)).toMatchObject({
    done: expect.stringMatching(/; flash keeps the one for the next start: Error: ESP_/),
  });
  expect(runtime.running.next).toMatchObject({ listeners: ports });
});

test("a flash that fills up: what fits is saved, the rest is a line of the log", () => {
  const flash = new Flash(undefined, SDK_PAGES);
  const lines: unknown[] = [];
  const clock = new VirtualClock();
  const board = new Board({
    kind: esp32(),
    random: seeded(1),
    clock,
    wire: new Network({ clock }).host("board"),
    flash,
  });
  let store: TextStore | undefined;
  board.boot(({ storage }) => {
    store = TextStore.open(storage, "full", event => lines.push(event));
  });
  const keys = Array.from({ length: 12 }, (_, i) => `key-${i}`);
  const refused = keys.filter(key => store!.write(key, "x".repeat(3_000)) !== undefined);
  expect(refused.length).toBeGreaterThan(3);
  expect(lines).toHaveLength(refused.length);
  for (const key of keys) {
    expect(store!.read(key)).toBe(refused.includes(key) ? undefined : "x".repeat(3_000));
  }
});
