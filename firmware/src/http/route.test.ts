import { describe, expect, test } from "vitest";
import fc from "../../../hil/testing/properties.ts";
import { Group } from "../backend/pool.ts";
import { escapes, type Route, route, strip } from "./route.ts";

const group = new Group([], "round-robin", { clock: { now: () => 0 }, random: () => 0 });

/** `host/path` as a route. */
function to(text: string): Route {
  const slash = text.indexOf("/");
  const host = text.slice(0, slash);
  return { host: host === "" ? undefined : host, path: text.slice(slash), strip: false, group };
}

describe("a route", () => {
  test.each([
    ["x", "/", ["/"], "/"],
    ["x", "/a", ["/", "/a"], "/a"],
    ["x", "/a", ["/a", "/"], "/a"],
    ["x", "/ab", ["/", "/a"], "/"],
    ["x", "/a/b", ["/a", "/a/b", "/a/b/c"], "/a/b"],
    ["x", "/a", ["/a/"], "/a/"],
    ["x", "/a/", ["/a/"], "/a/"],
    ["x", "/a/", ["/a"], "/a"],
    ["x", "/A", ["/a"], undefined],
    ["x", "/b", ["/a"], undefined],
    ["x", "/", [], undefined],
    ["x", "/a", ["x/", "/a"], "x/"],
    ["X.Y:80", "/a", ["x.y/"], "x.y/"],
    ["X.Y.", "/a", ["x.y/", "/"], "x.y/"],
    ["x.y.:80", "/a", ["x.y/", "/"], "x.y/"],
    ["a.x.y.", "/a", ["*.x.y/", "/"], "*.x.y/"],
    ["x.y..", "/a", ["x.y/", "/"], "/"],
    [".", "/a", ["x.y/", "*.x.y/"], undefined],
    ["x.y", "/a", ["*.y/", "/a"], "*.y/"],
    ["a.x.y", "/", ["*.y/", "*.x.y/"], "*.x.y/"],
    ["a.x.y", "/", ["*.x.y/", "a.x.y/"], "a.x.y/"],
    ["y", "/", ["*.y/"], undefined],
    [".y", "/", ["*.y/"], undefined],
    ["xy", "/", ["*.y/"], undefined],
    ["x.y.evil", "/", ["*.y/"], undefined],
    ["x", "/b", ["x/a", "/"], "/"],
    ["", "/", ["x/", "/"], "/"],
    ["", "/", ["x/", "*.x/"], undefined],
    ["[::1]:80", "/", ["[::1]/", "/"], "[::1]/"],
    ["x:", "/", ["x/"], "x/"],
    ["x", "/a", ["x/a", "x/a"], "x/a"],
  ] as const)("for host %j and path %j among %j is %j", (host, path, texts, expected) => {
    const routes = texts.map(to);
    const index = (texts as readonly unknown[]).indexOf(expected);
    expect(route(routes, host, path)).toBe(routes[index]);
  });
});

test.each([
  ["/api", "/api", "/"],
  ["/api", "/api/", "/"],
  ["/api", "/api/v1", "/v1"],
  ["/api", "/api?q", "/?q"],
  ["/api", "/api/?q", "/?q"],
  ["/api/", "/api", "/"],
  ["/api/", "/api/v1", "/v1"],
  ["/api/", "/api?q", "/?q"],
  ["/", "/a", "/a"],
  ["/", "/?q", "/?q"],
])("without %s, %s is %s", (path, target, expected) => {
  expect(strip(to(path), target)).toBe(expected);
});

test.each([
  ["/a", "/a/..", true],
  ["/a", "/a/../b", true],
  ["/a", "/a/b/../..", true],
  ["/a", "/a/b/..", false],
  ["/a", "/a/b/../../..", true],
  ["/a", "/a/./..", true],
  ["/a", "/a//..", true],
  ["/a", "/a/%2e%2e/", true],
  ["/a", "/a/%2E./", true],
  ["/a", "/a/..%2f", true],
  ["/a", "/a/..%5cb", true],
  ["/a", "/a/..\\b", true],
  ["/a", "/a/b%2f..", false],
  ["/a", "/a/b%2f..%2f..", true],
  ["/a", "/a/b%2f..%2f..%2f..", true],
  ["/a", "/a/...", false],
  ["/a", "/a/..b", false],
  ["/a", "/a/b..", false],
  ["/a/", "/a/..", true],
  ["/a/", "/a/b", false],
  ["/a/b", "/a/b/..", true],
  ["/", "/../..", false],
])("below %s, %s leads out of it: %s", (prefix, path, expected) => {
  expect(escapes(to(prefix), path)).toBe(expected);
});

test("a path that leads out is found however it is written: what Node's URL resolves, we see", () => {
  const segment = fc.constantFrom("..", "%2e%2E", ".%2e", ".", "%2e", "b", "c", "..d");
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 8 }), segments => {
      const path = ["/route", ...segments].join("/");
      const resolved = new URL(path, "http://x").pathname;
      const inside = resolved === "/route" || resolved.startsWith("/route/");
      // It may leave and come back, which we refuse as well.
      if (!inside) expect(escapes(to("/route"), path)).toBe(true);
      if (!escapes(to("/route"), path)) expect(inside).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("no host and no path throws, and a route that is given holds the path", () => {
  const routes = ["/", "/a", "/a/b/", "x/", "*.x/a"].map(to);
  fc.assert(
    fc.property(fc.string(), fc.string(), (host, rest) => {
      const path = `/${rest}`;
      const chosen = route(routes, host, path)!;
      expect(`${path}/`.startsWith(chosen.path)).toBe(true);
      expect(strip(chosen, path)).toMatch(/^\//);
      escapes(chosen, path);
    }),
  );
});
