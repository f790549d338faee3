import { describe, expect, test } from "vitest";
import { get, put, TOKEN } from "../../../hil/kit/admin-port.ts";
import { named } from "../../../hil/kit/http-backend.ts";
import { SleepingLab } from "./testing.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

async function labOf(options: object = {}, machine: object = {}, settings: object = {}) {
  const lab = new SleepingLab();
  const server = lab.add("nas", options);
  await lab.begin(machine, settings);
  return { lab, ...server };
}

/** Since the first one, in ms. */
function timesOf(packets: readonly { readonly ms: number }[]): number[] {
  return packets.map(({ ms }) => Math.round(ms - packets[0].ms));
}

describe("at the start", () => {
  test("a machine that sleeps is checked once, and then nothing is sent to it", async () => {
    const { lab, machine } = await labOf();
    const { receivedAsleep } = machine;
    expect(receivedAsleep).toBe(1);
    await lab.clock.run({ ms: 60 * MINUTE });
    expect([machine.receivedAsleep, lab.broadcasts, lab.states]).toEqual([receivedAsleep, [], []]);
  });

  test("a machine that is awake serves after its first check, and is not woken", async () => {
    const lab = new SleepingLab();
    const { machine } = lab.add("nas", { bootMs: 1 });
    machine.wake();
    await lab.clock.run({ ms: 10 });
    await lab.begin();
    const asked = lab.get();
    await lab.clock.run({ ms: 100 });
    expect([asked.status, lab.states, lab.broadcasts]).toEqual([200, ["awake check"], []]);
  });
});

describe("packets", () => {
  test("go to ports 9 and 7 in quick succession and then each 10 s, until the service is ready", async () => {
    const { lab, machine } = await labOf({ bootMs: 40 * SECOND });
    lab.get();
    await lab.clock.run({ ms: 5 * MINUTE });
    expect(machine.state).toBe("awake");
    const nines = lab.broadcasts.filter(({ port }) => port === 9);
    const sevens = lab.broadcasts.filter(({ port }) => port === 7);
    expect(timesOf(nines)).toEqual([0, 500, 1000, 2000, 4000, 14_000, 24_000, 34_000]);
    expect(timesOf(sevens)).toEqual(timesOf(nines));
    expect(nines[0].bytes.toString("hex")).toBe(`ffffffffffff${"240ac400006e".repeat(16)}`);
    expect(lab.states).toEqual(["waking request", "awake request"]);
  });

  test("go to the broadcast address of the board's network", async () => {
    const lab = new SleepingLab(undefined, { dhcp: true });
    lab.add("nas");
    await lab.begin();
    lab.get();
    await lab.clock.run({ ms: 10 });
    expect(lab.broadcasts.map(({ to }) => to)).toEqual(["10.0.255.255", "10.0.255.255"]);
  });

  test("go to the configured address, with the password of the network card", async () => {
    const { lab, machine } = await labOf(
      { secureOn: "01:02:03:04:05:06" },
      { broadcast: "255.255.255.255", secureOn: "01:02:03:04:05:06" },
    );
    const asked = lab.get();
    await lab.clock.run({ ms: 10 * SECOND });
    expect([lab.broadcasts[0].to, machine.otherPackets, asked.status]).toEqual([
      "255.255.255.255",
      0,
      200,
    ]);
    expect(lab.broadcasts[0].bytes.toString("hex")).toMatch(/6e010203040506$/);
  });

  test("begin anew when the board's network is back", async () => {
    const { lab, machine } = await labOf({ bootMs: 5 * SECOND });
    machine.fault = "ignores-wake";
    lab.get();
    await lab.clock.run({ ms: 5 * SECOND });
    lab.wifiDrop(20 * SECOND);
    await lab.clock.run({ ms: 20 * SECOND });
    const count = lab.broadcasts.length;
    machine.fault = undefined;
    await lab.clock.run({ ms: 15 * SECOND });
    expect(timesOf(lab.broadcasts.slice(count).filter(({ port }) => port === 9))[1]).toBe(500);
    expect(machine.state).toBe("awake");
    const asked = lab.get();
    await lab.clock.run({ ms: 100 });
    expect(asked.status).toBe(200);
  });
});

describe("while it wakes", () => {
  test("the service is found within a second after it listens", async () => {
    const { lab } = await labOf({ bootMs: 180 * SECOND });
    const asked = lab.get();
    await lab.clock.run({ ms: 181 * SECOND });
    expect(asked.status).toBe(200);
    const [{ values }] = lab.events("machine", "awake");
    expect(Number(values.ms)).toBeGreaterThan(180 * SECOND);
  });

  test("a computer that refuses connections is not ready", async () => {
    const { lab, machine } = await labOf({ bootMs: 20 * SECOND, answersArp: true });
    const asked = lab.get();
    await lab.clock.run({ ms: 19 * SECOND });
    expect([machine.state, asked.status, lab.states]).toEqual(["booting", 0, ["waking request"]]);
    await lab.clock.run({ ms: 3 * SECOND });
    expect([asked.status, lab.states]).toEqual([200, ["waking request", "awake request"]]);
  });

  test("each of its services gets its clients as soon as it is ready itself", async () => {
    const lab = new SleepingLab();
    const { machine } = lab.add("nas", { bootMs: 10 * SECOND });
    const slow = named("slow");
    const second = lab.backend("slow", slow.serve, { machine: "nas" });
    second.stop();
    machine.services.push({
      start: async () => void lab.clock.after(30 * SECOND, () => second.start()),
      stop: () => second.stop(),
    });
    const routes = [{ backends: ["nas"] }, { path: "/slow", backends: ["slow"] }];
    await lab.begin({}, { routes });
    const early = lab.get("/slow");
    await lab.clock.run({ ms: 5 * SECOND });
    const first = lab.get();
    await lab.clock.run({ ms: 10 * SECOND });
    const late = lab.get("/slow");
    await lab.clock.run({ ms: 24 * SECOND });
    expect([first.status, early.status, late.status]).toEqual([200, 0, 0]);
    await lab.clock.run({ ms: 3 * SECOND });
    expect([early.status, late.status, slow.requests.length]).toEqual([200, 200, 2]);
    expect(lab.states).toEqual(["waking request", "awake request"]);
  });

  test("one check is enough, whatever rise says", async () => {
    const { lab } = await labOf({ bootMs: 3 * SECOND }, {}, { health: { check: "tcp", rise: 5 } });
    const asked = lab.get();
    await lab.clock.run({ ms: 6 * SECOND });
    expect(asked.status).toBe(200);
  });
});

describe("a machine that does not wake", () => {
  test("has failed after holdMs, is left alone by requests for a minute, and is woken by the next one", async () => {
    const { lab, machine } = await labOf({}, {}, { holdMs: 30 * SECOND });
    machine.fault = "ignores-wake";
    const asked = lab.get();
    await lab.clock.run({ ms: 31 * SECOND });
    expect([asked.status, lab.states]).toEqual([503, ["waking request", "failed not-ready"]]);
    const { length } = lab.broadcasts;
    const soon = lab.get();
    await lab.clock.run({ ms: 50 * SECOND });
    expect([soon.status, lab.broadcasts.length]).toEqual([503, length]);
    machine.fault = undefined;
    await lab.clock.run({ ms: 10 * SECOND });
    const later = lab.get();
    await lab.clock.run({ ms: 5 * SECOND });
    expect([later.status, lab.states.slice(2)]).toEqual([200, ["waking request", "awake request"]]);
  });

  test("serves if it is ready after all", async () => {
    const { lab } = await labOf({ bootMs: 60 * SECOND }, {}, { holdMs: 30 * SECOND });
    lab.get();
    await lab.clock.run({ ms: 100 * SECOND });
    expect(lab.states).toEqual(["waking request", "failed not-ready", "awake check"]);
  });

  test("is not checked for ever", async () => {
    const { lab, machine } = await labOf({}, {}, { holdMs: 30 * SECOND });
    machine.fault = "ignores-wake";
    lab.get();
    await lab.clock.run({ ms: 12 * MINUTE });
    const { receivedAsleep } = machine;
    await lab.clock.run({ ms: 60 * MINUTE });
    expect(machine.receivedAsleep).toBe(receivedAsleep);
  });
});

describe("a machine that was awake", () => {
  test("is asleep when its power is cut, gets nothing more, and is woken by a request when the power is back", async () => {
    const { lab, machine } = await labOf();
    lab.get();
    await lab.clock.run({ ms: 10 * SECOND });
    const { receivedAsleep } = machine;
    machine.cutPower();
    await lab.clock.run({ ms: MINUTE });
    expect(lab.states.at(-1)).toBe("asleep unreachable");
    machine.restorePower();
    await lab.clock.run({ ms: 10 * MINUTE });
    expect(machine.receivedAsleep).toBe(receivedAsleep);
    const asked = lab.get();
    await lab.clock.run({ ms: 10 * SECOND });
    expect([asked.status, machine.boots]).toEqual([200, 2]);
  });

  test("whose service was restarted is found again without a wake", async () => {
    const { lab, machine, backend } = await labOf();
    lab.get();
    await lab.clock.run({ ms: 10 * SECOND });
    backend.stop();
    await lab.clock.run({ ms: MINUTE });
    expect(lab.states.at(-1)).toBe("asleep unreachable");
    backend.start();
    await lab.clock.run({ ms: 35 * SECOND });
    expect([lab.states.at(-1), machine.boots]).toEqual(["awake check", 1]);
  });
});

test("a machine that was woken by hand is found by asleepCheckMs", async () => {
  const { lab, machine } = await labOf({}, { asleepCheckMs: 30 * SECOND });
  machine.wake();
  await lab.clock.run({ ms: 35 * SECOND });
  expect([lab.states, lab.broadcasts]).toEqual([["awake check"], []]);
});

test("a machine that was woken by hand serves the first request at once", async () => {
  const { lab, machine } = await labOf();
  machine.wake();
  await lab.clock.run({ ms: 10 * SECOND });
  const asked = lab.get();
  await lab.clock.run({ ms: 100 });
  expect(asked.status).toBe(200);
});

test("a machine with a host name is found when the name is resolved, which it can be only after the wake", async () => {
  const lab = new SleepingLab();
  const { machine, backend } = lab.add("nas", { bootMs: 20 * SECOND });
  const backends = [{ name: "nas", address: "nas.home", port: 8080, machine: "nas" }];
  lab.dns.set("other.home", [backend.host.address]);
  await lab.begin({}, { backends });
  await lab.clock.run({ ms: 10 * MINUTE });
  expect([machine.receivedAsleep, lab.states]).toEqual([0, []]);
  const asked = lab.get();
  await lab.clock.run({ ms: 20 * SECOND });
  expect(asked.status).toBe(0);
  lab.dns.set("nas.home", [backend.host.address]); // as a server of DHCP does, when the machine has its address
  await lab.clock.run({ ms: 4 * SECOND });
  expect([asked.status, lab.states]).toEqual([200, ["waking request", "awake request"]]);
});

test("while eight machines wake, another backend that fails is found as soon as ever", async () => {
  const lab = new SleepingLab();
  for (const name of "abcdefgh") lab.add(name, { bootMs: 120 * SECOND });
  const other = lab.backend("other", named("other").serve);
  const routes = [..."abcdefgh"].map(name => ({ path: `/${name}`, backends: [name] }));
  await lab.begin(
    {},
    {
      routes: [{ backends: ["other"] }, ...routes],
      heldMax: 16,
      health: { check: "tcp", fall: 1 },
    },
  );
  for (const name of "abcde") lab.get(`/${name}`);
  await lab.clock.run({ ms: 10 * SECOND });
  expect(lab.states.length).toBe(5);
  other.stop();
  await lab.clock.run({ ms: 12 * SECOND });
  expect(lab.events("backend", "down").map(({ values }) => values.name)).toEqual(["other"]);
});

test("the operator wakes a machine whose backends are in maint, and it gets no client", async () => {
  const lab = new SleepingLab();
  const { machine } = lab.add("nas", {}, { state: "maint" });
  await lab.begin();
  const asked = lab.get();
  await lab.clock.run({ ms: 10 * SECOND });
  expect([asked.status, machine.state, lab.states]).toEqual([503, "asleep", []]);
  lab.app!.runtime.token.set(TOKEN);
  const answer = await put(lab, "/api/machines/nas", { action: "wake" });
  expect(answer.status).toBe(200);
  await lab.clock.run({ ms: 10 * SECOND });
  expect(lab.states).toEqual(["waking operator", "awake operator"]);
  const late = lab.get();
  await lab.clock.run({ ms: SECOND });
  expect(late.status).toBe(503);
});

describe("another configuration while a machine wakes", () => {
  async function changed(settings: (document: object) => object) {
    const { lab, machine } = await labOf({ bootMs: MINUTE });
    lab.app!.runtime.token.set(TOKEN);
    const asked = lab.get();
    await lab.clock.run({ ms: 20 * SECOND });
    const { body } = await get(lab, "/api/config", { token: TOKEN });
    const answer = await put(lab, "/api/config", settings(JSON.parse(body)));
    expect(answer.status).toBe(200);
    return { lab, machine, asked };
  }

  test("goes on with it, and the client that is held is served", async () => {
    const { lab, machine, asked } = await changed(document => ({ ...document, retries: 1 }));
    await lab.clock.run({ ms: 45 * SECOND });
    expect([asked.status, machine.boots, lab.states]).toEqual([
      200,
      1,
      ["waking request", "awake request"],
    ]);
  });

  test("without it ends the wake, and the client that is held gets 503 at once", async () => {
    const { lab, asked } = await changed(document => ({
      ...document,
      ...{ machines: [], backends: [{ name: "nas", address: "10.0.0.77", port: 8080 }] },
    }));
    await lab.clock.run({ ms: SECOND });
    expect([asked.status, lab.states.at(-1)]).toEqual([503, "asleep removed"]);
  });
});
