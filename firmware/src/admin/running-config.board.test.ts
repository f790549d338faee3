import { describe, expect, test } from "vitest";
import { ourBoard } from "../../../emulator/proxy/firmware-board.ts";
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
import { collect, EmulatedLab, ENGINE, mass, says } from "../../../hil/kit/emulated-lab.ts";
import fc from "../../../hil/kit/properties.ts";
import { documents } from "../../../hil/kit/random-documents.ts";

const OWN_SOCKETS = ourBoard("own");
const SDK_SOCKETS = { ...ourBoard("sdk"), socketsMended: true };

describe("the admin port", () => {
  test("moves with a new document, and the old one answers during the trial", async () => {
    const lab = await adminLab();
    const answer = await change(lab, { adminPort: 9000 });
    expect(json(answer).done).toMatch(
      /^in force; .* if a request, with the token if one is set, arrives at port 9000/,
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
    ["no request has arrived there", () => undefined],
    [
      "only requests without the token have arrived there",
      (lab: EmulatedLab) => get(lab, "/", { port: 9000 }),
    ],
    [
      "only requests with a wrong token have arrived there",
      (lab: EmulatedLab) => get(lab, "/", { port: 9000, token: "correct-hose!" }),
    ],
    [
      "requests with the token have arrived only at the old one",
      (lab: EmulatedLab) => get(lab, "/", { token: TOKEN }),
    ],
  ])("moves back by itself when %s", async (_, meanwhile) => {
    const lab = await adminLab();
    await change(lab, { adminPort: 9000 });
    await meanwhile(lab);
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "rolled-back").at(-1)!.values).toEqual({ why: "unconfirmed" });
    expect((await get(lab, "/healthz", { port: 9000 })).status).toBeNaN();
    const { configuration } = await statusOf(lab);
    expect(configuration).toMatchObject({ source: "built-in", rolledBack: "unconfirmed" });
    expect(lab.app!.proxy.config.adminPort).toBe(8404);
  });

  test("stays moved after any request there if no token is set", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", says("a"));
    await lab.serve({ adminPort: 8404 });
    lab.app!.runtime.setKey("adminPort", 9000);
    await lab.clock.run({ ms: 1000 });
    expect((await get(lab, "/metrics", { port: 9000 })).status).toBe(200);
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "saved")).toHaveLength(1);
    expect(lab.app!.proxy.config.adminPort).toBe(9000);
  });

  test("that is switched off needs no confirmation", async () => {
    const lab = await adminLab();
    await change(lab, { adminPort: 0 });
    await lab.clock.run({ ms: 31_000 });
    expect((await get(lab, "/healthz")).status).toBeNaN();
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
  });

  test("and a listener swap their ports", async () => {
    const lab = await adminLab();
    const answer = await change(lab, { listeners: listeners(8404), adminPort: 80 });
    expect(answer.status).toBe(200);
    expect((await get(lab, "/healthz", { port: 80, token: TOKEN })).body).toBe("ok\n");
    expect(await ask(lab, 8404)).toBe("HTTP/1.1 200");
    await lab.clock.run({ ms: 31_000 });
    expect(await ask(lab, 8404)).toBe("HTTP/1.1 200");
    expect((await get(lab, "/healthz", { port: 80 })).body).toBe("ok\n");
  });
});

test("undo restores the document from before the trial at once", async () => {
  const lab = await adminLab();
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

/** That three other listeners and another admin port are open, and no more. */
async function expectMoved(lab: EmulatedLab): Promise<void> {
  for (const port of [81, 82, 83]) expect(await ask(lab, port)).toBe("HTTP/1.1 200");
  expect((await get(lab, "/healthz", { port: 9000 })).status).toBe(200);
  for (const port of [80, 8404]) expect(await ask(lab, port)).toBe("ECONNREFUSED");
}

describe("with sockets that can be closed", () => {
  const everyPort = { listeners: listeners(81, 82, 83), adminPort: 9000 };

  test("all ports change at once, and stay changed when the admin port is confirmed", async () => {
    const lab = await adminLab({}, OWN_SOCKETS);
    expect(json(await change(lab, everyPort)).done).toMatch(/^in force; .* arrives at port 9000/);
    await expectMoved(lab);
    await get(lab, "/", { port: 9000, token: TOKEN });
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "saved")).toHaveLength(1);
    await expectMoved(lab);
    await restart(lab);
    await expectMoved(lab);
  });

  test.each([
    ["by itself", (lab: EmulatedLab) => lab.clock.run({ ms: 31_000 })],
    ["by undo", (lab: EmulatedLab) => put(lab, "/api/config/previous", {}, [], 9000)],
  ])("and change back %s", async (_, roll) => {
    const lab = await adminLab({}, OWN_SOCKETS);
    await change(lab, everyPort);
    await expectMoved(lab);
    await roll(lab);
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
    expect((await get(lab, "/healthz")).status).toBe(200);
    for (const port of [81, 82, 83, 9000]) expect(await ask(lab, port)).toBe("ECONNREFUSED");
    expect(lab.events("config", "rolled-back")).toHaveLength(1);
  });

  test("a port that is no longer configured refuses connections at once, and sessions there go on", async () => {
    const lab = await adminLab({ listeners: listeners(80, 81) }, OWN_SOCKETS);
    const client = lab.network.host("client").connect({ host: "board", port: 81 });
    const received = collect(client);
    client.write("GET /1 HTTP/1.1\r\nHost: x\r\n");
    await lab.clock.run({ ms: 100 });
    await change(lab, { listeners: listeners(80) });
    expect(await ask(lab, 81)).toBe("ECONNREFUSED");
    client.write("\r\n");
    await lab.clock.run({ until: () => client.closed, ms: 60_000 });
    expect(received.text).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("the previous admin port is the last to be closed for want of sockets", async () => {
    const lab = await adminLab({ listeners: listeners(80, 81, 82) }, OWN_SOCKETS);
    await change(lab, { listeners: listeners(80, 90), adminPort: 9000 });
    expect((await get(lab, "/healthz")).status).toBe(200);
    expect((await get(lab, "/healthz", { port: 9000 })).status).toBe(200);
    expect(await ask(lab, 90)).toBe("HTTP/1.1 200");
    for (const port of [81, 82]) expect(await ask(lab, port)).toBe("ECONNREFUSED");
  });

  test("without a network no port is closed for another", async () => {
    const lab = await adminLab({}, OWN_SOCKETS);
    const before = await documentOf(lab);
    lab.wifiDrop(60_000);
    await lab.clock.run({ ms: 100 });
    expect(lab.app!.runtime.configure({ ...before, ...everyPort })).toEqual({
      complaints: ["listeners: no port can be opened now: no network; nothing was changed"],
    });
    await lab.clock.run({ ms: 90_000 });
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
    expect((await get(lab, "/healthz")).status).toBe(200);
  });
});

describe("with the SDK's sockets, a document whose ports cannot be opened besides the open ones", () => {
  test("is accepted for the next start, and both documents can be read until then", async () => {
    const lab = await adminLab({}, SDK_SOCKETS);
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
    "is on trial after that start, and if it fails the board restarts with the previous one",
    async () => {
      const lab = await adminLab({}, SDK_SOCKETS);
      const before = await documentOf(lab);
      await change(lab, { listeners: listeners(81, 82, 83), adminPort: 9000 });
      await restart(lab);
      await lab.clock.run({ ms: 35_000 });
      await lab.clock.run({ until: () => lab.events("proxy", "ready").length === 3, ms: 60_000 });
      expect(lab.events("config", "rolled-back").at(-1)!.values).toMatchObject({
        why: "unconfirmed",
      });
      expect(await documentOf(lab)).toEqual(before);
      expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
    },
  );

  // The program on XS cannot restart its board.
  test.skipIf(ENGINE === "xs")(
    "is undone after that start by a restart, which the answer announces",
    async () => {
      const lab = await adminLab({}, SDK_SOCKETS);
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

  test("is dropped for a later one", async () => {
    const lab = await adminLab({}, SDK_SOCKETS);
    await change(lab, { listeners: listeners(81, 82, 83), adminPort: 9000 });
    expect(json(await change(lab, { retries: 1 })).done).toMatch(/the next start is dropped$/);
    await lab.clock.run({ ms: 31_000 });
    await restart(lab);
    expect(lab.app!.proxy.config.retries).toBe(1);
    expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
  });

  test("is refused with persist=no", async () => {
    const lab = await adminLab({}, SDK_SOCKETS);
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
  const lab = await adminLab();
  const answer = await change(lab, { listeners: listeners(80, 8404) });
  expect([answer.status, json(answer).error]).toEqual([400, expect.stringMatching(/^adminPort: /)]);
  expect(await ask(lab, 80)).toBe("HTTP/1.1 200");
});

test("a port that cannot be opened now refuses the whole document", async () => {
  const lab = await adminLab();
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

test("after any sequence of port changes the ports of the document in force are served, and no others", async () => {
  const lab = await adminLab();
  for (const ports of [[81], [82], [83], [80, 81], [84], [80]]) {
    await change(lab, { listeners: listeners(...ports) });
    const wanted = (await documentOf(lab)).listeners.map(({ port }: { port: number }) => port);
    for (const port of [80, 81, 82, 83, 84]) {
      const served = (await ask(lab, port)) === "HTTP/1.1 200";
      expect([port, served]).toEqual([port, wanted.includes(port)]);
    }
  }
});

test("a reset during a trial is logged as the end of the new configuration", async () => {
  const lab = await adminLab();
  await change(lab, { retries: 1 });
  await lab.clock.run({ ms: 5000 });
  lab.board.crash("panic");
  await lab.clock.run({ until: () => lab.events("proxy", "ready").length === 3, ms: 60_000 });
  expect(lab.events("config", "rolled-back").map(({ values }) => values)).toEqual([
    { why: "reset", reset: "panic" },
  ]);
  expect((await statusOf(lab)).configuration).toMatchObject({ rolledBack: "reset" });
  expect(lab.app!.proxy.config.retries).toBe(2);
  await restart(lab); // and once only
  expect(lab.events("config", "rolled-back")).toHaveLength(1);
});

test("what differs from the document is shown with it, and putting that back changes nothing", async () => {
  const lab = await adminLab({ balance: "weighted-round-robin" });
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

test("no document stops the board, and a refused one changes nothing", async () => {
  let refused = 0;
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(documents, { minLength: 1, maxLength: 4 }), async all => {
      const lab = await adminLab();
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
