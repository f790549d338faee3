import { expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { backendAt } from "../backend/testing.ts";
import { stickyFields, withoutSticky } from "../http1/cookies.ts";
import { COOKIE } from "../http1/field-names.ts";
import { Head } from "../http1/head.ts";
import { HeadWriter } from "../http1/head-writer.ts";
import { sipKeyOf } from "../net/sip-hash.ts";
import { Group } from "./group.ts";
import { StickyCookie } from "./sticky-cookie.ts";

const parts = { clock: { now: () => 0 }, random: () => 0 };
const backends = [0, 1, 2].map(index => backendAt(index));
const group = new Group(backends, "round-robin", parts, { index: 0, name: "/" });
const other = new Group(backends, "round-robin", parts, { index: 1, name: "/admin" });
const cookie = new StickyCookie(() => sipKeyOf("a key of this test"));

function valueFor(of: Group, index: number): string {
  const route = { host: undefined, path: "/", change: undefined, group: of };
  return cookie.setCookie(route, backends[index]).slice("lb=".length).split(";", 1)[0];
}

function headWith(cookies: readonly string[]): Head {
  const head = new Head("request", { headBytesMax: 16_384, headLinesMax: 100 });
  const fields = cookies.map(value => `Cookie: ${value}\r\n`).join("");
  head.feed(Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\n${fields}\r\n`, "latin1"));
  expect([head.done, head.error]).toEqual([true, undefined]);
  return head;
}

/** The pairs of a Cookie field (RFC 6265 section 5.4). */
const pairsOf = (value: string) =>
  value.split(";").map(pair => pair.replace(/^[ \t]+|[ \t]+$/g, ""));

const pair = fc.oneof(
  fc.constantFrom(
    "lb=",
    "lb",
    " lb=1",
    "xlb=1",
    "LB=1",
    "l=b",
    "",
    " ",
    "\t",
    "x=lb=2",
    "b=1",
    "l",
  ),
  fc.constantFrom(0, 1, 2).map(index => `lb=${valueFor(group, index)}`),
  fc.constantFrom(0, 1, 2).map(index => ` lb=${valueFor(group, index)}\t`),
  fc.constantFrom(0, 1, 2).map(index => `lb=${valueFor(other, index)}`),
  fc.constantFrom(0, 1).map(index => `lb=${valueFor(group, index)}0`),
  fc.constantFrom(0, 1).map(index => `lb=${valueFor(group, index).toUpperCase()}`),
  fc.string({ unit: fc.constantFrom("l", "b", "=", " ", "\t", "\xe9", "0"), maxLength: 8 }),
);
const field = fc.array(pair, { maxLength: 6 }).map(pairs => pairs.join(";"));

test("a cookie names a backend only with the exact value of its group", () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 3 }), values => {
      const named = values
        .flatMap(pairsOf)
        .map(text => backends.findIndex((_, index) => text === `lb=${valueFor(group, index)}`))
        .find(index => index >= 0);
      const found = cookie.read(headWith(values), group);
      expect(found).toBe(named === undefined ? undefined : backends[named]);
    }),
    { numRuns: 1000 },
  );
});

const out = new HeadWriter({}, 1024);

test("backends get every cookie but the board's, in order", () => {
  fc.assert(
    fc.property(field, value => {
      const head = headWith([value]);
      const of = head.only(COOKIE);
      const isOurs = (text: string) => text.startsWith("lb=");
      expect(stickyFields(head)).toBe(pairsOf(value).some(isOurs) ? 1 << of : 0);
      const written = Buffer.from(out.to, 5, withoutSticky(out, 5, head, of) - 5).toString(
        "latin1",
      );
      const [, others = ""] = /^Cookie: (.*)\r\n$/.exec(written) ?? ["", written];
      const filled = (text: string) => pairsOf(text).filter(pair => pair !== "");
      expect(filled(others)).toEqual(filled(value).filter(text => !isOurs(text)));
    }),
    { numRuns: 1000 },
  );
});

test("a cookie of another key, or of another group with the same backends, is ignored", () => {
  const foreign = new StickyCookie(() => sipKeyOf("another key"));
  for (let index = 0; index < 3; index++) {
    const head = headWith([`lb=${valueFor(group, index)}`]);
    expect(cookie.read(head, group)).toBe(backends[index]);
    expect(cookie.read(head, other)).toBeUndefined();
    expect(foreign.read(head, group)).toBeUndefined();
  }
});
