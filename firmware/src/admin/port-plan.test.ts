import { expect, test } from "vitest";
import { Listeners } from "../net/listeners.ts";
import type { ListenerConstructor, Platform } from "../platform.ts";
import { openAll } from "./port-plan.ts";

/** Listeners on a machine that can close them, and cannot open port 666. */
function listeners(): Listeners {
  class Listener {
    constructor({ port }: ConstructorParameters<ListenerConstructor>[0]) {
      if (port === 666) throw new Error("no memory");
    }
    close() {}
  }
  const platform = { Listener, closesListeners: true } as unknown as Platform;
  return new Listeners(
    platform,
    () => {},
    () => {},
  );
}

test("a port that cannot be opened leaves open what was open before, and no more", () => {
  const all = listeners();
  all.start([80, 8404]);
  expect(openAll(all, [81, 666])).toMatch(/^port 666 cannot be opened now: .*no memory/);
  expect(all.ports).toEqual([80, 8404]);
  expect(openAll(all, [80, 81])).toBe(undefined);
  expect(all.ports).toEqual([80, 8404, 81]);
});

test("ports for which no sockets are left are named, and none is opened", () => {
  const all = listeners();
  all.start([80, 8404]);
  expect(openAll(all, [80, 81, 82, 83])).toMatch(
    /^no socket is left for port 81, 82, 83 besides 80, 8404; the board has 4/,
  );
  expect(all.ports).toEqual([80, 8404]);
});
