import { expect, test } from "vitest";
import type { Event } from "../log/event.ts";
import type { ListenerConstructor, Platform, TCPSocket } from "../platform.ts";
import { LISTENING_SOCKETS_MAX } from "./connection-budget.ts";
import { Listeners } from "./listeners.ts";

/** Listeners on a machine that opens every port but 666, and what is open there. */
function listenersOn(machine: Pick<Platform, "closesListeners"> = {}) {
  const open = new Map<number, (connections: number) => void>();
  const events: Event[] = [];
  const accepted: number[] = [];
  class Listener {
    readonly port: number;
    constructor({ port, onReadable }: ConstructorParameters<ListenerConstructor>[0]) {
      if (port === 666) throw new Error("no memory");
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
  const platform = { Listener, ...machine } as unknown as Platform;
  const listeners = new Listeners(
    platform,
    event => events.push(event),
    port => accepted.push(port),
  );
  return { listeners, open, events, accepted };
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

test("ports that are open take their sockets, so that not every set of ports fits", () => {
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
