import { describe, expect, test } from "vitest";
import type { Route } from "../pool/group.ts";
import { Group } from "../pool/group.ts";
import { ascii } from "../text/ascii.ts";
import { route, routesOf, strippedStart, withoutDot } from "./route.ts";

const group = new Group([], "round-robin", { clock: { now: () => 0 }, random: () => 0 });

/** `host/path` as a route. */
function to(text: string): Route {
  const slash = text.indexOf("/");
  const host = text.slice(0, slash);
  return {
    host: host === "" ? undefined : host,
    path: text.slice(slash),
    change: undefined,
    group,
  };
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
    expect(route(routesOf(routes), host, path)).toBe(routes[index]);
  });
});

test.each([
  ["/api", "/api", ""],
  ["/api", "/api/", "/"],
  ["/api", "/api/v1", "/v1"],
  ["/api", "/api;x=1/v1", "/v1"],
  ["/api", "/api;x=1", ""],
  ["/api/", "/api", ""],
  ["/api/", "/api/v1", "/v1"],
  ["/a/b", "/a;x/b;y/c;z", "/c;z"],
  ["/", "/a", "/a"],
])("without %s, %s is %j", (path, target, expected) => {
  const bytes = ascii(`>${target}?/q`);
  const start = strippedStart(to(path), bytes, 1, 1 + target.length);
  expect(`>${target}`.slice(start)).toBe(expected);
});

test.each([
  ["x.y", "x.y"],
  ["x.y.", "x.y"],
  ["X.y.:80", "X.y:80"],
  [".", "."],
  ["[::1]:80", "[::1]:80"],
  ["", ""],
])("the full name %j is %j", (host, expected) => {
  expect(withoutDot(host)).toBe(expected);
});
