import { describe, expect, test } from "vitest";
import { mendedBoard } from "../../../emulator/proxy/firmware-board.ts";
import { Flash } from "../../../emulator/src/flash.ts";
import { adminLab, ask, change, documentOf, json, restart } from "../../../hil/kit/admin-lab.ts";
import { put } from "../../../hil/kit/admin-port.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { named } from "../../../hil/kit/http-backend.ts";

describe("a weight that is set at run time", () => {
  const weightOf = (lab: EmulatedLab) => lab.app!.proxy.backend("a")!.weight;

  test("lasts until the next configuration, and the answer says so", async () => {
    const lab = await adminLab({ balance: "weighted-round-robin" });
    const answer = await put(lab, "/api/backends/a", { weight: 5 });
    expect(json(answer).done).toBe("a: weight 5 (was 1) until the next configuration or restart");
    expect(weightOf(lab)).toBe(5);
    await change(lab, { retries: 1 });
    expect(weightOf(lab)).toBe(1);
  });

  test("is refused where the strategy ignores it, and a state beside it is not changed either", async () => {
    const lab = await adminLab();
    const answer = await put(lab, "/api/backends/a", { weight: 5, state: "drain" });
    expect([answer.status, json(answer).error]).toEqual([
      400,
      "weight: is 5, but round-robin ignores weights; use weighted-round-robin",
    ]);
    expect(lab.app!.proxy.backend("a")!.state).toBe("ready");
  });

  test("is not changed together with an invalid state", async () => {
    const lab = await adminLab({ balance: "weighted-round-robin" });
    expect((await put(lab, "/api/backends/a", { weight: 5, state: "asleep" })).status).toBe(400);
    expect(weightOf(lab)).toBe(1);
  });
});

test("a state that is set at run time survives a new configuration that does not change it", async () => {
  const lab = await adminLab();
  await put(lab, "/api/backends/a", { state: "drain" });
  await change(lab, { retries: 1 });
  expect(lab.app!.proxy.backend("a")!.state).toBe("drain");
});

describe("a state that is set at run time", () => {
  const stateOf = (lab: EmulatedLab) => lab.app!.proxy.backend("a")!.state;

  test.each(["drain", "maint"])("%s survives a restart, until it is set back", async state => {
    const lab = await adminLab();
    await put(lab, "/api/backends/a", { state });
    await restart(lab);
    expect(stateOf(lab)).toBe(state);
    await put(lab, "/api/backends/a", { state: "ready" });
    await restart(lab);
    expect(stateOf(lab)).toBe("ready");
  });

  test("under a configuration with persist=no ends with it", async () => {
    const lab = await adminLab();
    await put(lab, "/api/config?persist=no", await documentOf(lab));
    await put(lab, "/api/backends/a", { state: "drain" });
    await restart(lab);
    expect(stateOf(lab)).toBe("ready");
  });

  test.each(["{", "null", '{"a":["ready","asleep"]}', '{"a":"drain"}'])(
    "is ignored if flash has %s, and the board serves",
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

describe("a drained backend", () => {
  /** A board with backends at `addresses`, the first of which is drained. */
  async function drained(...names: (string | undefined)[]) {
    const lab = await adminLab();
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

  test("whose address changes stays drained, also after a restart", async () => {
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

  test("that is removed does not drain the one that gets its name", async () => {
    const { lab, at } = await drained(undefined, undefined);
    expect(await statesUnder(lab, [at("b")])).toEqual(["a ready"]);
  });

  test("is drained again when a document without it is rolled back", async () => {
    const { lab, at } = await drained("one", "two");
    await change(lab, { backends: [{ name: "two", ...at("b"), state: "maint" }] });
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "rolled-back")).toHaveLength(1);
    expect(statesOf(lab)).toEqual(["one drain", "two ready"]);
  });

  test("gets the state of a document that changes it, also after a restart", async () => {
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
