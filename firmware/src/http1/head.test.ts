import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { CONNECTION, CONTENT_LENGTH, COOKIE, HOST, NAMES } from "./field-names.ts";
import { Head, type HeadLimits } from "./head.ts";
import { HAS_CLOSE, HAS_KEEP_ALIVE, HAS_OTHER_OPTION, HAS_UPGRADE } from "./head-layout.ts";

const LIMITS: HeadLimits = { headBytesMax: 1024, headLinesMax: 12 };

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0));
}

interface Outcome {
  readonly error: number | undefined;
  readonly done: boolean;
  /** Bytes that were taken. */
  readonly used: number;
  readonly line: unknown[];
  readonly fields: readonly (readonly [string, string, string])[];
}

/** Feeds `text` in pieces of these sizes, again and again, from one buffer that is overwritten. */
function read(
  kind: "request" | "response",
  text: string,
  sizes: readonly number[] = [Number.MAX_SAFE_INTEGER],
  limits = LIMITS,
  head = new Head(kind, limits),
): Outcome {
  const all = bytes(text);
  const scratch = new Uint8Array(all.byteLength);
  let used = 0;
  for (let i = 0; used < all.byteLength && !head.done && head.error === undefined; i++) {
    const piece = scratch.subarray(0, Math.min(all.byteLength - used, sizes[i % sizes.length]));
    piece.set(all.subarray(used, used + piece.byteLength));
    const count = head.feed(piece);
    head.keep();
    piece.fill(88);
    used += count;
    const over = head.done || head.error !== undefined;
    const bounded =
      head.length <= limits.headBytesMax && head.bytes.byteLength <= limits.headBytesMax;
    if (!bounded || count > piece.byteLength || (count < piece.byteLength && !over))
      throw new Error(`${count} of ${piece.byteLength} bytes taken, ${head.bytes.byteLength} held`);
  }
  const known = head.done && head.error === undefined;
  return {
    error: head.error,
    done: head.done,
    used,
    line: !known
      ? []
      : kind === "request"
        ? [head.method, head.text(head.targetStart, head.targetEnd), head.minor]
        : [head.minor, head.status],
    fields: known ? fieldsOf(head) : [],
  };
}

/** Every field: the name that it is known by, `_` where it is spelled so, its own name, and its value. */
function fieldsOf(head: Head): Outcome["fields"] {
  const fields: (readonly [string, string, string])[] = [];
  let known = 0;
  for (let start = head.fieldsStart, end = 0; start < head.length - 2; start = end) {
    end = head.nextLine(start);
    const colon = head.bytes.indexOf(58, start);
    const isKnown = known < head.count && head.lineStart(known) === start;
    const name = head.text(start, colon);
    expect(head.nameAt(start)).toBe(name.toLowerCase());
    const value = head.text(colon + 1, end - 2).replace(/^[ \t]+|[ \t]+$/g, "");
    if (isKnown) expect([head.lineEnd(known), head.value(known)]).toEqual([end, value]);
    const isFirst = fields.every(([, other]) => other.toLowerCase() !== name.toLowerCase());
    if (isFirst) expect(head.lookup(name.toLowerCase())).toBe(value);
    fields.push([isKnown ? NAMES[head.nameOf(known++)] || "_" : "", name, value]);
  }
  expect([fields.length, known]).toEqual([head.lines - 1, head.count]);
  return fields;
}

/** The outcome, which must be the same however the pieces are cut. */
function readAllWays(kind: "request" | "response", text: string, limits = LIMITS): Outcome {
  const whole = read(kind, text, undefined, limits);
  for (const sizes of [[1], [2], [7], [3, 1, 50, 2], [511, 513], [64]])
    expect(read(kind, text, sizes, limits)).toEqual(whole);
  return whole;
}

describe("a request's head", () => {
  test("is read as it came: method, target, version, and fields without blanks around", () => {
    const text =
      "GET /a?b HTTP/1.1\r\nHost: x\r\nA:b\r\nEmpty:\r\nB: \t c d\t \r\nX_Forwarded-For: e\r\n\r\nrest";
    expect(readAllWays("request", text)).toEqual({
      error: undefined,
      done: true,
      used: text.length - 4,
      line: ["GET", "/a?b", 1],
      fields: [
        ["host", "Host", "x"],
        ["", "A", "b"],
        ["", "Empty", ""],
        ["", "B", "c d"],
        ["_", "X_Forwarded-For", "e"],
      ],
    });
  });

  test.each([
    ["no field", "GET / HTTP/1.0\r\n\r\n"],
    ["one empty line before it", "\r\nGET / HTTP/1.1\r\n\r\n"],
    ["four empty lines before it", "\r\n\n\r\n\nGET / HTTP/1.1\r\n\r\n"],
    ["any token as its method", "M!#$%&'*+-.^_`|~9 / HTTP/1.1\r\n\r\n"],
    ["bytes above 0x7f in target and values", "GET /\xe9\xff HTTP/1.1\r\nA: \x80\xff\r\n\r\n"],
    ["a name of every kind of byte", "GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~9aZ: b\r\n\r\n"],
  ])("may have %s", (_, text) => {
    expect(readAllWays("request", text)).toMatchObject({ done: true, used: text.length });
  });

  test.each([
    "GET / HTTP/1.1\n\r\n",
    "GET / HTTP/1.1\r\nA: b\n\r\n",
    "GET / HTTP/1.1\r\n\n",
    "\n\n\n\n\n",
    "\r\n\r\n\r\n\r\n\r\n",
    "\r\r\n",
    "\rGET / HTTP/1.1\r\n\r\n",
    "\r\n GET / HTTP/1.1\r\n\r\n",
    " GET / HTTP/1.1\r\n\r\n",
    "GET  / HTTP/1.1\r\n\r\n",
    "GET /  HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1 \r\n\r\n",
    "GET\t/ HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\t\r\n\r\n",
    "GET /a b HTTP/1.1\r\n\r\n",
    "GET /#a HTTP/1.1\r\n\r\n",
    "GET /\x7f HTTP/1.1\r\n\r\n",
    "GET /\x01 HTTP/1.1\r\n\r\n",
    "GET /\r HTTP/1.1\r\n\r\n",
    "G(T / HTTP/1.1\r\n\r\n",
    "G\xc9T / HTTP/1.1\r\n\r\n",
    "GET HTTP/1.1\r\n\r\n",
    "GET /\r\n\r\n",
    "GET / \r\n\r\n",
    "GET\r\n\r\n",
    "GET / HTTP/1.x\r\n\r\n",
    "GET / HTTP/x.1\r\n\r\n",
    "GET / HTTP/1.10\r\n\r\n",
    "GET / HTTP/0.9\r\n\r\n",
    "GET / HTTP/1.\r\n\r\n",
    "GET / HTTP/11\r\n\r\n",
    "GET / HTTP/1.11\r\n\r\n",
    "GET / HTTP/01.1\r\n\r\n",
    "GET / HTTP/1,1\r\n\r\n",
    "GET / http/1.1\r\n\r\n",
    "GET / HTTPS/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\n A: b\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n",
    "GET / HTTP/1.1\r\nA : b\r\n\r\n",
    "GET / HTTP/1.1\r\nA\t: b\r\n\r\n",
    "GET / HTTP/1.1\r\nA b: c\r\n\r\n",
    "GET / HTTP/1.1\r\nA\x00: b\r\n\r\n",
    "GET / HTTP/1.1\r\nA\xe9: b\r\n\r\n",
    "GET / HTTP/1.1\r\n(A): b\r\n\r\n",
    "GET / HTTP/1.1\r\n: b\r\n\r\n",
    "GET / HTTP/1.1\r\nA\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\x00\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\x0bc\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\r\r\n\r\n",
  ])("%j is refused, wherever the pieces are cut", text => {
    expect(readAllWays("request", `${text}GET /next HTTP/1.1\r\n\r\n`)).toMatchObject({
      error: 400,
      done: false,
    });
  });

  test.each([
    ["a target without end", `GET /${"a".repeat(2000)}`, 414],
    ["a method without end", "G".repeat(2000), 414],
    ["fields without end", `GET / HTTP/1.1\r\n${"A: b\r\n".repeat(10)}C: ${"d".repeat(2000)}`, 431],
    [
      "more options than any client has",
      `GET / HTTP/1.1\r\nConnection: ${",".repeat(16)}\r\nUpgrade: ${"a,".repeat(16)}\r\n`,
      431,
    ],
    ["one line too many", `GET / HTTP/1.1\r\n${"A: b\r\n".repeat(12)}\r\n`, 431],
    ["as many lines as may be", `GET / HTTP/1.1\r\n${"A: b\r\n".repeat(11)}\r\n`, undefined],
    ["as many bytes as may be", `GET / HTTP/1.1\r\nA: ${"b".repeat(1024 - 23)}\r\n\r\n`, undefined],
    ["one byte too many", `GET / HTTP/1.1\r\nA: ${"b".repeat(1024 - 22)}\r\n\r\n`, 431],
    ["a bad line before too many", `GET / HTTP/1.1\r\nA\r\n${"A: b\r\n".repeat(500)}`, 400],
  ])("%s", (_, text, error) => {
    expect(readAllWays("request", text).error).toBe(error);
  });

  test("every known name is known in any case, and with _ it is a twin", () => {
    const head = new Head("request", LIMITS);
    read(
      "request",
      "GET / HTTP/1.1\r\nHOST: a\r\nhost: b\r\nConTENT-lenGTH: 1\r\nCONTENT_LENGTH: 2\r\n\r\n",
      undefined,
      LIMITS,
      head,
    );
    const [first, second] = [head.find(HOST), head.find(HOST, 1)];
    expect([head.value(first), head.value(second)]).toEqual(["a", "b"]);
    expect([head.find(HOST, second + 1), head.only(HOST), head.only(COOKIE)]).toEqual([-1, -1, -1]);
    expect([head.has(HOST), head.has(COOKIE)]).toEqual([true, false]);
    expect(head.value(head.only(CONTENT_LENGTH))).toBe("1");
  });

  test("lists of tokens are read over all fields of a name", () => {
    const head = new Head("request", LIMITS);
    read(
      "request",
      "GET / HTTP/1.1\r\nConnection: Keep-Alive,, x\r\nConnection: \r\nConnection: CLOSE ,y\r\nconnection_: z\r\n\r\n",
      [5],
      LIMITS,
      head,
    );
    expect(head.tokens(CONNECTION)).toEqual(["keep-alive", "x", "close", "y"]);
    expect([head.lists(CONNECTION, "close"), head.lists(CONNECTION, "clos")]).toEqual([
      true,
      false,
    ]);
    const options = [HAS_CLOSE, HAS_KEEP_ALIVE, HAS_UPGRADE, HAS_OTHER_OPTION];
    expect(options.map(option => head.hasOption(option))).toEqual([true, true, false, true]);
  });

  test.each([
    ["0", 0],
    ["5", 5],
    ["007", 7],
    ["999999999999999", 999_999_999_999_999],
    ["1000000000000000", -1],
    ["", -1],
    ["+5", -1],
    ["-5", -1],
    ["5 5", -1],
    ["5,5", -1],
    ["0x5", -1],
    ["5a", -1],
    ["٥", -1],
    ["1e3", -1],
    ["1.0", -1],
  ])("the number %j is %d", (text, number) => {
    const head = new Head("request", LIMITS);
    const latin1 = Buffer.from(text).toString("latin1");
    read("request", `GET / HTTP/1.1\r\nHost: ${latin1}\r\n\r\n`, undefined, LIMITS, head);
    expect(head.number(head.only(HOST))).toBe(number);
  });

  test("there may be many lines, but no more than 32 with known names", () => {
    const limits = { headBytesMax: 4096, headLinesMax: 101 };
    const head = (lines: string) => read("request", `GET / HTTP/1.1\r\n${lines}\r\n`, [9], limits);
    expect(head("A: b\r\n".repeat(100))).toMatchObject({ done: true });
    expect(head("A: b\r\n".repeat(101))).toMatchObject({ error: 431 });
    expect(head("Cookie: b\r\nA: b\r\n".repeat(32))).toMatchObject({ done: true });
    expect(head("Via: b\r\nX_Request_Id: b\r\n".repeat(16))).toMatchObject({ done: true });
    expect(head("Cookie: b\r\n".repeat(33))).toMatchObject({ error: 431 });
    expect(head(`${"X_Request_Id: b\r\n".repeat(32)}Host: x\r\n`)).toMatchObject({ error: 431 });
  });

  test("after a reset nothing of the last head is left", () => {
    const head = new Head("request", LIMITS);
    read("request", `GET /first HTTP/1.0\r\nA: ${"b".repeat(900)}\r\n\r\n`, [10], LIMITS, head);
    head.reset();
    const second = read("request", "PUT /b HTTP/1.1\r\nHost: x\r\n\r\n", [3], LIMITS, head);
    expect(second.line).toEqual(["PUT", "/b", 1]);
    expect(second.fields).toEqual([["host", "Host", "x"]]);
    expect(head.bytes.byteLength).toBeLessThanOrEqual(512);
    head.reset();
    expect(read("request", "GET / HTTP/1.1\nA", undefined, LIMITS, head).error).toBe(400);
    head.reset();
    expect(
      read("request", "GET / HTTP/1.1\r\n\r\n", undefined, LIMITS, head).error,
    ).toBeUndefined();
  });
});

describe("a response's head", () => {
  test.each([
    ["HTTP/1.1 200 OK\r\n\r\n", [1, 200]],
    ["HTTP/1.0 404 Not  Found\r\n\r\n", [0, 404]],
    ["HTTP/1.1 200 \r\n\r\n", [1, 200]],
    ["HTTP/1.1 200\r\n\r\n", [1, 200]],
    ["HTTP/1.3 200 OK\r\n\r\n", [1, 200]],
    ["HTTP/1.1 599 \xe9\xff\t!\r\n\r\n", [1, 599]],
  ])("%j is read", (text, line) => {
    expect(readAllWays("response", text)).toMatchObject({ done: true, line, used: text.length });
  });

  test.each([
    "\r\nHTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 099 OK\r\n\r\n",
    "HTTP/1.1 2x0 OK\r\n\r\n",
    "HTTP/1.1 -20 OK\r\n\r\n",
    "HTTP/1.1 200 O\x00K\r\n\r\n",
    "HTTP/1.1 200 OK\rX\r\n\r\n",
    "HTTP/1.1 200 OK\n\r\n",
    "HTTP/2 200 OK\r\n\r\n",
    "ICY 200 OK\r\n\r\n",
    "200 OK\r\n\r\n",
    "HTTP/1.1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
  ])("%j is refused", text => {
    expect(readAllWays("response", text)).toMatchObject({ error: 400, done: false });
  });

  test.each(["HTTP/2.0 200 OK\r\n\r\n", "HTTP/3.1 200 OK\r\n\r\n"])("%j is unknown", text => {
    expect(readAllWays("response", text)).toMatchObject({ error: 505, done: false });
  });

  test("one that is too long is refused", () => {
    expect(readAllWays("response", `HTTP/1.1 200 ${"O".repeat(2000)}`).error).toBe(431);
  });
});

describe("random bytes", () => {
  const token = fc
    .array(fc.constantFrom(..."abcXYZ019!#$%&'*+-.^_`|~"), { minLength: 1, maxLength: 12 })
    .map(characters => characters.join(""));
  const value = fc
    .array(
      fc.integer({ min: 33, max: 255 }).filter(byte => byte !== 127),
      { maxLength: 20 },
    )
    .map(codes => String.fromCharCode(...codes));
  const blanks = fc.constantFrom("", " ", "\t", " \t ");
  const target = fc
    .array(
      fc.integer({ min: 33, max: 255 }).filter(byte => byte !== 127 && byte !== 35),
      {
        minLength: 1,
        maxLength: 30,
      },
    )
    .map(codes => String.fromCharCode(...codes));
  const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 });

  test("a valid head comes out as it went in, and what follows is not touched", () => {
    fc.assert(
      fc.property(
        token,
        target,
        fc.constantFrom(0, 1),
        fc.array(fc.tuple(token, blanks, value, blanks), { maxLength: 8 }),
        sizes,
        fc.string({ maxLength: 50 }),
        (method, path, minor, fields, cuts, rest) => {
          const lines = fields.map(
            ([name, before, text, after]) => `${name}:${before}${text}${after}`,
          );
          const text = `${[`${method} ${path} HTTP/1.${minor}`, ...lines].join("\r\n")}\r\n\r\n`;
          const outcome = read("request", text + rest.replace(/[^ -~]/g, "?"), cuts);
          expect(outcome).toMatchObject({
            done: true,
            used: text.length,
            line: [method, path, minor],
          });
          expect(outcome.fields.map(([, name, got]) => [name, got])).toEqual(
            fields.map(([name, , got]) => [name, got]),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test("no input throws or takes more room than it may, and the cuts change nothing", () => {
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom(
          "GET / HTTP/1.1\r\n",
          "HTTP/1.1 200 OK\r\n",
          "A: b\r\n",
          "\r\n",
          "\r",
          "\n",
          ":",
          " ",
        ),
        fc.uint8Array({ maxLength: 20 }).map(codes => String.fromCharCode(...codes)),
        fc.nat(1500).map(count => "x".repeat(count)),
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(pieces, sizes, fc.constantFrom("request", "response"), (parts, cuts, kind) => {
        const text = parts.join("");
        const whole = read(kind, text);
        expect(read(kind, text, cuts)).toEqual(whole);
        expect(read(kind, text, [1])).toEqual(whole);
        if (whole.error !== undefined) expect([400, 414, 431]).toContain(whole.error);
      }),
      { numRuns: 500 },
    );
  });
});
