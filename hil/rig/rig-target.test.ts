import { describe, expect, test } from "vitest";
import type { Status } from "../../firmware/src/admin/status.ts";
import type { GatewayDocument } from "../kit/target.ts";
import type { Device } from "./device.ts";
import { RigTarget } from "./rig-target.ts";

const REST = {
  ...{ heap: 41_000, sessions: 0, queued: 0 },
  ...{ sockets: { used: 0, max: 24 }, backends: [{ sessions: 0 }] },
};
const DOCUMENT: GatewayDocument = { backends: [{ name: "red", address: "10.0.0.2", port: 80 }] };
const READY = "I (9) proxy: ready ports=80 backends=1 sessionsMax=12 queueMax=4";

function bench({
  canReset = true,
  status = REST as unknown as Status,
  events = [] as readonly string[],
} = {}) {
  const asked: string[] = [];
  const figures: [string, number][] = [];
  const heaps: (number | null)[] = [];
  const device: Device = {
    offers: ["status"],
    onEvent: () => {},
    admin: {
      status: async () => status,
      newEvents: async () => events,
    } as unknown as Device["admin"],
    played: () => ({ kind: "serial", identity: "usb 1-2" }),
    addressOf: port => ({ host: "10.0.0.7", port }),
    async ready() {},
    async configure(document) {
      asked.push("configure");
      return document;
    },
    async release() {},
  };
  if (canReset) {
    device.reset = async () => {
      asked.push("reset");
    };
  }
  const target = new RigTarget(device, {
    patienceMs: 1_000,
    onFigure: (name, value) => figures.push([name, value]),
    onStatus: ({ heap }) => heaps.push(heap),
  });
  return { device, target, asked, figures, heaps };
}

describe("a scenario gets the board's log", () => {
  test("from the moment its configuration is in force, without late lines of the previous scenario", async () => {
    const { device, target } = bench();
    const received: string[] = [];
    const testBed = target.setUp(line => received.push(line));
    device.onEvent(READY); // of the previous scenario
    await testBed.boot(DOCUMENT);
    device.onEvent("I (8) session: end id=1 backend=old");
    device.onEvent(READY);
    device.onEvent("I (10) session: end id=2 backend=red");
    expect(received).toEqual([READY, "I (10) session: end id=2 backend=red"]);
  });

  test("with the lines that the board still has when it says that it has dropped some, each once", async () => {
    const end = (ms: number, id: number) => `I (${ms}) session: end id=${id} backend=red`;
    const events = [
      "I (7) session: end id=1 backend=old",
      READY,
      end(10, 2),
      end(11, 4),
      end(12, 5),
    ];
    const { device, target } = bench({ events });
    const received: string[] = [];
    const testBed = target.setUp(line => received.push(line));
    await testBed.boot(DOCUMENT);
    const dropped = "W (11) log: dropped requests=1 board=0";
    for (const line of [READY, end(10, 2), dropped]) device.onEvent(line);
    await new Promise(resolve => setImmediate(resolve));
    device.onEvent(end(12, 5));
    expect(received).toEqual([READY, end(10, 2), dropped, end(11, 4), end(12, 5)]);
  });

  test("until it ends; an interrupted one that closes late does not cut off the next one's log", async () => {
    const { device, target } = bench();
    const received: string[] = [];
    const late = target.setUp(() => received.push("late"));
    const next = target.setUp(line => received.push(line));
    await next.boot(DOCUMENT);
    late.close();
    device.onEvent(READY);
    next.close();
    device.onEvent("I (10) session: end id=2 backend=red");
    expect(received).toEqual([READY]);
  });
});

test("clients connect to the listener of the scenario's configuration, or to the firmware's default", async () => {
  const { target } = bench();
  const testBed = target.setUp(() => {});
  await testBed.boot(DOCUMENT);
  expect(testBed.proxyAddress).toEqual({ host: "10.0.0.7", port: 80 });
  await testBed.boot({ ...DOCUMENT, listeners: [{ port: 8080 }, { port: 81 }] });
  expect(testBed.proxyAddress).toEqual({ host: "10.0.0.7", port: 8080 });
});

test("after a reset the scenario's configuration is put in force again", async () => {
  const { target, asked } = bench();
  const testBed = target.setUp(() => {});
  await testBed.boot(DOCUMENT);
  await testBed.reset!();
  expect(asked).toEqual(["configure", "reset", "configure"]);
  expect(bench({ canReset: false }).target.setUp(() => {}).reset).toBeUndefined();
});

test("leftovers are named with their numbers; an idle board has none", async () => {
  const { target, heaps } = bench();
  expect(await target.setUp(() => {}).leftovers()).toEqual({ sessions: 0, leaks: [] });
  expect(heaps).toEqual([41_000]); // each status is passed on, heap included
  const status = {
    ...REST,
    ...{ sessions: 2, queued: 1, sockets: { used: 3, max: 24 } },
    backends: [{ sessions: 1 }, { sessions: 1 }],
  } as unknown as Status;
  expect(
    await bench({ status })
      .target.setUp(() => {})
      .leftovers(),
  ).toEqual({
    sessions: 2,
    leaks: [
      ...["2 sessions", "1 waiting for a slot or a backend", "3 connections"],
      "2 sessions of backends",
    ],
  });
});

test("a measurement of a scenario is passed to the run", () => {
  const { target, figures } = bench();
  target.setUp(() => {}).measure!("requests", 42);
  expect(figures).toEqual([["requests", 42]]);
});
