import { describe, expect, test } from "vitest";
import { mendedBoard } from "../../../emulator/proxy/firmware-board.ts";
import { Flash, SDK_PAGES } from "../../../emulator/src/flash.ts";
import {
  adminLab,
  ask,
  change,
  documentOf,
  json,
  listeners,
  restart,
  statusOf,
} from "../../../hil/kit/admin-lab.ts";
import { get, put, TOKEN } from "../../../hil/kit/admin-port.ts";
import { EmulatedLab, ENGINE } from "../../../hil/kit/emulated-lab.ts";
import { named } from "../../../hil/kit/http-backend.ts";
import type { StartOptions } from "../app.ts";
import { DOCUMENT_BYTES_MAX } from "./document-parts.ts";
import { BACKENDS_MAX, ROUTES_MAX } from "./settings.ts";

describe("settings of a build", () => {
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
    if (lab.app!.runtime.token.value !== TOKEN) lab.app!.runtime.token.set(TOKEN);
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
  ])("%s: the document in flash is used", async (_, given) => {
    const { flash } = await kept({ backends: "10.0.0.7:1" }, { retries: 1 });
    const lab = await built(flash, { retries: 0 }, given);
    expect(sourceOf(lab)).toEqual({ source: "flash" });
    expect(lab.app!.proxy.config.retries).toBe(1);
    expect(givenIn(lab)).toEqual([]);
  });

  test("a new backends= is laid over the document in flash once, and a later PUT overrides it", async () => {
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

  test("a new port= and token= are applied once, too", async () => {
    const { flash } = await kept({ port: "80" }, { retries: 1 });
    const given = { port: "81", token: "battery-staple" };
    const lab = await built(flash, {}, given);
    expect([await ask(lab, 81), await ask(lab, 80)]).toEqual(["HTTP/1.1 200", "ECONNREFUSED"]);
    expect(lab.app!.runtime.token.value).toBe("battery-staple");
    expect(givenIn(lab)).toEqual(["port,token"]);
    lab.app!.runtime.token.set(TOKEN);
    await get(lab, "/", { token: TOKEN });
    await lab.clock.run({ ms: 65_000 });
    lab.board.unplug();
    const again = await built(flash, {}, given);
    expect(again.app!.runtime.token.value).toBe(TOKEN);
    expect(await ask(again, 81)).toBe("HTTP/1.1 200");
  });

  test("a new document replaces the saved one, and is listed before the backends", async () => {
    const { flash, a, b } = await kept({}, { retries: 1 });
    const lab = await built(
      flash,
      { retries: 0, backends: only(b) },
      { document: "b", backends: a },
    );
    expect([backendsOf(lab), lab.app!.proxy.config.retries]).toEqual([[b], 0]);
    expect(givenIn(lab)).toEqual(["document,backends"]);
  });

  test("that do not fit the document in flash: the built-in one is used, suspended if it has no routes, and the other is kept", async () => {
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

  test.each(["{", "null", "[1]", '"x"'])("are applied again if flash has %s", async text => {
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

test("a document in flash that is no longer valid: the built-in one is used, and the status says why", async () => {
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
  const lab = await adminLab();
  await change(lab, { retries: 1 });
  await lab.clock.run({ ms: 65_000 });
  for (let i = 0; i < 6; i++) {
    lab.app!.stop();
    await restart(lab);
  }
  expect(lab.app!.proxy.config.retries).toBe(1);
});

describe("the built-in configuration", () => {
  test("is put in force on request, and after its trial flash has no other", async () => {
    const lab = await adminLab({ retries: 3 });
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
    expect(lab.app!.runtime.token.value).toBe(TOKEN);
  });

  test("is rolled back if no backend is usable", async () => {
    const lab = await adminLab({ backends: [{ address: "10.0.0.250", port: 9 }] });
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

  test("waits for the next start if its ports cannot be opened now, and then flash has no other", async () => {
    // The SDK's listeners cannot be closed, so the chip has no more of them.
    const lab = await adminLab({ listeners: listeners(81, 82, 83) }, mendedBoard("sdk"));
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
    const lab = await adminLab();
    const wrong = ["Authorization: Bearer wrong-token-1"];
    expect((await put(lab, "/api/factory-reset", {}, wrong)).status).toBe(401);
    await lab.clock.run({ ms: 5000 });
    expect(lab.events("config", "factory-reset")).toHaveLength(0);
  });

  // The program on XS cannot restart its board.
  test.skipIf(ENGINE === "xs")(
    "is answered; then flash is erased, and the board restarts as it was built",
    async () => {
      const flash = new Flash();
      const lab = new EmulatedLab(mendedBoard(), { flash, reboots: true });
      for (const name of "ab") lab.backend(name, named(name).serve);
      await lab.serve({ retries: 3 }, { token: "built-in-token" });
      lab.app!.runtime.token.set(TOKEN);
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
      expect(runtime.token.value).toBe("built-in-token");
      const { source, rolledBack } = (await statusOf(lab)).configuration;
      expect([source, rolledBack]).toEqual(["built-in", null]);
      await lab.clock.run({ ms: 65_000 });
      await restart(lab);
      expect(lab.app!.proxy.config.retries).toBe(3);
    },
  );
});

describe("a document of 12 KB", () => {
  /** As many backends and routes as there may be, with long names: those of the board, and others that nothing checks. */
  async function large(lab: EmulatedLab): Promise<{ backends: object[]; routes: object[] }> {
    const document = await documentOf(lab);
    const others = Array.from({ length: BACKENDS_MAX - document.backends.length }, (_, i) => ({
      name: `machine-${i}.${"x".repeat(18)}`,
      address: `10.0.0.${i + 1}`,
      port: 8080,
      state: "maint",
      health: {
        check: "http",
        path: `/health/${"p".repeat(112)}`,
        host: `m${i}.${"h".repeat(60)}`,
      },
    }));
    const routes: object[] = Array.from({ length: ROUTES_MAX }, (_, i) => ({
      host: `service-${i}.home`,
      path: "/api",
      backends: ["a", "b", ...others.slice(0, 2).map(({ name }) => name)],
    }));
    routes[0] = { host: "*.home", path: "/", backends: ["a"] };
    routes[1] = { backends: ["a", "b"] };
    const found = { ...document, backends: [...document.backends, ...others], routes };
    expect(JSON.stringify(found).length).toBeGreaterThan(DOCUMENT_BYTES_MAX - 1_000);
    return found;
  }

  const IN_FORCE = (lab: EmulatedLab) => lab.events("config", "in-force").at(-1)!.values.source;

  test("is put, survives its trial and a restart, and is read as it was put", async () => {
    const lab = await adminLab();
    const document = await large(lab);
    const answer = await put(lab, "/api/config", document);
    expect([answer.status, json(answer).done]).toEqual([200, expect.stringMatching(/^in force; /)]);
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "saved")).toHaveLength(1);
    await restart(lab);
    expect([IN_FORCE(lab), await documentOf(lab)]).toEqual(["flash", document]);
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
    await change(lab, { routes: [], backends: document.backends.slice(0, 2) });
    await lab.clock.run({ ms: 31_000 });
    await restart(lab);
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
  });

  test("survives a power cut while it is written, at whatever step: the board serves with it or with the one before", async () => {
    const found = { flash: 0, "built-in": 0 };
    for (let step = 1, finished = false; !finished; step++) {
      const lab = await adminLab();
      const document = await large(lab);
      await put(lab, "/api/config", document);
      await lab.clock.run({ ms: 29_000 });
      lab.board.flash.cutPowerAt(step);
      await lab.clock.run({ ms: 2_000 });
      finished = lab.board.isRunning;
      lab.board.flash.cutPowerAt(Number.POSITIVE_INFINITY);
      if (!finished) {
        const before = lab.events("proxy", "ready").length;
        lab.boot({});
        await lab.clock.run({ until: () => lab.events("proxy", "ready").length > before });
      }
      expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
      const source = IN_FORCE(lab) as keyof typeof found;
      if (finished) break;
      found[source]++;
      const { backends } = await documentOf(lab);
      expect(backends).toEqual(
        source === "flash" ? document.backends : document.backends.slice(0, 2),
      );
      expect(lab.lines.filter(line => line.includes("storage: "))).toEqual([]);
    }
    expect(found["built-in"]).toBeGreaterThan(5);
    expect(found.flash).toBeGreaterThan(0);
  });

  test("a board with the partition table of earlier firmware says so, serves, and takes 3999 bytes as before", async () => {
    const lab = await adminLab({}, mendedBoard(), { flash: new Flash(undefined, SDK_PAGES) });
    expect(lab.events("storage", "small").map(({ values }) => values)).toEqual([
      { bytes: "24576", documentBytesMax: "3999" },
    ]);
    const document = await large(lab);
    const answer = await put(lab, "/api/config", document);
    expect([answer.status, json(answer).error]).toEqual([
      400,
      expect.stringMatching(
        /^configuration: is 1\d{4} bytes long; 3999 at most fit into flash, which has the partitions of an earlier firmware; 12288 fit once/,
      ),
    ]);
    expect((await statusOf(lab)).configuration).toMatchObject({ source: "built-in" });
    const less = { ...document, backends: document.backends.slice(0, 12), routes: [] };
    expect((await put(lab, "/api/config", less)).status).toBe(200);
    await lab.clock.run({ ms: 31_000 });
    await restart(lab);
    expect([IN_FORCE(lab), await documentOf(lab)]).toEqual(["flash", less]);
  });
});

describe("resets alone discard no document", () => {
  const ROUTES = [{ host: "a.home", backends: ["a"] }];
  const ready = (lab: EmulatedLab) => lab.events("proxy", "ready").length;

  /** A board that keeps a document with routes; the one that was built in has none. */
  async function routed(servedMs = 0) {
    const lab = await adminLab();
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

  test("however often the board crashes after it has served for a minute", async () => {
    const lab = await routed(61_000);
    for (let i = 0; i < 8; i++) await crash(lab);
    expect((await documentOf(lab)).routes).toEqual(ROUTES);
    expect((await statusOf(lab)).configuration).toMatchObject({
      source: "flash",
      rolledBack: null,
    });
  });

  test("but one with which the board crashes before its ports are open is replaced, even if it is proven", async () => {
    const lab = await routed(61_000);
    for (let i = 0; i < 4; i++) {
      lab.board.crash("panic");
      await lab.clock.run({ ms: lab.board.kind.bootMs + 10 });
    }
    await lab.clock.run({ ms: 5_000 });
    expect((await statusOf(lab)).configuration).toMatchObject({ rolledBack: "boot-loop" });
  });

  describe("but after a rollback from one with routes to one without", () => {
    async function fallen() {
      const lab = await routed();
      for (let i = 0; i < 4; i++) await crash(lab);
      return lab;
    }

    test("clients get 503 until an operator applies a document, also after a restart, and the failed one can be read", async () => {
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

    test("the failed one can be put in force again", async () => {
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

    test("any other document ends the 503, unless it is rolled back", async () => {
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

  test("a document with routes that this firmware refuses suspends the one without, too", async () => {
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
    lab.app!.runtime.token.set(TOKEN);
    await change(lab, {});
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
  });
});
