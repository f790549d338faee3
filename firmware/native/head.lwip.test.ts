import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { buildProgram, cannotBuild } from "../../emulator/lwip/build.ts";
import fc from "../../hil/kit/properties.ts";
import { NAMES } from "../src/http1/field-names.ts";
import * as layout from "../src/http1/head-layout.ts";
import { readHead } from "../src/http1/head-reader.ts";
import { HEAD_STREAMS, NATIVE } from "./testing.ts";

// Two readers of heads, in C and in TypeScript: they give the same words and the same outcome, wherever a head is cut.

interface Stream {
  readonly kind: "request" | "response";
  readonly text: string;
  readonly bytesMax: number;
  readonly linesMax: number;
}

interface Read {
  readonly result: number;
  readonly words: readonly number[];
}

let program: string;

beforeAll(async () => {
  if (cannotBuild() === undefined) program = await buildProgram(HEAD_STREAMS);
});

function stream(kind: Stream["kind"], text: string, bytesMax = 1_024, linesMax = 40): Stream {
  return { kind, text, bytesMax, linesMax };
}

/** The outcome in C, which the program checks to be the same for every cut. */
function readInC(streams: readonly Stream[], by = program): Read[] {
  const lines = streams.map(({ kind, text, bytesMax, linesMax }) => {
    const bytes = Buffer.from(text, "latin1").toString("hex");
    return `${kind === "request" ? 1 : 0} ${bytesMax} ${linesMax} ${bytes}\n`;
  });
  const { status, stdout, stderr } = spawnSync(by, {
    input: lines.join(""),
    encoding: "latin1",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(stderr || `status ${status}`);
  return stdout
    .trimEnd()
    .split("\n")
    .map(line => {
      const [result, ...words] = line.split(" ").map(Number);
      while (words.length < layout.WORDS) words.push(0);
      return { result, words };
    });
}

/** The words of the head whose first bytes up to each of `ends` were read one after the other. */
function readInTypeScript(
  of: Stream,
  bytes: Uint8Array,
  ends: readonly number[],
  into: Uint16Array,
): number {
  into.fill(0);
  into[layout.IS_REQUEST] = of.kind === "request" ? 1 : 0;
  into[layout.BYTES_MAX] = of.bytesMax;
  into[layout.LINES_MAX] = of.linesMax;
  let result = 0;
  for (const end of ends)
    if (result >> layout.OUTCOME_BITS === layout.GOES_ON)
      result = readHead(bytes.subarray(0, end), result, end, into);
  return result;
}

/** Expects the same of both, whole and, where it `isCut`, in two parts, cut at every byte. */
function expectSame(streams: readonly Stream[], isCut = true, by = program): Read[] {
  const reads = readInC(streams, by);
  expect(reads).toHaveLength(streams.length);
  const words = new Uint16Array(layout.WORDS);
  const bytesOfWords = new Uint8Array(words.buffer);
  const ends = [0, 0];
  streams.forEach((of, i) => {
    const bytes = Uint8Array.from(Buffer.from(of.text, "latin1"));
    const expected = reads[i];
    const inC = new Uint8Array(Uint16Array.from(expected.words).buffer);
    ends[1] = bytes.byteLength;
    for (let cut = 0; cut < (isCut ? bytes.byteLength : 1); cut++) {
      ends[0] = cut;
      const result = readInTypeScript(of, bytes, ends, words);
      if (result !== expected.result || Buffer.compare(bytesOfWords, inC) !== 0)
        expect({ of, cut, result, words: [...words] }).toEqual({ of, cut, ...expected });
    }
  });
  return reads;
}

const outcomeOf = ({ result }: Read) => result >> layout.OUTCOME_BITS;

/** Every text with a line end in the tests of heads, as in the source: some are parts of heads. */
function textsOfTests(): string[] {
  const folder = `${NATIVE}../src/http1`;
  const sources = readdirSync(folder).filter(name => name.endsWith(".test.ts"));
  const literals = sources.flatMap(name =>
    [
      ...readFileSync(`${folder}/${name}`, "utf8").matchAll(
        /"(?:[^"\\\n]|\\.)*\\n(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*\\n(?:[^`\\]|\\.)*`/g,
      ),
    ].map(([literal]) => literal.slice(1, -1)),
  );
  const ESCAPES: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", 0: "\0" };
  return literals.map(literal =>
    literal
      .replace(/\\x([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/\\(.)/g, (_, character) => ESCAPES[character] ?? character),
  );
}

const method = fc.constantFrom(...layout.METHODS.slice(1), "GETS", "get", "M!");
const target = fc.oneof(
  fc.constantFrom(
    "/",
    "*",
    "http://a.b:80/c?d",
    "x:443",
    "//",
    "/./a",
    "/a/../b",
    "/a%2e/",
    "/a;b",
    "/a\\b",
    "/\xe9",
    "/a.b/c?d=/./",
  ),
  fc.stringMatching(/^\/[a-c./?%;~]{0,20}$/),
);
const version = fc.constantFrom(
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/1.2",
  "HTTP/2.0",
  "HTTP/0.9",
  "HTTP/1.x",
  "http/1.1",
);
const blanks = fc.constantFrom("", " ", " ", "\t ", "  ");
/** Letter cases, `_` for `-`, and a byte more or less. */
const name = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...NAMES.slice(1)),
      fc.constantFrom("x-forwarded-port", "a", "set-cookie"),
    ),
    fc.nat(7),
    fc.nat(40),
  )
  .map(([text, way, at]) => {
    if (way === 0) return text.toUpperCase();
    if (way === 1)
      return text.slice(0, at) + text.slice(at, at + 1).toUpperCase() + text.slice(at + 1);
    if (way === 2) return text.replace("-", "_");
    if (way === 3) return `${text}${"-_a1".charAt(at % 4)}`;
    return way === 4 ? text.slice(1) : text;
  });
const value = fc.oneof(
  fc.constantFrom(
    "",
    "x",
    "a, b,,c",
    "close",
    "upgrade, keep-alive",
    "Close ,\xa0x",
    "\xa0close\t",
    ",KEEP-ALIVE,, keep_alive",
    "a.b:80",
    "a..b",
    "[::1]:80",
    ":80",
    "a:123456",
    "a b\tc",
    "\x80\xff",
    "5",
    "*/*",
  ),
  fc.stringMatching(/^[ -~]{0,90}$/),
);
const field = fc
  .tuple(name, blanks, value, blanks)
  .map(([text, before, content, behind]) => `${text}:${before}${content}${behind}\r\n`);
const fields = fc.array(field, { maxLength: 8 }).map(lines => lines.join(""));
const emptyLines = fc.constantFrom(
  "",
  "",
  "",
  "",
  "\r\n",
  "\n\r\n",
  "\r\n\r\n\r\n\r\n",
  "\n\n\n\n\n",
);
const requestHead = fc
  .tuple(emptyLines, method, target, version, fields)
  .map(([empty, verb, path, text, lines]) => `${empty}${verb} ${path} ${text}\r\n${lines}\r\nGET`);
const responseHead = fc
  .tuple(
    version,
    fc.constantFrom("200 OK", "404 Not Found", "204", "101 ", "099 x", "600 \xe9\t", "20 x"),
    fields,
  )
  .map(([text, status, lines]) => `${text} ${status}\r\n${lines}\r\nbody`);
const byte = fc.oneof(
  fc.constantFrom(..."\r\n\t :,/._-#%\0\x7f\x80\xffHh1"),
  fc.nat(255).map(code => String.fromCharCode(code)),
);
/** Puts a byte in, in place of others, or takes some out; the place is a part of the length. */
const fault = fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(2), fc.option(byte));
const damaged = (head: fc.Arbitrary<string>) =>
  fc.tuple(head, fc.array(fault, { maxLength: 3 })).map(([text, faults]) =>
    faults.reduce((result, [place, count, put]) => {
      const at = Math.floor(place * result.length);
      return result.slice(0, at) + (put ?? "") + result.slice(at + count);
    }, text),
  );
const streams = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constant<Stream["kind"]>("request"), damaged(requestHead)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant<Stream["kind"]>("response"), damaged(responseHead)),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom<Stream["kind"]>("request", "response"),
      fc.array(byte, { minLength: 1, maxLength: 40 }).map(all => all.join("")),
    ),
  },
);

/** The same heads each time. */
function some(count: number): Stream[] {
  const limits = fc.constantFrom([1_024, 40], [1_024, 40], [1_024, 3], [60, 40], [30, 40]);
  return fc
    .sample(fc.tuple(streams, limits), count)
    .filter(([[, text]]) => text !== "")
    .map(([[kind, text], [bytesMax, linesMax]]) => stream(kind, text, bytesMax, linesMax));
}

describe("C and TypeScript read a head alike, cut at every byte", () => {
  test("the heads of other tests", () => {
    const texts = textsOfTests();
    expect(texts.length).toBeGreaterThan(150);
    expectSame(texts.flatMap(text => [stream("request", text), stream("response", text)]));
  });

  test("every known name, in other letter cases, with _ for -, and longer or shorter by a byte", () => {
    const spellings = NAMES.slice(1).flatMap(known => [
      ...[known, known.toUpperCase(), known.replaceAll("-", "_"), known.replace("-", "_")],
      ...[`${known}a`, `${known}-`, known.slice(1), known.slice(0, -1), `x${known}`],
    ]);
    const heads = spellings.map(spelled =>
      stream("request", `GET / HTTP/1.1\r\n${spelled}: a\r\n\r\n`),
    );
    const reads = expectSame(heads);
    NAMES.slice(1).forEach((_, i) => {
      const named = (place: number) => reads[9 * i + place].words[layout.NAME];
      expect([named(0), named(1)]).toEqual([i + 1, i + 1]);
    });
  });

  test("every byte at every position", () => {
    const heads = [
      "POST /a/b?c HTTP/1.1\r\nHost: a.b:80\r\nX-Forwarded-For:\t1 \r\n\r\n",
      "HTTP/1.1 200 OK\r\nVia: a\r\n\r\n",
    ].flatMap((text, i) =>
      [...text].flatMap((_, at) =>
        Array.from({ length: 256 }, (__, code) =>
          stream(
            i === 0 ? "request" : "response",
            text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1),
          ),
        ),
      ),
    );
    // Whole: C cuts by itself.
    const reads = expectSame(heads, false);
    expect(new Set(reads.map(outcomeOf))).toEqual(new Set([0, 1, 400, 505]));
  });

  test("20,000 heads, whole and damaged", { timeout: 300_000 }, () => {
    const reads = expectSame(some(20_000));
    const counts = new Map<number, number>();
    for (const read of reads) counts.set(outcomeOf(read), (counts.get(outcomeOf(read)) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([0, 1, 400, 414, 431, 505]);
    for (const count of counts.values()) expect(count).toBeGreaterThan(100);
  });
});

describe("a fault of the C is found", () => {
  const HEADS = [
    ...NAMES.slice(1).map(known => stream("request", `GET / HTTP/1.1\r\n${known}: a\r\n\r\n`)),
    stream("request", `GET / HTTP/1.1\r\n${"n".repeat(300)}: a\r\n\r\n`),
  ];

  test.each([
    ["a name is missing", "[10] = { CONNECTION, KEEP_ALIVE }", "[10] = { CONNECTION }"],
    ["long names are looked up", "	if (length < LENGTHS) {\n", "	{\n"],
    ["lines are read again", "	uint32_t at = from, error;\n", "	uint32_t at = 0, error;\n"],
  ])("%s", async (_, find, replace) => {
    const work = mkdtempSync(path.join(tmpdir(), "hot-potato-head-fault-"));
    try {
      const text = readFileSync(`${NATIVE}head.c`, "utf8");
      expect(text.split(find)).toHaveLength(2);
      const file = path.join(work, "head.c");
      writeFileSync(file, text.replace(find, replace));
      const sources = HEAD_STREAMS.sources.map(name => (name.endsWith("/head.c") ? file : name));
      const faulty = await buildProgram({ ...HEAD_STREAMS, name: "heads-fault", sources });
      expect(() => expectSame(HEADS, true, faulty)).toThrow(
        /changes the result|AddressSanitizer|runtime error|to deeply equal/,
      );
    } finally {
      rmSync(work, { recursive: true });
    }
  });
});
