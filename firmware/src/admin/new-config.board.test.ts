import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { mendedBoard } from "../../../emulator/proxy/firmware-board.ts";
import { Flash } from "../../../emulator/src/flash.ts";
import { adminLab, balanceOf, documentOf, GET_ONCE } from "../../../hil/kit/admin-lab.ts";
import { get, put, TOKEN } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab, echoes } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";

describe("a new configuration", () => {
  test("comes into force without cutting busy and upgraded sessions", async () => {
    const lab = new EmulatedLab();
    const echo = (socket: Parameters<Parameters<EmulatedLab["backend"]>[1]>[0]) => {
      let upgraded = false;
      socket.on("data", (bytes: Buffer) => {
        if (!upgraded && /^GET \/socket /.test(bytes.toString("latin1"))) {
          upgraded = true;
          socket.write("HTTP/1.1 101 Go\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n");
        } else socket.write(bytes);
      });
      socket.on("end", () => socket.end());
    };
    lab.backend("a", echo);
    await lab.serve({ inspect: [] });
    lab.app!.runtime.token.set(TOKEN);
    const upgrade = lab.connect();
    const upgraded = collect(upgrade);
    upgrade.write(
      "GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n",
    );
    const raw = Array.from({ length: 11 }, () => lab.connect());
    const received = raw.map(collect);
    const chat = async (word: string) => {
      for (const socket of [upgrade, ...raw]) socket.write(word);
      await lab.clock.run({ ms: 300 });
    };
    await lab.clock.run({ ms: 300 });
    await chat("before ");

    const document = await documentOf(lab);
    const swapped = await put(lab, "/api/config", {
      ...document,
      balance: "ewma",
      idleTimeoutMs: 1000,
    });
    await chat("after ");
    await lab.clock.run({ ms: 40_000 });
    await chat("later");

    expect(swapped.status).toBe(200);
    expect(balanceOf(lab)).toBe("ewma");
    expect(upgraded.text).toMatch(/\r\n\r\nbefore after later$/);
    expect(received.map(({ text }) => text)).toEqual(Array(11).fill("before after later"));
  });

  test("with more slots admits queued clients", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", echoes);
    await lab.serve({ sessionsMax: 1, inspect: [] });
    lab.connect().write("first");
    await lab.clock.run({ ms: 100 });
    const second = lab.connect();
    const received = collect(second);
    second.write("second");
    await lab.clock.run({ ms: 100 });
    expect(received.text).toBe("");
    lab.app!.runtime.token.set(TOKEN);
    await put(lab, "/api/config", { ...(await documentOf(lab)), sessionsMax: 2 });
    await lab.clock.run({ ms: 100 });
    expect(received.text).toBe("second");
  });

  test("under load opens no more connections to backends than there are slots", async () => {
    const lab = new EmulatedLab();
    lab.backend(
      "a",
      httpBackend((_request, socket) => {
        lab.clock.after(500, () => socket.write(reply("a")));
        return undefined;
      }).serve,
    );
    await lab.serve();
    lab.app!.runtime.token.set(TOKEN);
    const document = await documentOf(lab);
    const { sessionsMax } = lab.app!.proxy.budget;
    const crowd = () =>
      Array.from({ length: sessionsMax }, () => {
        const socket = lab.connect();
        const received = collect(socket);
        socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        return received;
      });
    const before = crowd();
    await lab.clock.run({ ms: 200 });
    expect((await put(lab, "/api/config", { ...document, retries: 2 })).status).toBe(200);
    await lab.clock.run({ until: () => before.every(({ text }) => text !== "") });
    await lab.clock.run({ ms: 100 });
    const after = crowd();
    await lab.clock.run({ until: () => after.every(({ text }) => text !== "") });
    const open = lab.network
      .netstat()
      .filter(({ host, state }) => host === "a" && state === "open");
    expect(open.length).toBeLessThanOrEqual(sessionsMax);
  });

  test("that is invalid is refused with all complaints, and changes nothing", async () => {
    const lab = await adminLab();
    const refused = await put(lab, "/api/config", {
      backends: [{ address: "no where", port: 0 }],
      balanse: "ewma",
    });
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.body).complaints).toHaveLength(3);
    expect(lab.app!.proxy.pool.backends).toHaveLength(2);
  });

  test("of brackets alone is refused, and the board goes on", async () => {
    const lab = await adminLab();
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ]) {
      const text = `{"backends":${open.repeat(600)}1${close.repeat(600)}}`;
      expect((await put(lab, "/api/config", text)).status).toBe(400);
    }
    expect((await get(lab, "/healthz")).status).toBe(200);
  });

  test("without a usable backend is rolled back after its trial", async () => {
    const lab = await adminLab({ health: { check: "tcp" } });
    await lab.clock.run({ ms: 2000 });
    const document = await documentOf(lab);
    await put(lab, "/api/config", {
      ...document,
      backends: [{ address: "10.0.0.250", port: 9 }],
    });
    expect(await lab.ask(GET_ONCE)).not.toMatch(/^HTTP\/1.1 200 /);
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "rolled-back").at(-1)!.values).toMatchObject({ why: "no-backend" });
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
  });

  /** A board with a flash of its own, which boots again after it fell over. */
  async function rebooting() {
    const flash = new Flash();
    const lab = new EmulatedLab(mendedBoard(), { flash, reboots: true });
    for (const name of "ab") lab.backend(name, named(name).serve);
    await lab.serve();
    lab.app!.runtime.token.set(TOKEN);
    const ready = () => lab.events("proxy", "ready").length;
    const crash = async () => {
      const before = ready();
      lab.board.crash("panic");
      await lab.clock.run({ until: () => ready() > before, ms: 60_000 });
    };
    return { lab, crash };
  }

  test("that has passed its trial survives a restart", async () => {
    const { lab, crash } = await rebooting();
    await put(lab, "/api/config", { ...(await documentOf(lab)), balance: "ewma" });
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "saved")).toHaveLength(1);
    await crash();
    expect(balanceOf(lab)).toBe("ewma");
    expect(lab.app!.runtime.token.value).toBe(TOKEN);
  });

  test("is rolled back if the board crashes during its trial", async () => {
    const { lab, crash } = await rebooting();
    await put(lab, "/api/config", { ...(await documentOf(lab)), balance: "ewma" });
    expect(balanceOf(lab)).toBe("ewma");
    await lab.clock.run({ ms: 5000 });
    await crash();
    expect(balanceOf(lab)).toBe("round-robin");
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
  });

  test("with which the board crashes repeatedly, even later, is replaced by the previous one", async () => {
    const { lab, crash } = await rebooting();
    for (const balance of ["ewma", "first"]) {
      await put(lab, "/api/config", { ...(await documentOf(lab)), balance });
      await lab.clock.run({ ms: 65_000 });
    }
    expect(balanceOf(lab)).toBe("first");
    const seen: string[] = [];
    for (let i = 0; i < 5; i++) {
      await crash();
      seen.push(balanceOf(lab));
    }
    expect(seen).toEqual(["first", "first", "first", "ewma", "ewma"]);
    expect(lab.events("config", "rolled-back")[0].values).toMatchObject({ why: "boot-loop" });
  });
});

test("a configuration with persist=no is gone after a reset, however long it was in force", async () => {
  const lab = await adminLab();
  const before = await documentOf(lab);
  const { status } = await put(lab, "/api/config?persist=no", { ...before, balance: "ewma" });
  lab.app!.runtime.setKey("balance", "first"); // a change of it is not saved, either
  await lab.clock.run({ ms: 120_000 });
  expect([status, balanceOf(lab)]).toEqual([200, "first"]);
  lab.board.reset();
  await lab.clock.run({ ms: 3000 });
  expect(balanceOf(lab)).toBe("round-robin");
  expect(await documentOf(lab)).toEqual(before);
});

test("persist is yes or no", async () => {
  const lab = await adminLab();
  const document = await documentOf(lab);
  const put400 = async (query: string) => {
    const { status, body } = await put(lab, `/api/config?${query}`, { ...document, retries: 1 });
    return [status, JSON.parse(body).error];
  };
  expect(await put400("persist=maybe")).toEqual([400, 'persist: is "maybe"; wanted "yes", "no"']);
  expect(await put400("persits=no")).toEqual([
    400,
    '"persits": no such parameter; known are persist',
  ]);
  expect(await documentOf(lab)).toEqual(document);
});

test("a drained backend gets no more requests", async () => {
  const lab = await adminLab();
  await put(lab, "/api/backends/a", { state: "drain" });
  for (let i = 0; i < 4; i++) expect(await lab.ask(GET_ONCE)).toMatch(/\r\n\r\nb$/);
  await put(lab, "/api/backends/a", { state: "ready", weight: 0 });
  for (let i = 0; i < 4; i++) expect(await lab.ask(GET_ONCE)).toMatch(/\r\n\r\nb$/);
});
