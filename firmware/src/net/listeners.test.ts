import { expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import type { Event } from "../log/event.ts";
import type { ListenerConstructor, Platform, TCPSocket } from "../platform.ts";
import { LISTENING_SOCKETS_MAX } from "./connection-budget.ts";
import { Listeners } from "./listeners.ts";

/** Listeners on a machine that opens every port but those of `refused`, at first 666, and what is open there. */
function listenersOn(machine: { closesListeners?: boolean } = {}) {
  const refused = new Set([666]);
  const clock = new VirtualClock();
  const open = new Map<number, (connections: number) => void>();
  const events: Event[] = [];
  const accepted: number[] = [];
  class Listener {
    readonly port: number;
    constructor({ port, onReadable }: ConstructorParameters<ListenerConstructor>[0]) {
      if (refused.has(port)) throw new Error("no memory");
      this.port = port;
      open.set(port, onReadable);
    }
    read() {
      return { close() {} } as unknown as TCPSocket;
    }
    close() {
      open.delete(this.port);
    }
  }
  const link = { address: "10.0.0.1" };
  const platform = { Listener, link, clock, ...machine } as unknown as Platform;
  const listeners = new Listeners(
    platform,
    event => events.push(event),
    port => accepted.push(port),
  );
  return { listeners, open, events, accepted, refused, clock };
}

test("each connection is taken with its port", () => {
  const { listeners, open, accepted } = listenersOn();
  listeners.start([80, 8404]);
  open.get(8404)!(1);
  open.get(80)!(2);
  expect(accepted).toEqual([8404, 80, 80]);
});

test("before the start no port is opened", () => {
  const { listeners, open } = listenersOn();
  expect(listeners.open([80])).toBe(undefined);
  expect([...open.keys()]).toEqual([]);
});

test("a port that cannot be opened at the start is reported, and the others are served", () => {
  const { listeners, open, events } = listenersOn();
  listeners.start([666, 80]);
  expect([...open.keys()]).toEqual([80]);
  expect(events).toEqual([
    expect.objectContaining({ on: "listener", what: "open-failed", port: 666, level: "E" }),
  ]);
});

test("a port that cannot be opened is tried again until it can, and logged once", async () => {
  const { listeners, open, events, refused, clock } = listenersOn();
  listeners.start([666, 80]);
  await clock.run({ ms: 5_500 });
  expect([...open.keys()]).toEqual([80]);
  refused.clear();
  await clock.run({ ms: 1_000 });
  expect([...open.keys()]).toEqual([80, 666]);
  expect(events.map(event => "what" in event && event.what)).toEqual(["open-failed", "opened"]);
  await clock.run({ ms: 60_000 });
  expect(events).toHaveLength(2);
});

test("ports of before that cannot be opened again after a refusal are tried later", async () => {
  const { listeners, open, refused, clock } = listenersOn({ closesListeners: true });
  listeners.start([80, 81, 82, 8404]);
  for (const port of [80, 81, 82, 666]) refused.add(port);
  expect(listeners.open([666, 667, 668, 8404], 8404)).toMatch(/^port 666 cannot be opened now/);
  expect([...open.keys()]).toEqual([8404]);
  refused.clear();
  await clock.run({ ms: 2_000 });
  expect([...open.keys()].sort()).toEqual([80, 81, 82, 8404]);
});

test("a port that is missing is forgotten when another configuration does not have it", async () => {
  const { listeners, open, refused, clock } = listenersOn({ closesListeners: true });
  listeners.start([666, 80]);
  expect(listeners.open([80, 81])).toBe(undefined);
  refused.clear();
  await clock.run({ ms: 5_000 });
  expect([...open.keys()]).toEqual([80, 81]);
  listeners.stop();
});

test("ports that cannot be closed keep their sockets, so that not every set of ports fits", () => {
  const { listeners } = listenersOn();
  listeners.start([80, 8404]);
  expect(LISTENING_SOCKETS_MAX).toBe(4);
  expect(listeners.fits([81, 82])).toBe(true);
  expect(listeners.fits([80, 81, 82, 8404])).toBe(true);
  expect(listeners.fits([81, 82, 83])).toBe(false);
  expect(listeners.open([81])).toBe(undefined);
  expect(listeners.fits([82, 83])).toBe(false);
});

test("only a machine that can close a listener gets its sockets back", () => {
  for (const closesListeners of [undefined, true]) {
    const { listeners, open } = listenersOn({ closesListeners });
    listeners.start([80, 81, 82, 8404]);
    listeners.closeAllBut([80, 8404]);
    const left = closesListeners ? [80, 8404] : [80, 81, 82, 8404];
    expect([...open.keys()]).toEqual(left);
    expect(listeners.ports).toEqual(left);
  }
});

test("where a listener can be closed, all ports but the fifth fit", () => {
  const { listeners } = listenersOn({ closesListeners: true });
  listeners.start([80, 81, 82, 8404]);
  expect(listeners.fits([90, 91, 92, 9000])).toBe(true);
  expect(listeners.fits([90, 91, 92, 93, 9000])).toBe(false);
});

test("there, ports are closed for others only as far as sockets lack, the spared one last", () => {
  const { listeners, open } = listenersOn({ closesListeners: true });
  listeners.start([8404, 80, 81]);
  expect(listeners.open([90], 8404)).toBe(undefined);
  expect([...open.keys()].sort()).toEqual([80, 81, 8404, 90]);
  expect(listeners.open([90, 91, 92], 8404)).toBe(undefined);
  expect([...open.keys()].sort()).toEqual([8404, 90, 91, 92]);
});

test("there, a port that cannot be opened changes nothing, also where others were closed for it", () => {
  const { listeners, open, events } = listenersOn({ closesListeners: true });
  listeners.start([80, 81, 82, 8404]);
  expect(listeners.open([90, 91, 666])).toMatch(/^port 666 cannot be opened now/);
  expect([...open.keys()].sort()).toEqual([80, 81, 82, 8404]);
  expect(events).toEqual([]);
});
