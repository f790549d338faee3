import { describe, expect, test } from "vitest";
import { Flash } from "../../../emulator/src/flash.ts";
import { type Answer, get, put, TOKEN } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab, ENGINE, mass, mendedBoard } from "../../../hil/kit/emulated-lab.ts";
import { named } from "../../../hil/kit/http-backend.ts";
import fc from "../../../hil/kit/properties.ts";
import { documents } from "../../../hil/kit/random-documents.ts";
import type { StartOptions } from "../app.ts";

const GET_ONCE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/** A board with a flash of its own and a token, which boots again when it is told to. */
async function labOf(settings: object = {}) {
  const flash = new Flash();
  const lab = new EmulatedLab(mendedBoard(), { flash, reboots: true });
  for (const name of "ab") lab.backend(name, named(name).serve);
  await lab.serve(settings);
  lab.app!.runtime.setToken(TOKEN);
  return lab;
}

const json = ({ body }: Answer) => JSON.parse(body);
const documentOf = async (lab: EmulatedLab, port = 8404) =>
  json(await get(lab, "/api/config", { port }));
const statusOf = async (lab: EmulatedLab, port = 8404) =>
  json(await get(lab, "/api/status", { port }));
const change = async (lab: EmulatedLab, settings: object, port?: number) =>
  put(lab, "/api/config", { ...(await documentOf(lab, port)), ...settings }, [], port);
const listeners = (...ports: number[]) => ports.map(port => ({ port }));

/** What a client at `port` of the board gets. */
async function ask(lab: EmulatedLab, port: number): Promise<string> {
  const socket = lab.network.host("client").connect({ host: "board", port });
  const received = collect(socket);
  socket.write(GET_ONCE);
  await lab.clock.run({ until: () => socket.closed, ms: 60_000 });
  return received.text.slice(0, 12) || (received.error ?? "closed");
}

/** Resets the board, and waits until it serves again. */
async function restart(lab: EmulatedLab): Promise<void> {
  const before = lab.events("proxy", "ready").length;
  lab.board.reset();
  await lab.clock.run({ until: () => lab.events("proxy", "ready").length > before, ms: 60_000 });
}

describe("the admin port", () => {
  test("moves when a document says so, and the old one answers during the trial", async () => {
    const lab = await labOf();
    const answer = await change(lab, { adminPort: 9000 });
    expect(json(answer).done).toMatch(
      /^in force; .* if a request with the token arrives at port 9000/,
    );
    expect((await get(lab, "/healthz", { port: 8404 })).status).toBe(200);
    expect((await get(lab, "/healthz", { port: 9000, token: TOKEN })).status).toBe(200);
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "saved")).toHaveLength(1);
    expect((await get(lab, "/healthz", { port: 9000 })).status).toBe(200);
    expect((await get(lab, "/healthz", { port: 8404 })).status).toBeNaN();
    await restart(lab);
    expect((await get(lab, "/healthz", { port: 9000 })).status).toBe(200);
  });

  test.each([
    ["none has come there", () => undefined],
    [
      "only requests without the token have come there",
      (lab: EmulatedLab) => get(lab, "/", { port: 9000 }),
    ],
    [
      "only requests with a wrong token have come there",
      (lab: EmulatedLab) => get(lab, "/", { port: 9000, token: "correct-hose!" }),
    ],
    [
      "requests with the token have come only to the old one",
      (lab: EmulatedLab) => get(lab, "/", { token: TOKEN }),
    ],
  ])("moves back by itself when %s", async (_, meanwhile) => {
    const lab = await labOf();
    await change(lab, { adminPort: 9000 });
    await meanwhile(lab);
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "rolled-back").at(-1)!.values).toEqual({ why: "unconfirmed" });
    expect((await get(lab, "/healthz", { port: 9000 })).status).toBeNaN();
    const { configuration } = await statusOf(lab);
    expect(configuration).toMatchObject({ source: "built-in", rolledBack: "unconfirmed" });
    expect(lab.app!.proxy.config.adminPort).toBe(8404);
  });

  test("that no document wants any more needs nobody who confirms it", async () => {
    const lab = await labOf();
    await change(lab, { adminPort: 0 });
    await lab.clock.run({ ms: 31_000 });
    expect((await get(lab, "/healthz")).status).toBeNaN();
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
  });

  test("and a listener change places", async () => {
    const lab = await labOf();
    const answer = await change(lab, { listeners: listeners(8404), adminPort: 80 });
    expect(answer.status).toBe(200);
    expect((await get(lab, "/healthz", { port: 80, token: TOKEN })).body).toBe("ok\n");
    expect(await ask(lab, 8404)).toBe("HTTP/1.1 200");
    await lab.clock.run({ ms: 31_000 });
    expect(await ask(lab, 8404)).toBe("HTTP/1.1 200");
    expect((await get(lab, "/healthz", { port: 80 })).body).toBe("ok\n");
  });
});

test("a document on trial is undone at once, and what is undone is the one before the trial", async () => {
  const lab = await labOf();
  const before = await documentOf(lab);
  expect((await get(lab, "/api/config/previous")).status).toBe(404);
  await change(lab, { retries: 1 });
  await change(lab, { adminPort: 9000, retries: 2 });
  expect(json(await get(lab, "/api/config/previous"))).toEqual(before);
  const undone = await put(lab, "/api/config/previous", {});
  expect(json(undone)).toEqual({ done: "the previous configuration is in force again" });
  expect(await documentOf(lab)).toEqual(before);
  expect((await statusOf(lab)).configuration).toMatchObject({
    source: "built-in",
    trialLeftMs: null,
    rolledBack: "undone",
  });
  expect(lab.events("config", "rolled-back").at(-1)!.values).toEqual({ why: "undone" });
  const again = await put(lab, "/api/config/previous", {});
  expect([again.status, json(again).error]).toEqual([400, "undo: no configuration is on trial"]);
  await lab.clock.run({ ms: 31_000 });
  expect(lab.events("config", "saved")).toEqual([]);
});

describe("a document whose ports cannot be had beside those that are open", () => {
  test("is accepted for the next start, and both documents can be read until then", async () => {
    const lab = await labOf();
    const before = await documentOf(lab);
    const wanted = { ...before, listeners: listeners(81, 82, 83), adminPort: 9000 };
    const answer = await put(lab, "/api/config", wanted);
    expect(json(answer).done).toMatch(
      /^accepted for the next start: no socket is left for port 81, 82, 83, 9000 besides 80, 8404/,
    );
    expect(await documentOf(lab)).toEqual(before);
    expect(json(await get(lab, "/api/config/next"))).toEqual(wanted);
    expect((await statusOf(lab)).configuration).toMatchObject({
      source: "built-in",
      changesAtNextStart: true,
    });
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");

    await restart(lab);
    expect(await documentOf(lab, 9000)).toEqual(wanted);
    expect((await get(lab, "/api/config/next", { port: 9000 })).status).toBe(404);
    for (const port of [81, 82, 83]) expect(await ask(lab, port)).toBe("HTTP/1.1 200");
    await get(lab, "/", { port: 9000, token: TOKEN });
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "saved")).toHaveLength(1);
    expect((await statusOf(lab, 9000)).configuration).toMatchObject({ source: "flash" });
  });

  // The program on XS cannot restart its board.
  test.skipIf(ENGINE === "xs")(
    "is on trial after that start, and the board restarts with the one before when it fails",
    async () => {
      const lab = await labOf();
      const before = await documentOf(lab);
      await change(lab, { listeners: listeners(81, 82, 83), adminPort: 9000 });
      await restart(lab);
      await lab.clock.run({ ms: 35_000 });
      await lab.clock.run({ until: () => lab.events("proxy", "ready").length === 3, ms: 60_000 });
      expect(lab.events("config", "dropped").at(-1)!.values).toMatchObject({ why: "unconfirmed" });
      expect(await documentOf(lab)).toEqual(before);
      expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
    },
  );

  // The program on XS cannot restart its board.
  test.skipIf(ENGINE === "xs")(
    "is undone after that start by a restart, which is said",
    async () => {
      const lab = await labOf();
      const before = await documentOf(lab);
      await change(lab, { listeners: listeners(81, 82, 83), adminPort: 9000 });
      await restart(lab);
      const undone = await put(lab, "/api/config/previous", {}, [], 9000);
      expect(json(undone).done).toBe("the board restarts with the previous configuration");
      await lab.clock.run({ until: () => lab.events("proxy", "ready").length === 3, ms: 10_000 });
      expect(await documentOf(lab)).toEqual(before);
      expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
    },
  );

  test("gives way to a later one", async () => {
    const lab = await labOf();
    await change(lab, { listeners: listeners(81, 82, 83), adminPort: 9000 });
    expect(json(await change(lab, { retries: 1 })).done).toMatch(/the next start is dropped$/);
    await lab.clock.run({ ms: 31_000 });
    await restart(lab);
    expect(lab.app!.proxy.config.retries).toBe(1);
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
  });

  test("is refused when it is to count until the next reset only", async () => {
    const lab = await labOf();
    const before = await documentOf(lab);
    const answer = await put(lab, "/api/config?persist=no", {
      ...before,
      listeners: listeners(81, 82, 83),
    });
    expect([answer.status, json(answer).error]).toEqual([
      400,
      expect.stringMatching(
        /^listeners: no socket is left for port 81, 82, 83 .*nothing was changed$/,
      ),
    ]);
    expect(await documentOf(lab)).toEqual(before);
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
  });
});

test("a listener on the admin port is refused, and nothing changes", async () => {
  const lab = await labOf();
  const answer = await change(lab, { listeners: listeners(80, 8404) });
  expect([answer.status, json(answer).error]).toEqual([400, expect.stringMatching(/^adminPort: /)]);
  expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
});

test("a port that cannot be opened now refuses the whole document", async () => {
  const lab = await labOf();
  const before = await documentOf(lab);
  lab.wifiDrop(60_000);
  await lab.clock.run({ ms: 100 });
  const { runtime, proxy } = lab.app!;
  const outcome = runtime.configure({ ...before, listeners: listeners(81), retries: 1 });
  expect(outcome).toEqual({
    complaints: [expect.stringMatching(/^listeners: port 81 cannot be opened now: .*no network/)],
  });
  expect([proxy.config.retries, proxy.config.listeners[0].port]).toEqual([2, 80]);
});

test("after any row of changes of ports, what the status says to run is what runs", async () => {
  const lab = await labOf();
  for (const ports of [[81], [82], [83], [80, 81], [84], [80]]) {
    await change(lab, { listeners: listeners(...ports) });
    const wanted = (await documentOf(lab)).listeners.map(({ port }: { port: number }) => port);
    for (const port of [80, 81, 82, 83, 84]) {
      const served = (await ask(lab, port)) === "HTTP/1.1 200";
      expect([port, served]).toEqual([port, wanted.includes(port)]);
    }
  }
});

test("a reset during a trial is logged as what ended the new configuration", async () => {
  const lab = await labOf();
  await change(lab, { retries: 1 });
  await lab.clock.run({ ms: 5000 });
  lab.board.crash("panic");
  await lab.clock.run({ until: () => lab.events("proxy", "ready").length === 3, ms: 60_000 });
  expect(lab.events("config", "dropped").map(({ values }) => values)).toEqual([
    { why: "reset", reset: "panic" },
  ]);
  expect((await statusOf(lab)).configuration).toMatchObject({ rolledBack: "reset" });
  expect(lab.app!.proxy.config.retries).toBe(2);
  await restart(lab); // and once only
  expect(lab.events("config", "dropped")).toHaveLength(1);
});

describe("a weight that is set at run time", () => {
  const weightOf = (lab: EmulatedLab) => lab.app!.proxy.backend("a")!.weight;

  test("lasts until the next configuration, and the answer says so", async () => {
    const lab = await labOf({ balance: "weighted-round-robin" });
    const answer = await put(lab, "/api/backends/a", { weight: 5 });
    expect(json(answer).done).toBe(
      "a has weight 5 instead of 1 until the next configuration or restart",
    );
    expect(weightOf(lab)).toBe(5);
    await change(lab, { retries: 1 });
    expect(weightOf(lab)).toBe(1);
  });

  test("is refused where the strategy ignores it, and a state beside it is not changed either", async () => {
    const lab = await labOf();
    const answer = await put(lab, "/api/backends/a", { weight: 5, state: "drain" });
    expect([answer.status, json(answer).error]).toEqual([
      400,
      "weight: is 5, but round-robin ignores weights; use weighted-round-robin",
    ]);
    expect(lab.app!.proxy.backend("a")!.state).toBe("ready");
  });

  test("is not changed beside a state that is none", async () => {
    const lab = await labOf({ balance: "weighted-round-robin" });
    expect((await put(lab, "/api/backends/a", { weight: 5, state: "asleep" })).status).toBe(400);
    expect(weightOf(lab)).toBe(1);
  });
});

test("a state that is set at run time outlasts a new configuration that leaves it as it was", async () => {
  const lab = await labOf();
  await put(lab, "/api/backends/a", { state: "drain" });
  await change(lab, { retries: 1 });
  expect(lab.app!.proxy.backend("a")!.state).toBe("drain");
});

describe("a state that is set at run time", () => {
  const stateOf = (lab: EmulatedLab) => lab.app!.proxy.backend("a")!.state;

  test.each(["drain", "maint"])(
    "%s survives a restart, and is over when it is taken back",
    async state => {
      const lab = await labOf();
      await put(lab, "/api/backends/a", { state });
      await restart(lab);
      expect(stateOf(lab)).toBe(state);
      await put(lab, "/api/backends/a", { state: "ready" });
      await restart(lab);
      expect(stateOf(lab)).toBe("ready");
    },
  );

  test("under a configuration that counts until the next reset ends with it", async () => {
    const lab = await labOf();
    await put(lab, "/api/config?persist=no", await documentOf(lab));
    await put(lab, "/api/backends/a", { state: "drain" });
    await restart(lab);
    expect(stateOf(lab)).toBe("ready");
  });

  test.each(["{", "null", '{"a":["ready","asleep"]}', '{"a":"drain"}'])(
    "is ignored where flash holds %s, and the board serves",
    async text => {
      const flash = new Flash();
      const lab = new EmulatedLab(mendedBoard(), { flash, reboots: true });
      lab.backend("a", named("a").serve);
      lab.board.boot(platform => {
        platform.storage
          .open({ path: "hot-potato", mode: "r+", format: "string" })
          .write("states", text);
      });
      await lab.clock.run({ ms: 100 });
      lab.board.unplug();
      await lab.serve();
      expect(stateOf(lab)).toBe("ready");
      expect(lab.events("storage", "ignored").at(-1)!.values).toMatchObject({ key: "states" });
      expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
    },
  );
});

describe("what a build is given", () => {
  /** A board with this flash that gets another build: its document, and what it was given. */
  async function built(flash: Flash, settings: object, given: StartOptions = {}) {
    const lab = new EmulatedLab(mendedBoard(), { flash, reboots: true });
    for (const name of "abc") lab.backend(name, named(name).serve);
    await lab.serve(settings, given);
    return lab;
  }

  const only = (address: string) => [{ name: "x", address, port: 8080 }];
  const backendsOf = (lab: EmulatedLab) =>
    lab.app!.proxy.config.backends.map(({ address }) => address);
  const sourceOf = (lab: EmulatedLab) => lab.events("config", "in-force").at(-1)!.values;
  const givenIn = (lab: EmulatedLab) =>
    lab.events("config", "build-settings").map(({ values }) => values.keys);

  /** A flash with the addresses of three backends; the first build had `given`, and then a document was put. */
  async function kept(given: StartOptions, change: object) {
    const flash = new Flash();
    const lab = await built(flash, {}, given);
    const [a, b, c] = ["a", "b", "c"].map(name => lab.network.host(name).address);
    if (lab.app!.runtime.token !== TOKEN) lab.app!.runtime.setToken(TOKEN);
    await put(lab, "/api/config", { ...(await documentOf(lab)), ...change });
    await lab.clock.run({ ms: 65_000 });
    expect(lab.events("config", "saved")).toHaveLength(1);
    lab.board.unplug();
    return { flash, a, b, c };
  }

  test.each([
    ["the same", { backends: "10.0.0.7:1" }],
    ["nothing", {}],
    ["empty settings", { backends: "", port: "", token: "" }],
  ])("%s: the document in flash counts", async (_, given) => {
    const { flash } = await kept({ backends: "10.0.0.7:1" }, { retries: 1 });
    const lab = await built(flash, { retries: 0 }, given);
    expect(sourceOf(lab)).toEqual({ source: "flash" });
    expect(lab.app!.proxy.config.retries).toBe(1);
    expect(givenIn(lab)).toEqual([]);
  });

  test("other backends= are laid over the document in flash once, and a later PUT counts again", async () => {
    const { flash, a, b, c } = await kept({ backends: "10.0.0.7:1" }, { retries: 1 });
    const given = { backends: `${a}:8080,${b}:8080` };
    const lab = await built(flash, { retries: 0 }, given);
    expect([backendsOf(lab), lab.app!.proxy.config.retries]).toEqual([[a, b], 1]);
    expect([givenIn(lab), sourceOf(lab)]).toEqual([["backends"], { source: "flash" }]);
    await change(lab, { backends: only(c) });
    await lab.clock.run({ ms: 65_000 });
    lab.board.unplug();

    const again = await built(flash, {}, given);
    expect([backendsOf(again), again.app!.proxy.config.retries]).toEqual([[c], 1]);
    expect(givenIn(again)).toEqual([]);
    again.board.unplug();
    // A build in between that was given nothing makes them nothing new.
    const without = await built(flash, {});
    without.board.unplug();
    expect(backendsOf(await built(flash, {}, given))).toEqual([c]);
  });

  test("another port= and token= count once, too", async () => {
    const { flash } = await kept({ port: "80" }, { retries: 1 });
    const given = { port: "81", token: "battery-staple" };
    const lab = await built(flash, {}, given);
    expect([await ask(lab, 81), await ask(lab, 80)]).toEqual(["HTTP/1.1 200", "ECONNREFUSED"]);
    expect(lab.app!.runtime.token).toBe("battery-staple");
    expect(givenIn(lab)).toEqual(["port,token"]);
    lab.app!.runtime.setToken(TOKEN);
    await get(lab, "/", { token: TOKEN });
    await lab.clock.run({ ms: 65_000 });
    lab.board.unplug();
    const again = await built(flash, {}, given);
    expect(again.app!.runtime.token).toBe(TOKEN);
    expect(await ask(again, 81)).toBe("HTTP/1.1 200");
  });

  test("another document counts whole, and is named before the backends", async () => {
    const { flash, a, b } = await kept({}, { retries: 1 });
    const lab = await built(
      flash,
      { retries: 0, backends: only(b) },
      { document: "b", backends: a },
    );
    expect([backendsOf(lab), lab.app!.proxy.config.retries]).toEqual([[b], 0]);
    expect(givenIn(lab)).toEqual(["document,backends"]);
  });

  test("does not fit the document in flash: what is built in counts, suspended where it has no routes, and the document is kept", async () => {
    const { flash, a } = await kept({}, { retries: 1, routes: [{ host: "x", backends: ["c"] }] });
    const lab = await built(flash, { retries: 0 }, { backends: `${a}:8080` });
    expect(lab.events("config", "refused").map(({ values }) => values.error)).toEqual([
      'routes[0].backends: no backend is called "c"; known are a',
    ]);
    expect(lab.app!.proxy.config.retries).toBe(0);
    for (let i = 0; i < 2; i++) {
      expect((await statusOf(lab)).configuration).toMatchObject({
        rolledBack: "build-settings",
        suspended: true,
      });
      expect(json(await get(lab, "/api/config/failed"))).toMatchObject({ retries: 1 });
      await restart(lab);
    }
  });

  test.each(["{", "null", "[1]", '"x"'])("is known anew where flash holds %s", async text => {
    const { flash, a } = await kept({ backends: "10.0.0.7:1" }, { retries: 1 });
    const writer = new EmulatedLab(mendedBoard(), { flash });
    writer.board.boot(({ storage }) => {
      storage
        .open({ path: "hot-potato", mode: "r+", format: "string" })
        .write("build-settings", text);
    });
    await writer.clock.run({ ms: 100 });
    writer.board.unplug();
    const lab = await built(flash, {}, { backends: `${a}:8080` });
    expect([backendsOf(lab), lab.app!.proxy.config.retries]).toEqual([[a], 1]);
  });
});

test("a document in flash that is no configuration any more: what is built in counts, and the status says why", async () => {
  const flash = new Flash();
  const writer = new EmulatedLab(mendedBoard(), { flash });
  writer.board.boot(({ storage }) => {
    const store = storage.open({ path: "hot-potato", mode: "r+", format: "string" });
    store.write("config-a", '{"backends":[],"color":"red"}');
    store.write("slot", "a");
  });
  await writer.clock.run({ ms: 100 });
  writer.board.unplug();
  const lab = new EmulatedLab(mendedBoard(), { flash, reboots: true });
  lab.backend("a", named("a").serve);
  await lab.serve();
  expect((await statusOf(lab)).configuration).toMatchObject({
    source: "built-in",
    rolledBack: "invalid",
  });
  expect(lab.events("config", "refused")).toHaveLength(2);
});

test("starts that an operator ended do not count as failures, however short they were", async () => {
  const lab = await labOf();
  await change(lab, { retries: 1 });
  await lab.clock.run({ ms: 65_000 });
  for (let i = 0; i < 6; i++) {
    lab.app!.stop();
    await restart(lab);
  }
  expect(lab.app!.proxy.config.retries).toBe(1);
});

describe("the configuration that was built in", () => {
  test("is in force again when it is asked for, and flash keeps no other when it has served", async () => {
    const lab = await labOf({ retries: 3 });
    const builtIn = await documentOf(lab);
    await change(lab, { retries: 1 });
    await lab.clock.run({ ms: 65_000 });
    expect(json(await get(lab, "/api/config/default"))).toEqual(builtIn);
    expect(json(await put(lab, "/api/config/default", {})).done).toMatch(
      /^in force; it is saved after a trial of 30 s$/,
    );
    expect((await statusOf(lab)).configuration).toMatchObject({ source: "trial" });
    await lab.clock.run({ ms: 31_000 });
    expect((await statusOf(lab)).configuration).toMatchObject({ source: "built-in" });
    await restart(lab);
    expect(await documentOf(lab)).toEqual(builtIn);
    expect(lab.events("config", "in-force").at(-1)!.values).toEqual({ source: "built-in" });
    expect(lab.app!.runtime.token).toBe(TOKEN);
  });

  test("with which no backend can be used is taken back, too", async () => {
    const lab = await labOf({ backends: [{ address: "10.0.0.250", port: 9 }] });
    const { host } = lab.backend("c", named("c").serve);
    const backends = [{ address: host.address, port: 8080 }];
    await change(lab, { backends, health: { check: "tcp" }, retries: 1 });
    await lab.clock.run({ ms: 35_000 });
    await lab.clock.run({ until: () => lab.events("config", "saved").length === 1, ms: 60_000 });
    await put(lab, "/api/config/default", {});
    lab.setState("a", "maint"); // nothing checks it
    await lab.clock.run({ ms: 31_000 });
    expect(lab.app!.proxy.config.retries).toBe(1);
    expect((await statusOf(lab)).configuration).toMatchObject({
      source: "flash",
      rolledBack: "no-backend",
    });
  });

  test("whose ports cannot be had now waits for the next start, and flash keeps no other then", async () => {
    const lab = await labOf({ listeners: listeners(81, 82, 83) });
    await change(lab, { listeners: listeners(90, 91, 92) });
    await restart(lab);
    await lab.clock.run({ ms: 65_000 });
    expect(json(await put(lab, "/api/config/default", {})).done).toMatch(/^accepted for the next/);
    await restart(lab);
    await lab.clock.run({ ms: 31_000 });
    expect((await statusOf(lab)).configuration).toMatchObject({ source: "built-in" });
    expect(lab.app!.proxy.config.listeners.map(({ port }) => port)).toEqual([81, 82, 83]);
  });
});

describe("a factory reset", () => {
  test("needs the token", async () => {
    const lab = await labOf();
    const wrong = ["Authorization: Bearer wrong-token-1"];
    expect((await put(lab, "/api/factory-reset", {}, wrong)).status).toBe(401);
    await lab.clock.run({ ms: 5000 });
    expect(lab.events("config", "factory-reset")).toHaveLength(0);
  });

  // The program on XS cannot restart its board.
  test.skipIf(ENGINE === "xs")(
    "is answered; then nothing is kept any more, and the board restarts as it was built",
    async () => {
      const flash = new Flash();
      const lab = new EmulatedLab(mendedBoard(), { flash, reboots: true });
      for (const name of "ab") lab.backend(name, named(name).serve);
      await lab.serve({ retries: 3 }, { token: "built-in-token" });
      lab.app!.runtime.setToken(TOKEN);
      await get(lab, "/", { token: TOKEN });
      await lab.clock.run({ ms: 31_000 });
      await change(lab, { retries: 1 });
      await put(lab, "/api/backends/a", { state: "drain" });
      await lab.clock.run({ ms: 65_000 });
      await change(lab, { retries: 0 }); // and one on trial

      const before = lab.events("proxy", "ready").length;
      const answer = await put(lab, "/api/factory-reset", {});
      expect([answer.status, json(answer).done]).toEqual([
        200,
        expect.stringMatching(/^in 1 s configuration, token, .*; the board restarts$/),
      ]);
      await lab.clock.run({
        until: () => lab.events("proxy", "ready").length > before,
        ms: 60_000,
      });
      const { runtime, proxy } = lab.app!;
      expect([proxy.config.retries, proxy.backend("a")!.state]).toEqual([3, "ready"]);
      expect(runtime.token).toBe("built-in-token");
      const { source, rolledBack } = (await statusOf(lab)).configuration;
      expect([source, rolledBack]).toEqual(["built-in", null]);
      await lab.clock.run({ ms: 65_000 });
      await restart(lab);
      expect(lab.app!.proxy.config.retries).toBe(3);
    },
  );
});

describe("a drained backend", () => {
  /** A board with backends at `addresses`, the first of which is drained. */
  async function drained(...names: (string | undefined)[]) {
    const lab = await labOf();
    const at = (host: string) => ({ address: lab.network.host(host).address, port: 8080 });
    await change(lab, { backends: names.map((name, i) => ({ name, ...at(["a", "b"][i]) })) });
    await lab.clock.run({ ms: 31_000 });
    await put(lab, `/api/backends/${names[0] ?? "a"}`, { state: "drain" });
    return { lab, at };
  }

  const statesOf = (lab: EmulatedLab) =>
    lab.app!.proxy.pool.backends.map(({ name, state }) => `${name} ${state}`);

  /** Which they are under the new document, after its trial, and after a restart. */
  async function statesUnder(lab: EmulatedLab, backends: object[]) {
    await change(lab, { backends });
    const first = statesOf(lab);
    await lab.clock.run({ ms: 31_000 });
    await restart(lab);
    expect(statesOf(lab)).toEqual(first);
    return first;
  }

  test("whose address changes stays drained, over a restart, too", async () => {
    const { lab, at } = await drained("one", "two");
    const backends = [
      { name: "one", address: "10.0.0.99", port: 8080 },
      { name: "two", ...at("b") },
    ];
    expect(await statesUnder(lab, backends)).toEqual(["one drain", "two ready"]);
  });

  test("that gets another name stays drained, and the one that gets its name is not", async () => {
    const { lab, at } = await drained(undefined, undefined);
    const backends = [{ address: "10.0.0.99", port: 8080 }, at("a"), at("b")];
    expect(await statesUnder(lab, backends)).toEqual(["a ready", "b drain", "c ready"]);
  });

  test("that is left out leaves nothing to the one that gets its name", async () => {
    const { lab, at } = await drained(undefined, undefined);
    expect(await statesUnder(lab, [at("b")])).toEqual(["a ready"]);
  });

  test("is drained again when a document without it is taken back", async () => {
    const { lab, at } = await drained("one", "two");
    await change(lab, { backends: [{ name: "two", ...at("b"), state: "maint" }] });
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "rolled-back")).toHaveLength(1);
    expect(statesOf(lab)).toEqual(["one drain", "two ready"]);
  });

  test("gets the state of a document that says something new, over a restart, too", async () => {
    const { lab, at } = await drained("one", "two");
    const backends = [
      { name: "one", ...at("a"), state: "maint" },
      { name: "two", ...at("b") },
    ];
    expect(await statesUnder(lab, backends)).toEqual(["one maint", "two ready"]);
    await put(lab, "/api/backends/one", { state: "ready" });
    await restart(lab);
    expect(statesOf(lab)).toEqual(["one ready", "two ready"]);
  });
});

test("what runs otherwise than the document says is told with it, and putting that back changes nothing", async () => {
  const lab = await labOf({ balance: "weighted-round-robin" });
  expect(await documentOf(lab)).not.toHaveProperty("setAtRunTime");
  await put(lab, "/api/backends/a", { state: "drain" });
  await put(lab, "/api/backends/b", { weight: 5 });
  const changes = [
    { backend: "a", key: "state", document: "ready", now: "drain" },
    { backend: "b", key: "weight", document: 1, now: 5 },
  ];
  expect((await documentOf(lab)).setAtRunTime).toEqual(changes);
  expect((await statusOf(lab)).configuration.setAtRunTime).toEqual(changes);
  const answer = await put(lab, "/api/config", await documentOf(lab));
  expect(answer.status).toBe(200);
  expect((await documentOf(lab)).setAtRunTime).toEqual([changes[0]]);
  await put(lab, "/api/backends/a", { state: "ready" });
  expect(await documentOf(lab)).not.toHaveProperty("setAtRunTime");
});

describe("another token", () => {
  const tokenOf = (lab: EmulatedLab) => lab.app!.runtime.token;
  const OTHER = "battery-staple";

  test("counts at once, and is kept when a request with it has come", async () => {
    const lab = await labOf();
    lab.app!.runtime.setToken(OTHER);
    expect((await put(lab, "/api/backends/a", { state: "drain" })).status).toBe(401);
    await get(lab, "/api/status", { token: OTHER });
    expect(lab.events("admin", "token-saved")).toHaveLength(1);
    await lab.clock.run({ ms: 31_000 });
    await restart(lab);
    expect(tokenOf(lab)).toBe(OTHER);
  });

  test("is taken back when none has come with it within the trial", async () => {
    const lab = await labOf();
    lab.app!.runtime.setToken(OTHER);
    for (const token of [TOKEN, "a-third-token", undefined]) await get(lab, "/", { token });
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("admin", "token-rolled-back")[0].values).toEqual({ why: "unconfirmed" });
    expect(tokenOf(lab)).toBe(TOKEN);
    await restart(lab);
    expect(tokenOf(lab)).toBe(TOKEN);
  });

  test("is gone with a reset during the trial", async () => {
    const lab = await labOf();
    lab.app!.runtime.setToken(OTHER);
    await lab.clock.run({ ms: 5000 });
    await restart(lab);
    expect(tokenOf(lab)).toBe(TOKEN);
  });

  test("and then a third one: back to the first", async () => {
    const lab = await labOf();
    lab.app!.runtime.setToken(OTHER);
    await lab.clock.run({ ms: 20_000 });
    lab.app!.runtime.setToken("a-third-token");
    await lab.clock.run({ ms: 20_000 });
    expect(tokenOf(lab)).toBe("a-third-token");
    await lab.clock.run({ ms: 11_000 });
    expect(tokenOf(lab)).toBe(TOKEN);
  });

  test("needs nobody who confirms it where no request can come", async () => {
    const lab = await labOf({ adminPort: 0 });
    lab.app!.runtime.setToken(OTHER);
    await lab.clock.run({ ms: 31_000 });
    expect(tokenOf(lab)).toBe(OTHER);
  });
});

describe("resets alone take no document away", () => {
  const ROUTES = [{ host: "a.home", backends: ["a"] }];
  const ready = (lab: EmulatedLab) => lab.events("proxy", "ready").length;

  /** A board that keeps a document with routes; the one that was built in has none. */
  async function routed(servedMs = 0) {
    const lab = await labOf();
    await change(lab, { routes: ROUTES });
    await lab.clock.run({ ms: 31_000 + servedMs });
    expect((await statusOf(lab)).configuration).toMatchObject({ source: "flash" });
    return lab;
  }

  async function crash(lab: EmulatedLab): Promise<void> {
    const before = ready(lab);
    lab.board.crash("panic");
    await lab.clock.run({ until: () => ready(lab) > before, ms: 60_000 });
  }

  test("however many power cuts come within a minute of each other", async () => {
    const lab = await routed();
    for (let i = 0; i < 8; i++) await restart(lab);
    expect((await documentOf(lab)).routes).toEqual(ROUTES);
    expect((await statusOf(lab)).configuration).toMatchObject({
      source: "flash",
      rolledBack: null,
    });
  });

  test("however often the board crashes when it has served for a minute once", async () => {
    const lab = await routed(61_000);
    for (let i = 0; i < 8; i++) await crash(lab);
    expect((await documentOf(lab)).routes).toEqual(ROUTES);
    expect((await statusOf(lab)).configuration).toMatchObject({
      source: "flash",
      rolledBack: null,
    });
  });

  test("but one with which the board crashes before its ports are open gives way, also when it had served", async () => {
    const lab = await routed(61_000);
    for (let i = 0; i < 4; i++) {
      lab.board.crash("panic");
      await lab.clock.run({ ms: lab.board.kind.bootMs + 10 });
    }
    await lab.clock.run({ ms: 5_000 });
    expect((await statusOf(lab)).configuration).toMatchObject({ rolledBack: "boot-loop" });
  });

  describe("and where one that has routes gives way to one that has none", () => {
    async function fallen() {
      const lab = await routed();
      for (let i = 0; i < 4; i++) await crash(lab);
      return lab;
    }

    test("clients get 503 until an operator has decided, also after a restart, and it can be read", async () => {
      const lab = await fallen();
      for (let i = 0; i < 2; i++) {
        expect(lab.events("config", "suspended").length).toBeGreaterThan(i);
        expect(await ask(lab, 80)).toBe("HTTP/1.1 503");
        const { configuration, refusals } = await statusOf(lab);
        expect(configuration).toMatchObject({
          source: "built-in",
          rolledBack: "boot-loop",
          suspended: true,
        });
        expect(refusals.suspended).toBe(1);
        expect((await get(lab, "/healthz")).status).toBe(503);
        expect(json(await get(lab, "/api/config/failed")).routes).toEqual(ROUTES);
        await restart(lab);
      }
    });

    test("it comes back when an operator says so", async () => {
      const lab = await fallen();
      expect((await put(lab, "/api/config/failed", {})).status).toBe(200);
      expect(lab.events("config", "resumed")).toHaveLength(1);
      await lab.clock.run({ ms: 31_000 });
      expect(await documentOf(lab)).toMatchObject({ routes: ROUTES });
      expect((await statusOf(lab)).configuration).toMatchObject({
        source: "flash",
        rolledBack: null,
        suspended: false,
      });
      expect((await get(lab, "/api/config/failed")).status).toBe(404);
      await restart(lab);
      expect((await documentOf(lab)).routes).toEqual(ROUTES);
    });

    test("any other decision counts, too, and one that is taken back does not", async () => {
      const lab = await fallen();
      expect((await change(lab, { retries: 1 })).status).toBe(200);
      expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
      await restart(lab);
      expect(await ask(lab, 80)).toBe("HTTP/1.1 503");
      await put(lab, "/api/config/default", {});
      await lab.clock.run({ ms: 31_000 });
      await restart(lab);
      expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
      expect((await statusOf(lab)).configuration).toMatchObject({ rolledBack: null });
    });
  });

  test("a document with routes that this firmware does not take suspends the one without, too", async () => {
    const flash = new Flash();
    const lab = new EmulatedLab(mendedBoard(), { flash, reboots: true });
    lab.backend("a", named("a").serve);
    lab.board.boot(({ storage }) => {
      const store = storage.open({ path: "hot-potato", mode: "r+", format: "string" });
      store.write("slot", "a");
      store.write("config-a", JSON.stringify({ routes: ROUTES, ofAnotherFirmware: 1 }));
    });
    await lab.clock.run({ ms: 100 });
    lab.board.unplug();
    await lab.serve();
    expect(await ask(lab, 80)).toBe("HTTP/1.1 503");
    expect((await statusOf(lab)).configuration).toMatchObject({
      rolledBack: "invalid",
      suspended: true,
    });
    lab.app!.runtime.setToken(TOKEN);
    await change(lab, {});
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
  });
});

test("whatever document is sent, the board lives, and a refused one changes nothing", async () => {
  let refused = 0;
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(documents, { minLength: 1, maxLength: 4 }), async all => {
      const lab = await labOf();
      for (const document of all) {
        const before = await documentOf(lab);
        const answer = await put(lab, "/api/config", bytesOf(document));
        expect(answer.body).toMatch(/^[\n -~]*$/);
        if (answer.status !== 200) {
          refused++;
          expect(answer.status).toBe(400);
          expect(json(answer).error).toMatch(/./);
          expect(answer.body.length).toBeLessThan(6_000);
          expect(await documentOf(lab)).toEqual(before);
          expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
          continue;
        }
        accepted++;
        break; // its backends are none of the lab's
      }
      expect(lab.board.fatal).toBeUndefined();
      for (const line of lab.lines) expect(line).toMatch(/^(?!E )[ -~]+$/);
    }),
    { numRuns: mass(25) },
  );
  // The chip's engine plays too few for both.
  if (ENGINE === "node") expect(Math.min(refused, accepted)).toBeGreaterThan(0);
});

/** JSON in UTF-8, a byte for each character. */
function bytesOf(document: unknown): string {
  return Buffer.from(JSON.stringify(document)).toString("latin1");
}
