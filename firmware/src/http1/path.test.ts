import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import type { Route } from "../pool/group.ts";
import { Group } from "../pool/group.ts";
import { ascii, textOf } from "../text/ascii.ts";
import { Head } from "./head.ts";
import { comparedPath, normalPath } from "./path.ts";
import { parseRequest, type Request } from "./request.ts";
import { routesOf } from "./route.ts";

const normal = (path: string, loose = false) => {
  const form = normalPath(ascii(path), 0, path.length, loose);
  return form && textOf(form, 0, form.byteLength);
};

test.each([
  ["/", "/"],
  ["/a/b", "/a/b"],
  ["/a/", "/a/"],
  ["/%61dmin", "/admin"],
  ["/%7Eme/%2D%2e%5F", "/~me/-._"],
  ["/a%2fb%3bc%5cd%C3%a9", "/a%2fb%3bc%5cd%C3%a9"],
  ["/./admin", "/admin"],
  ["/x/../admin", "/admin"],
  ["/x/%2E%2e/admin", "/admin"],
  ["/x/..", "/"],
  ["/x/y/..", "/x/"],
  ["/x/.", "/x/"],
  ["//admin", "/admin"],
  ["/a///b//", "/a/b/"],
  ["/a/../b//c", "/b/c"],
  ["/admin;x", "/admin;x"],
  ["/app/.;/../admin", "/app/admin"],
  ["/app/..;/admin", "/app/..;/admin"],
  ["/.well-known/...", "/.well-known/..."],
  ["/..", undefined],
  ["/a/../..", undefined],
  ["/%2e%2e/a", undefined],
  ["/x//../admin", undefined],
  ["/x//y/../../admin", undefined],
  ["/100%", undefined],
  ["/%4", undefined],
  ["/%zz", undefined],
  ["/%u002e", undefined],
])("the normal form of %j is %j", (path, expected) => {
  expect(normal(path)).toBe(expected);
});

test.each([
  ["/app/..;/admin", "/admin"],
  ["/app/..;x=1/admin;y", "/admin"],
  ["/app/..%2fadmin", "/admin"],
  ["/app/..%5Cadmin", "/admin"],
  ["/app\\..\\admin", "/admin"],
  ["/;x/admin", "/admin"],
  ["/admin%3bx", "/admin"],
  ["/a%2fb;x=1/c", "/a/b/c"],
  ["/a;x=%2f/c", undefined],
  ["/a;x\\b/c", undefined],
  ["/..%2f", undefined],
])("read loosely, %j is %j", (path, expected) => {
  expect(normal(path, true)).toBe(expected);
});

test.each([
  ["/admin;x", "/admin"],
  ["/admin;x/y;z=1;w/q", "/admin/y/q"],
  ["/;x/admin", "/;/admin"],
  ["/..;x/admin", "/..;/admin"],
  ["/.;", "/.;"],
  [`/${"a".repeat(300)}`, `/${"a".repeat(128)}`],
])("of %j routes compare %j", (path, expected) => {
  expect(comparedPath(ascii(path))).toBe(expected);
});

const parts = { clock: { now: () => 0 }, random: () => 0 };
const group = new Group([], "round-robin", parts);
const PATHS = ["/", "/admin", "/admin/keys", "/app/"];
const to = (host: string | undefined, path: string): Route => ({
  host,
  path,
  change: undefined,
  group,
});
const routes = routesOf([
  ...PATHS.map(path => to(undefined, path)),
  to("secret.home", "/"),
  to("*.home", "/admin"),
]);
const context = { routes, pseudonym: "us", config: { bodyBytesMax: 0 } };

/** The result of a request to the board: the route's host and path, and what its backends get; or a status. */
function asked(target: string, host = "x") {
  const head = new Head("request", { headBytesMax: 16_384, headLinesMax: 10 });
  head.feed(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, "latin1"));
  if (head.error !== undefined) return head.error;
  const request: Request<Route> = {
    method: "",
    path: "",
    framing: "none",
    route: undefined,
    target: undefined,
    upgrade: undefined,
  };
  const refusal = parseRequest(head, context, request);
  if (refusal !== undefined) return refusal;
  const { target: changed } = request;
  const route = request.route!;
  const forwarded = changed === undefined ? target : Buffer.from(changed).toString("latin1");
  return { to: `${route.host ?? ""}${route.path}`, forwarded, host: head.authority ?? host };
}

// Readers that have nothing in common with ours: what servers make of a path, and which route that is.

const unescaped = (path: string) =>
  path.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));

function resolved(path: string): string {
  const { pathname } = new URL(`http://x${path.replaceAll("?", "%3F").replaceAll("#", "%23")}`);
  return pathname.replace(/\/{2,}/g, "/");
}

/** RFC 3986, by the URL that Node has (which takes \ for a slash, as browsers do). */
const whatwg = (path: string) => resolved(path).replace(/;[^/]*/g, "");
/** nginx: everything is decoded, then slashes are merged, then dots are resolved. */
const nginx = (path: string) =>
  resolved(
    unescaped(path)
      .replace(/\/{2,}/g, "/")
      .replaceAll("%", "%25"),
  );
/** Tomcat: parameters go first, then it decodes, takes \ for a slash, and resolves. */
const tomcat = (path: string) =>
  resolved(
    unescaped(path.replace(/;[^/]*/g, ""))
      .replaceAll("%", "%25")
      .replaceAll("\\", "/")
      .replace(/\/{2,}/g, "/"),
  );

function routeOf(path: string): string {
  const inside = (prefix: string) =>
    `${path}/`.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);
  return PATHS.filter(inside).sort((a, b) => b.length - a.length)[0];
}

const piece = fc.constantFrom(
  ...[
    "/",
    "/",
    "/",
    "//",
    ".",
    "..",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5C",
    "\\",
    ";",
    ";x=1",
    "%3b",
    "%61",
    "a",
    "admin",
  ],
  ...["app", "keys", "x", "%", "%zz", "%C3%A9", "~", "%7e", "%25", "%2561", "%00", "\xe9"],
);
const path = fc.array(piece, { maxLength: 10 }).map(pieces => `/${pieces.join("")}`);

describe("whatever a path looks like", () => {
  test("what is forwarded belongs to its route by every server's reading", () => {
    let forwarded = 0;
    fc.assert(
      fc.property(path, target => {
        const answer = asked(target);
        if (typeof answer === "number") {
          expect(answer).toBe(400);
          return;
        }
        forwarded++;
        for (const reading of [whatwg, tomcat]) {
          expect([reading.name, routeOf(reading(answer.forwarded))]).toEqual([
            reading.name,
            answer.to,
          ]);
        }
        // nginx knows no parameters.
        if (!/;|%3b/i.test(answer.forwarded)) {
          expect(routeOf(nginx(answer.forwarded))).toBe(answer.to);
        }
        expect(asked(answer.forwarded)).toEqual(answer); // nothing is left to do
      }),
      { numRuns: 2000 },
    );
    expect(forwarded).toBeGreaterThan(200);
  });

  const segment = fc.constantFrom("admin", "app", "keys", "a", "~x", "%C3%A9", "b-c_d.e");
  const plainPath = fc
    .array(segment, { minLength: 1, maxLength: 4 })
    .map(segments => `/${segments.join("/")}`);

  test("a plain path is forwarded as it came", () => {
    fc.assert(
      fc.property(plainPath, fc.constantFrom("", "/", "?q=/../%zz;//", "/?"), (plain, end) => {
        const target = plain + end;
        expect(asked(target)).toMatchObject({ to: routeOf(plain), forwarded: target });
      }),
    );
  });

  test("all spellings of a path are one path", () => {
    const encode = (character: string, lower: boolean) => {
      const hex = character.charCodeAt(0).toString(16).padStart(2, "0");
      return `%${lower ? hex : hex.toUpperCase()}`;
    };
    const choices = fc.infiniteStream(fc.nat(11));
    fc.assert(
      fc.property(plainPath, choices, (plain, choice) => {
        const next = () => choice.next().value as number;
        const ways = ["/", "/./", "/x/../", "/%2e/", "/y/%2E./"];
        const spelled = plain
          .split(/(%..|.)/)
          .filter(text => text !== "")
          .map(text => {
            if (text === "/") return ways[next()] ?? "/";
            return text.length === 1 && next() < 4 ? encode(text, next() < 6) : text;
          })
          .join("");
        expect([spelled, asked(spelled)]).toMatchObject([
          spelled,
          { to: routeOf(plain), forwarded: plain },
        ]);
      }),
      { numRuns: 1000 },
    );
  });

  test("no bytes of a target or a host throw", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (rest, host) => {
        asked(`/${rest}`, host);
        asked(`http://${host}/${rest}`, host);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("the names of a host", () => {
  const part = fc.constantFrom(
    ...[
      "secret",
      "SECRET",
      "home",
      "Home",
      ".",
      ".",
      "..",
      "x",
      "%2e",
      "%65",
      ":80",
      ":",
      ":8080",
      "[::1]",
      "-",
      "_",
      "@",
      "*",
    ],
  );

  test("whatever a host looks like, its route is that of the name which Node's URL reads in it", () => {
    let understood = 0;
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), parts => {
        const host = parts.join("");
        const answer = asked("/admin", host);
        if (typeof answer === "number") {
          expect(answer).toBe(400);
          return;
        }
        understood++;
        const { hostname } = new URL(`http://${host}/`);
        const name = hostname.replace(/(?<=.)\.$/, "");
        const below = name.endsWith(".home") && name !== ".home";
        expect([host, answer.to]).toEqual([
          host,
          name === "secret.home" ? "secret.home/" : below ? "*.home/admin" : "/admin",
        ]);
        expect(asked("/admin", answer.host)).toEqual(answer);
      }),
      { numRuns: 1000 },
    );
    expect(understood).toBeGreaterThan(100);
  });

  test.each([
    ["secret.home", "secret.home/", "secret.home"],
    ["SECRET.Home:80", "secret.home/", "SECRET.Home:80"],
    ["secret.home.", "secret.home/", "secret.home"],
    ["Secret.home.:8080", "secret.home/", "Secret.home:8080"],
    ["secret", "/", "secret"],
  ])("%s has the route %s, and the backend receives %s", (host, to, heard) => {
    expect(asked("/", host)).toMatchObject({ to, host: heard });
    expect(asked(`http://${host}/`, host)).toMatchObject({ to, host: heard, forwarded: "/" });
  });

  test.each([
    "secret%2ehome",
    "secret%2Ehome",
    "secret..home",
    "secret.home..",
    "secr%65t.home",
    "x:1x",
  ])("%s is refused", host => {
    expect(asked("/", host)).toBe(400);
    expect(asked(`http://${host}/`, "x")).toBe(400);
  });
});
