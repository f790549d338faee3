import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildProgram, cannotBuild } from "../../emulator/lwip/build.ts";
import fc from "../../hil/kit/properties.ts";
import { CHUNK_BEFORE, CHUNK_BEHIND, LAST_CHUNK, wrapChunk } from "../src/http1/chunk-writer.ts";
import { ChunkedBody } from "../src/http1/chunked-body.ts";
import { CHUNKED_STREAMS, NATIVE } from "./testing.ts";

// Two decoders of the chunked transfer coding, in C and in TypeScript: what one refuses, the other refuses at the same byte.

interface Stream {
  readonly text: string;
  /** The most bytes of the body. */
  readonly bytesMax: number;
}

interface Result {
  readonly outcome: "runs" | "done" | "broken" | "tooLarge";
  /** Up to the end of the body, or up to the byte that is not allowed. */
  readonly used: number;
  readonly content: string;
}

/** The order of DecodingOutcome. */
const OUTCOMES = ["runs", "done", "broken", "tooLarge"] as const;

let program: string;

beforeAll(async () => {
  if (cannotBuild() === undefined) program = await buildProgram(CHUNKED_STREAMS);
});

/** Latin 1, a byte a character. */
function hexadecimal(text: string): string {
  return Buffer.from(text, "latin1").toString("hex");
}

function run(lines: readonly string[], by = program): string[] {
  const { status, stdout, stderr } = spawnSync(by, {
    input: lines.map(line => `${line}\n`).join(""),
    encoding: "latin1",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(stderr || `status ${status}`);
  return stdout.split("\n").slice(0, -1);
}

/** The result of the C code for the bytes, cut at every byte. */
function decodeInC(streams: readonly Stream[], by = program): Result[] {
  const lines = streams.map(({ text, bytesMax }) => `decode ${bytesMax} ${hexadecimal(text)}`);
  return run(lines, by).map(line => {
    const [outcome, used, content] = line.split(" ");
    return {
      outcome: OUTCOMES[Number(outcome)],
      used: Number(used),
      content: Buffer.from(content, "hex").toString("latin1"),
    };
  });
}

function decodeInTypeScript({ text, bytesMax }: Stream, ends: readonly number[]): Result {
  const reader = new ChunkedBody(bytesMax);
  const all = Buffer.from(text, "latin1");
  let used = 0;
  let content = "";
  for (const end of ends) {
    if (reader.done || reader.broken) break;
    const piece = Uint8Array.from(all.subarray(used, end));
    const length = reader.decode(piece);
    content += Buffer.from(piece.subarray(0, length)).toString("latin1");
    used = end - reader.excess;
  }
  const fault = reader.tooLarge ? "tooLarge" : "broken";
  return { outcome: reader.done ? "done" : reader.broken ? fault : "runs", used, content };
}

/** Whole, and cut at every byte. */
function expectSame(streams: readonly Stream[]): Result[] {
  const results = decodeInC(streams);
  expect(results).toHaveLength(streams.length);
  streams.forEach((stream, i) => {
    const { length } = stream.text;
    expect({ stream, ...decodeInTypeScript(stream, [length]) }).toEqual({ stream, ...results[i] });
    for (let cut = length > 1_000 ? length - 20 : 1; cut < length; cut++) {
      const inTwo = decodeInTypeScript(stream, [cut, length]);
      if (JSON.stringify(inTwo) !== JSON.stringify(results[i]))
        expect({ stream, cut, ...inTwo }).toEqual({ stream, cut, ...results[i] });
    }
  });
  return results;
}

const UNBOUNDED = Number.MAX_SAFE_INTEGER;

const digits = fc
  .tuple(fc.constantFrom("", "", "", "0", "000"), fc.boolean())
  .map(([zeros, upper]) => (size: number) => {
    const text = zeros + size.toString(16);
    return upper ? text.toUpperCase() : text;
  });
const blanks = fc.constantFrom("", "", " ", "\t ");
const word = fc.constantFrom("a", "b-c", "\xe4", "x~");
const value = fc.oneof(
  fc.constant(""),
  word.map(text => `=${text}`),
  fc.constantFrom('="q"', '=""', '="a;b\\"c\\\\"', '= "\t"'),
);
const extension = fc
  .tuple(blanks, blanks, word, value, blanks)
  .map(([before, behind, name, text, after]) => `${before};${behind}${name}${text}${after}`);
const extensions = fc.array(extension, { maxLength: 2 }).map(parts => parts.join(""));
const content = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 40 }).map(all => String.fromCharCode(...all)),
  fc.constantFrom("0\r\n\r\n", "\r\n", "5\r\n"),
);
const chunk = fc
  .tuple(digits, extensions, content)
  .map(([size, line, data]) => `${size(data.length)}${line}\r\n${data}\r\n`);
const trailers = fc.array(fc.constantFrom("A: b\r\n", "C:\r\n", ":\0\r\n"), { maxLength: 2 });
/** A body that is as it must be, and bytes behind it. */
const whole = fc
  .tuple(
    fc.array(chunk, { maxLength: 4 }),
    digits,
    extensions,
    trailers,
    fc.constantFrom("", "GET"),
  )
  .map(
    ([chunks, size, line, fields, rest]) =>
      `${chunks.join("")}${size(0)}${line}\r\n${fields.join("")}\r\n${rest}`,
  );

const byte = fc.oneof(
  fc.constantFrom(...'\r\n\t ;="\\0159afAFgG:-+x\0\x7f\x80\xff'),
  fc.nat(255).map(code => String.fromCharCode(code)),
);
/** Puts a byte in, in place of others, or takes some out; the place is a part of the length. */
const fault = fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(2), fc.option(byte));
const damaged = fc
  .tuple(whole, fc.array(fault, { minLength: 1, maxLength: 3 }))
  .map(([text, faults]) =>
    faults.reduce((result, [place, count, put]) => {
      const at = Math.floor(place * result.length);
      return result.slice(0, at) + (put ?? "") + result.slice(at + count);
    }, text),
  );
const cut = fc
  .tuple(whole, fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([text, part]) => text.slice(0, Math.floor(part * text.length)));
const noise = fc.array(byte, { maxLength: 30 }).map(all => all.join(""));

/** The same streams each time. */
function some(texts: fc.Arbitrary<string>, count: number): Stream[] {
  const bytesMax = fc.oneof({ weight: 3, arbitrary: fc.constant(UNBOUNDED) }, fc.nat(80));
  return fc.sample(fc.record({ text: texts, bytesMax }), count);
}

/** A body in which each position has had every byte. */
function everyByteEverywhere(): Stream[] {
  const text = '0a \t; b=c;d = "e\\f" ;g\r\n0123456789\r\n00\r\nT: u\r\n\r\nG';
  const streams: Stream[] = [];
  for (let at = 0; at < text.length; at++) {
    for (let code = 0; code < 256; code++) {
      const odd = String.fromCharCode(code);
      streams.push({ text: text.slice(0, at) + odd + text.slice(at + 1), bytesMax: UNBOUNDED });
    }
  }
  return streams;
}

describe("the C decoder of chunks and the one in TypeScript agree, cut at every byte", () => {
  test("about whole bodies", () => {
    const streams = some(whole, 600);
    const results = expectSame(streams);
    results.forEach((result, i) => {
      const { text, bytesMax } = streams[i];
      if (bytesMax === UNBOUNDED) expect([text, result.outcome]).toEqual([text, "done"]);
    });
    expect(results.filter(result => result.outcome === "tooLarge").length).toBeGreaterThan(20);
  });

  test("about bodies with faults in them", () => {
    const results = expectSame(some(damaged, 2_000));
    for (const outcome of OUTCOMES)
      expect(results.filter(result => result.outcome === outcome).length).toBeGreaterThan(30);
  });

  test("about bodies that are cut off", () => {
    expectSame(some(cut, 300));
  });

  test("about bytes without any order", () => {
    expectSame(some(noise, 600));
  });

  test("about every byte at every position", () => {
    const streams = everyByteEverywhere();
    // Whole and byte by byte: C cuts by itself.
    const results = decodeInC(streams);
    const differ = streams.filter((stream, i) => {
      const { length } = stream.text;
      const bytewise = Array.from({ length }, (_, k) => k + 1);
      return [[length], bytewise].some(
        ends => JSON.stringify(decodeInTypeScript(stream, ends)) !== JSON.stringify(results[i]),
      );
    });
    expect(differ).toEqual([]);
  });

  test("about sizes at their bounds", () => {
    const sizes = ["ffffffff", "0ffffffff", "100000000", "fffffffff", "10000000000000005"];
    const results = expectSame(
      sizes.map(size => ({ text: `${size}\r\nxyz`, bytesMax: UNBOUNDED })),
    );
    expect(results.map(({ outcome }) => outcome)).toEqual([
      "runs",
      "runs",
      "broken",
      "broken",
      "broken",
    ]);
  });

  test("about a body as large as it may be, and larger by a byte", () => {
    const text = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    const results = expectSame([0, 2, 3, 4, 5].map(bytesMax => ({ text, bytesMax })));
    expect(results.map(({ outcome, used }) => [outcome, used])).toEqual([
      ["tooLarge", 2],
      ["tooLarge", 2],
      ["tooLarge", 10],
      ["tooLarge", 10],
      ["done", text.length],
    ]);
  });

  test("about how much may be dropped", () => {
    const data = (bytes: number, extension: number) =>
      `${bytes.toString(16)};${"e".repeat(extension)}\r\n${"x".repeat(bytes)}\r\n`;
    const texts = [16_383, 16_384, 16_385].flatMap(bytes => [
      `5;${"a".repeat(bytes)}\r\nhello\r\n0\r\n\r\n`,
      `5;a="${"b".repeat(bytes - 4)}"\r\nhello\r\n0\r\n\r\n`,
      `5${" ".repeat(bytes)};\r\nhello\r\n0\r\n\r\n`,
      `${"0".repeat(bytes + 1)}5\r\nhello\r\n0\r\n\r\n`,
      `${"0".repeat(bytes)}\r\n\r\n`,
      `0\r\n${"A".repeat(bytes - 2)}\r\n\r\n`,
      `${data(1, 8_192)}${data(1, bytes - 8_191)}0\r\n\r\n`,
      `${data(1_000, 16_384)}${data(1, bytes - 15_384)}0\r\n\r\n`,
      `${data(20_000, 0)}${data(1, bytes)}0\r\n\r\n`,
    ]);
    const results = expectSame(texts.map(text => ({ text, bytesMax: UNBOUNDED })));
    expect(results.filter(({ outcome }) => outcome === "done")).toHaveLength(18);
    expect(results.filter(({ outcome }) => outcome === "broken")).toHaveLength(9);
  });
});

describe("a fault of the C decoder is found", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "hot-potato-chunked-"));
  const source = readFileSync(`${NATIVE}chunked.c`, "utf8");
  let streams: Stream[];
  let expected: string;

  beforeAll(() => {
    streams = [...everyByteEverywhere(), ...some(whole, 200)];
    streams.push({ text: "100000000\r\n", bytesMax: UNBOUNDED });
    for (const bytes of [16_384, 16_385])
      streams.push({ text: `5;${"a".repeat(bytes)}\r\nhello\r\n0\r\n\r\n`, bytesMax: UNBOUNDED });
    expected = JSON.stringify(
      streams.map(stream => decodeInTypeScript(stream, [stream.text.length])),
    );
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ["the data may end with any byte", "return byte == '\\r';", "return true;"],
    [
      "a CR alone ends a size",
      "return byte == '\\n' && startData(decoding);",
      "return startData(decoding);",
    ],
    ["a size has as many digits as it likes", "decoding->size > UINT32_MAX / 16", "false"],
    [
      "nothing bounds what is dropped",
      "	if (decoding->droppable == 0) return false;\n	decoding->droppable--;\n",
      "	(void)decoding;\n",
    ],
    ["one byte less may be dropped", "DROPPED_BYTES_MAX = 16384", "DROPPED_BYTES_MAX = 16383"],
    [
      "a quoted string ends with its line",
      "case QUOTED_PAIR:\n		decoding->position = QUOTED;\n		break;",
      "case QUOTED_PAIR:\n		decoding->position = QUOTED;\n		return true;",
    ],
    [
      "control bytes are text",
      "return byte == '\\t' || (byte >= ' ' && byte != 0x7f);",
      "return byte != '\\n';",
    ],
    ["a quote stands anywhere", "		else if (byte == '\"') return false;\n", ""],
    [
      "a LF alone ends a trailer",
      "	if (byte == '\\n') return false;\n",
      "	if (byte == '\\n') { decoding->position = TRAILER_START; return true; }\n",
    ],
    [
      "the body may be larger by a byte",
      "size > decoding->allowed",
      "size > decoding->allowed + 1",
    ],
    ["no size is a size", "	if (decoding->position == SIZE_START) return false;\n", ""],
    [
      "blanks end a size",
      "		else if (!isBlank(byte)) return false;\n		break;\n	case EXTENSION:",
      "		else if (byte == '\\r') { decoding->position = SIZE_LF; return true; }\n		else if (!isBlank(byte)) return false;\n		break;\n	case EXTENSION:",
    ],
  ])("%s", async (_, find, replace) => {
    expect(source.split(find)).toHaveLength(2);
    const file = path.join(folder, "chunked.c");
    writeFileSync(
      file,
      source.replace(find, () => replace),
    );
    const mutated = await buildProgram({
      ...CHUNKED_STREAMS,
      name: "chunked-mutated",
      sources: [file, CHUNKED_STREAMS.sources[1]],
    });
    let results: string;
    try {
      results = JSON.stringify(decodeInC(streams, mutated));
    } catch {
      return; // a sanitizer, or the check of the cuts
    }
    expect(results).not.toBe(expected);
  });
});

test("C and TypeScript write the same chunks", () => {
  const counts = [1, 9, 10, 15, 16, 255, 256, 1_428, 4_095, 4_096, 65_535];
  const contents = counts.map(count => Uint8Array.from({ length: count }, (_, i) => i * 7));
  const wrapped = contents.map(bytes => {
    const buffer = new Uint8Array(CHUNK_BEFORE + bytes.byteLength + CHUNK_BEHIND);
    buffer.set(bytes, CHUNK_BEFORE);
    return Buffer.from(wrapChunk(buffer, bytes.byteLength)).toString("hex");
  });
  const hex = contents.map(bytes => Buffer.from(bytes).toString("hex"));
  const last = Buffer.from(LAST_CHUNK).toString("hex");
  expect(run(hex.map(text => `frame 0 ${text}`))).toEqual(wrapped);
  expect(run(hex.map(text => `frame 1 ${text}`))).toEqual(wrapped.map(text => text + last));
  expect(run(["frame 1"])).toEqual([last]);
});
