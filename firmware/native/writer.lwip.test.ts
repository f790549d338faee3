import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildProgram, cannotBuild } from "../../emulator/lwip/build.ts";
import fc from "../../hil/kit/properties.ts";
import { Head } from "../src/http1/head.ts";
import { HeadWriter, type NativeWriting } from "../src/http1/head-writer.ts";
import {
  CLOSE,
  originLines,
  REWRITE_BYTES,
  rewriteRequest,
  rewriteResponse,
  setCookieLines,
} from "../src/http1/rewrite.ts";
import * as writing from "../src/http1/writing.ts";
import { NATIVE, WRITTEN_HEADS } from "./testing.ts";

// Heads are written by functions in C and by functions in TypeScript: the same calls leave the same buffer, and nothing is written behind it.

type Argument = string | number | ArrayBuffer;

/** A call as the program takes it; without the buffer that is written to, which has `end` bytes. */
interface Call {
  readonly name: "texts" | "bytes" | "value" | "fields";
  readonly at: number;
  readonly end: number;
  readonly rest: readonly Argument[];
}

const FUNCTIONS = {
  texts: writing.putTexts,
  bytes: writing.putBytes,
  value: writing.putValue,
  fields: writing.putFields,
};

let program: string;

beforeAll(async () => {
  if (cannotBuild() === undefined) program = await buildProgram(WRITTEN_HEADS);
});

function word(argument: Argument): string {
  if (typeof argument === "number") return String(argument >>> 0);
  const bytes = typeof argument === "string" ? Buffer.from(argument) : Buffer.from(argument);
  return `x${bytes.toString("hex")}`;
}

function inC(calls: readonly Call[], by = program): string[] {
  const { status, stdout, stderr } = spawnSync(by, {
    input: calls
      .map(({ name, at, end, rest }) => `${[name, at, end, ...rest.map(word)].join(" ")}\n`)
      .join(""),
    encoding: "latin1",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(stderr || `status ${status}`);
  return stdout.split("\n").slice(0, -1);
}

function inTypeScript({ name, at, end, rest }: Call): string {
  const to = new Uint8Array(end).fill(255);
  const put = FUNCTIONS[name] as (...all: Argument[]) => number;
  return `${put(to.buffer, at, end, ...rest)} ${Buffer.from(to).toString("hex")}`;
}

function expectSame(calls: readonly Call[]): void {
  const results = inC(calls);
  expect(results).toHaveLength(calls.length);
  calls.forEach((call, i) => {
    const result = inTypeScript(call);
    if (result !== results[i]) expect({ call, result }).toEqual({ call, result: results[i] });
  });
}

/** A head, and the words that describe it. */
function headOf(kind: "request" | "response", text: string): Head {
  const head = new Head(kind, { headBytesMax: 4_096, headLinesMax: 100 });
  head.feed(Uint8Array.from(Buffer.from(text, "latin1")));
  expect([head.done, head.error]).toEqual([true, undefined]);
  return head;
}

const field = fc.constantFrom(
  "A: b",
  "Accept: */*",
  "Connection: close",
  "Connection: keep-alive, x-a, Via",
  "Content-Length: 5",
  "Content_Length: 5",
  "Cookie: a=\xff; lb=1; c",
  "Cookie: lb=1",
  "Cookie: d=e",
  "Expect: 100-continue",
  "Forwarded: for=1.2.3.4",
  "Transfer-Encoding: chunked",
  "Upgrade: websocket",
  "Via: 1.0 fred",
  "X-A:",
  "X-Forwarded-For: 1.2.3.4",
  "X-Forwarded-Host: \t shop \t",
  "X-Forwarded-Proto: https",
  "X-Real-IP: 1.2.3.4",
  "X-Request-Id: theirs",
  `Long: ${"x".repeat(300)}`,
);
const fields = fc
  .array(field, { maxLength: 12 })
  .map(all => all.map(line => `${line}\r\n`).join(""));
const version = fc.constantFrom("1.0", "1.1", "1.2");
const request = fc
  .tuple(fc.constantFrom("", "\r\n"), version, fields)
  .map(([before, minor, lines]) =>
    headOf("request", `${before}PUT /a?b HTTP/${minor}\r\nHost: x\r\n${lines}\r\n`),
  );
const response = fc
  .tuple(version, fc.constantFrom("200 OK", "304", "404 "), fields)
  .map(([minor, status, lines]) => headOf("response", `HTTP/${minor} ${status}\r\n${lines}\r\n`));

/** The calls that write these heads. */
function callsFor(requests: readonly Head[], responses: readonly Head[]): Call[] {
  const calls: Call[] = [];
  const recorded = (name: Call["name"]) =>
    ((_to: ArrayBuffer, at: number, end: number, ...rest: Argument[]) => {
      const copies = rest.map(one => (one instanceof ArrayBuffer ? one.slice(0) : one));
      calls.push({ name, at, end, rest: copies });
      return (FUNCTIONS[name] as (...all: Argument[]) => number)(_to, at, end, ...rest);
    }) as never;
  const native: NativeWriting = {
    putTexts: recorded("texts"),
    putBytes: recorded("bytes"),
    putValue: recorded("value"),
    putFields: recorded("fields"),
  };
  const rules = { pseudonym: "us", originLines: originLines("us"), stickyCookie: {} };
  requests.forEach((head, i) => {
    const out = new HeadWriter(native, head.length + REWRITE_BYTES);
    const values = { framing: i % 3 ? i : "chunked", id: "id", hasOwnId: i % 2 > 0 } as const;
    if (i % 5 === 0) head.authority = "y:80";
    rewriteRequest(out, head, values, "192.168.1.20", i % 4 < 2, i % 7 ? "" : CLOSE, rules);
  });
  responses.forEach((head, i) => {
    const out = new HeadWriter(native, head.length + REWRITE_BYTES);
    rewriteResponse(out, head, i % 3 ? i : "none", (i % 2 ? setCookieLines("lb=1") : "") + CLOSE);
  });
  return calls;
}

const text = fc.string({ unit: fc.constantFrom("a", "Z", " ", "\r", "\n", "~"), maxLength: 20 });
const place = fc.nat(60);
const textCalls = fc
  .tuple(place, place, fc.array(text, { minLength: 5, maxLength: 5 }))
  .map(([at, end, rest]): Call => ({ name: "texts", at, end, rest }));
const partOfHead = fc.tuple(fc.oneof(request, response), fc.nat(1_000), fc.nat(1_000));
/** Any part of a head, without any of its fields, in a buffer that may be too short. */
const fieldCalls = fc
  .tuple(partOfHead, place, fc.nat(500), fc.integer(), fc.integer())
  .map(([[head, one, other], at, end, names, indexes]): Call => {
    const [start, stop] = [one % head.length, other % head.length].sort((a, b) => a - b);
    const { buffer, positions } = head;
    const rest = [buffer, start, stop, positions, names, indexes];
    return { name: "fields", at, end, rest };
  });

describe("C and TypeScript write the same", () => {
  test("heads of requests and responses", () => {
    const calls = callsFor(fc.sample(request, 400), fc.sample(response, 400));
    for (const name of Object.keys(FUNCTIONS))
      expect(calls.filter(call => call.name === name).length).toBeGreaterThan(100);
    expectSame(calls);
  });

  test("texts, where there is no room for some of them", () => {
    expectSame(fc.sample(textCalls, 2_000));
  });

  test("any part of a head without any of its fields, where there is room and where there is not", () => {
    expectSame(fc.sample(fieldCalls, 2_000));
  });

  test("as much as fits to the byte", () => {
    const five = ["ab", "", "c", "de", "f"];
    const ends = [0, 1, 2, 3, 4, 5, 6, 7];
    const calls = ends.map((end): Call => ({ name: "texts", at: 0, end, rest: five }));
    expectSame(calls);
    expect(inC(calls).map(line => line.split(" ")[0])).toEqual(ends.map(() => "6"));
    expect(inC(calls)[6]).toBe(`6 ${Buffer.from("abcdef").toString("hex")}`);
  });
});

describe("a fault of the C code is found", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "hot-potato-writer-"));
  const source = readFileSync(`${NATIVE}writer.c`, "utf8");
  let calls: Call[];
  let expected: string;

  beforeAll(() => {
    calls = [
      ...callsFor(fc.sample(request, 100), fc.sample(response, 100)),
      ...fc.sample(textCalls, 500),
      ...fc.sample(fieldCalls, 500),
    ];
    expected = JSON.stringify(calls.map(inTypeScript));
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ["a byte behind the end", "count <= end - at", "count <= end - at + 1"],
    ["one byte less than there is room for", "count <= end - at", "count < end - at"],
    ["the room is what is left behind the end", "at <= end && ", ""],
    [
      "a name's bit alone",
      "(names >> record[FIELD_NAME] | indexes) & 1",
      "names >> record[FIELD_NAME] & 1",
    ],
    [
      "an index's bit alone",
      "(names >> record[FIELD_NAME] | indexes) & 1",
      "((names & 0) | indexes) & 1",
    ],
    ["the first index for all", ", indexes >>= 1", ""],
    ["fields before the part", "record[FIELD_LINE_START] < start || ", ""],
    ["fields behind the part", " || record[FIELD_LINE_END] > stop", ""],
    ["the last field is not looked at", "count > 0; count--", "count > 1; count--"],
    [
      "the blanks before a value",
      "from + record[FIELD_VALUE_START], record[FIELD_VALUE_END] - record[FIELD_VALUE_START]",
      "from + record[FIELD_VALUE_START] - 1, record[FIELD_VALUE_END] - record[FIELD_VALUE_START] + 1",
    ],
  ])("%s", async (_, find, replace) => {
    expect(source.split(find)).toHaveLength(2);
    const file = path.join(folder, "writer.c");
    writeFileSync(
      file,
      source.replace(find, () => replace),
    );
    const mutated = await buildProgram({
      ...WRITTEN_HEADS,
      name: "written-heads-mutated",
      sources: [file, WRITTEN_HEADS.sources[1]],
    });
    let results: string;
    try {
      results = JSON.stringify(inC(calls, mutated));
    } catch {
      return; // a sanitizer
    }
    expect(results).not.toBe(expected);
  });
});
