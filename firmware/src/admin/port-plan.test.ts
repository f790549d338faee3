import { expect, test } from "vitest";
import { Listeners } from "../net/listeners.ts";
import type { Platform } from "../platform.ts";
import { openAll } from "./port-plan.ts";

/** Listeners on a machine that cannot close them, or can. */
function listeners(closesListeners?: true): Listeners {
  class Listener {
    close() {}
  }
  const platform = { Listener, closesListeners, link: { address: "10.0.0.1" } };
  return new Listeners(
    platform as unknown as Platform,
    () => {},
    () => {},
  );
}

test("ports for which no sockets are left are named, and none is opened", () => {
  const all = listeners();
  all.start([80, 8404]);
  expect(openAll(all, [80, 81, 82, 83])).toMatch(
    /^no socket is left for port 81, 82, 83 besides 80, 8404; the board has 4/,
  );
  expect(all.ports).toEqual([80, 8404]);
});

test("where a port can be closed, there are sockets for them", () => {
  const all = listeners(true);
  all.start([80, 8404]);
  expect(openAll(all, [80, 81, 82, 83])).toBe(undefined);
  expect(all.ports).toEqual([80, 81, 82, 83]);
});
