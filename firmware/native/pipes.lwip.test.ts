import { spawnSync } from "node:child_process";
import { beforeAll, expect, test } from "vitest";
import { buildProgram, cannotBuild } from "../../emulator/lwip/build.ts";
import { type Body, ENDLESS, PlainBody } from "../src/http1/body.ts";
import { ChunkedBody } from "../src/http1/chunked-body.ts";
import { type Keyword, Keywords } from "../src/net/keywords.ts";
import { PIPE_OUTCOMES } from "../src/net/pipe.ts";
import { RawStream, SCRATCH_BYTES } from "../src/net/raw-stream.ts";
import { ScriptedSocket, scriptedPair } from "../src/net/testing.ts";
import { PIPE_STREAMS } from "./testing.ts";

/** The pipe in C and the one in TypeScript pass the same streams: outcome, content, bytes passed, and what is left are the same. */

interface Stream {
  readonly text: string;
  /** Content at most; `undefined`: until the end. */
  readonly bytes?: number;
  readonly from?: "chunked";
  readonly to?: "chunked";
  readonly keywords?: Keywords;
  readonly end: "none" | "fin" | "reset";
}

interface Result {
  readonly outcome: string;
  readonly passed: number;
  readonly binary: boolean;
  /** The end of a body in chunks. */
  readonly ended: boolean;
  readonly content: string;
  readonly rest: string;
}

/** The names of PipeOutcome in sockets.h, by number. */
const OUTCOMES: readonly string[] = ["runs", ...PIPE_OUTCOMES];
const ENDS = ["none", "fin", "reset"] as const;

let program: string;

beforeAll(async () => {
  if (cannotBuild() === undefined) program = await buildProgram(PIPE_STREAMS);
});

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytesOf = (words: Uint16Array) => new Uint8Array(words.buffer, 0, words.byteLength);

function tablesOf(word: string, { found, count, start, columns, next }: Keywords): string {
  return `${word} ${found} ${count} ${start} ${hex(columns)} ${hex(bytesOf(next))}`;
}

function linesOf({ text, bytes = -1, from, to, keywords, end }: Stream): string[] {
  const any = keywords?.inAny;
  return [
    ...(any ? [tablesOf("any", any)] : []),
    keywords ? tablesOf("search", keywords) : "plain",
    `pipe ${bytes} ${from ? 1 : 0} ${to ? 1 : 0} ${ENDS.indexOf(end)} ${hex(Buffer.from(text, "latin1"))}`,
  ];
}

/** In C, cut at every byte. */
function passInC(streams: readonly Stream[]): Result[] {
  const { status, stdout, stderr } = spawnSync(program, {
    input: streams.flatMap(linesOf).join("\n"),
    encoding: "latin1",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(stderr);
  return stdout
    .split("\n")
    .slice(0, -1)
    .map(line => {
      const [outcome, passed, , binary, ended, content, rest] = line.split(" ");
      return {
        outcome: OUTCOMES[Number(outcome)],
        passed: Number(passed),
        binary: binary === "1",
        ended: ended === "1",
        content: Buffer.from(content, "hex").toString("latin1"),
        rest: Buffer.from(rest, "hex").toString("latin1"),
      };
    });
}

function contentOf({ bytes, from, to, keywords }: Stream): Body | RawStream {
  const scratch = new Uint8Array(SCRATCH_BYTES);
  if (keywords || (bytes === undefined && from === undefined && to === undefined))
    return new RawStream(scratch, keywords);
  const body: Body = from
    ? new ChunkedBody(bytes ?? ENDLESS, scratch)
    : new PlainBody(bytes ?? ENDLESS, scratch);
  if (to) body.toFraming = to;
  return body;
}

/** The content of chunks; they may lack their end. */
function unframed(text: string): { content: string; ended: boolean } {
  let content = "";
  let at = 0;
  while (at < text.length) {
    const line = text.indexOf("\r\n", at);
    const size = Number.parseInt(text.slice(at, line), 16);
    content += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
    if (size === 0) return { content, ended: true };
  }
  return { content, ended: false };
}

/** In TypeScript, in two parts or byte by byte. */
function passInTypeScript(stream: Stream, parts: readonly string[]): Result {
  const { from, to, sender, receiver, told } = scriptedPair(ScriptedSocket);
  let outcome: string | undefined = from.pipe(to, contentOf(stream));
  for (const part of parts) {
    sender.receives(part);
    receiver.hasRoom(10_000); // all is acknowledged
  }
  if (stream.end === "fin") sender.receivesFin();
  if (stream.end === "reset") sender.isLost("reset");
  receiver.hasRoom(10_000);
  const events = told.filter(line => line.startsWith("from ")).map(line => line.slice(5));
  outcome ??= events.find(event => OUTCOMES.includes(event));
  const sent = stream.to ? unframed(receiver.written) : { content: receiver.written, ended: false };
  return {
    outcome: outcome ?? "runs",
    passed: from.passedBytes,
    binary: events.includes("binary"),
    ...sent,
    rest: Buffer.from(from.peek(1000)).toString("latin1"),
  };
}

function partsOf({ text }: Stream): string[][] {
  const cuts = Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => i + 1);
  return [[text], [...text], ...cuts.map(cut => [text.slice(0, cut), text.slice(cut)])];
}

// Random streams, the same in each run (mulberry32)

let lot = 7;
function below(limit: number): number {
  lot = (lot + 0x6d2b79f5) | 0;
  let x = Math.imul(lot ^ (lot >>> 15), 1 | lot);
  x ^= x + Math.imul(x ^ (x >>> 7), 61 | x);
  return ((x ^ (x >>> 14)) >>> 0) % limit;
}
const one = <T>(of: readonly T[]): T => of[below(of.length)];
const several = (count: number, of: readonly string[]): string =>
  Array.from({ length: count }, () => one(of)).join("");

const TEXT = [
  "a",
  "E",
  "N",
  "D",
  "EN",
  "END",
  "\n",
  "\r\n",
  "STOP",
  "ST",
  " ",
  "\xc4",
  "xyzzy xyzzy",
];
const BINARY = [...TEXT, "\0", "\x7f", "\x1f", "\xff"];

const END: Keyword = { keyword: "END", match: "anywhere", in: "text" };
const STOP: Keyword = { keyword: "STOP", match: "line", in: "any" };
const DEN: Keyword = { keyword: "DEN", match: "anywhere", in: "any" };
const KEYWORDS = [[END], [END, STOP], [STOP], [DEN, END], [DEN]].map(set => new Keywords(set));

const chunk = (content: string) =>
  `${content.length.toString(16)}${one(["", ";a=b", " ;c"])}\r\n${content}\r\n`;

/** Whole, damaged or cut chunks, and what may come behind them. */
function chunks(): string {
  const body = Array.from({ length: below(4) }, () => chunk(several(1 + below(5), TEXT))).join("");
  const whole = `${body}0\r\n${one(["", "T: u\r\n"])}\r\n${one(["", "GET /"])}`;
  const at = below(whole.length + 1);
  switch (below(4)) {
    case 0:
      return whole.slice(0, at);
    case 1:
      return whole.slice(0, at) + one(["\n", "\r", "g", "\0", ";"]) + whole.slice(at + 1);
    default:
      return whole;
  }
}

const STREAMS = 160;
const end = (): Stream["end"] => one(ENDS);

const KINDS: Readonly<Record<string, () => Stream>> = {
  "raw streams": () => ({ text: several(below(12), BINARY), end: end() }),
  "raw streams with keywords": () => ({
    text: several(below(12), one([TEXT, BINARY])),
    keywords: one(KEYWORDS),
    end: end(),
  }),
  "bodies by length": () => ({
    text: several(below(12), BINARY),
    bytes: 1 + below(20),
    end: end(),
  }),
  "bodies by length to chunks": () => ({
    text: several(below(12), BINARY),
    bytes: 1 + below(20),
    to: "chunked",
    end: end(),
  }),
  "bodies until the end to chunks": () => ({
    text: several(below(12), BINARY),
    to: "chunked",
    end: end(),
  }),
  "chunks to chunks": () => ({
    text: chunks(),
    bytes: one([10, 1000]),
    from: "chunked",
    to: "chunked",
    end: end(),
  }),
  "chunks until the end": () => ({
    text: chunks(),
    bytes: one([10, 1000]),
    from: "chunked",
    end: end(),
  }),
};

test.each(Object.keys(KINDS))("%s pass alike in C and in TypeScript, cut at every byte", kind => {
  const streams = Array.from({ length: STREAMS }, KINDS[kind]);
  const inC = passInC(streams);
  expect(inC).toHaveLength(STREAMS);
  for (const [i, stream] of streams.entries()) {
    for (const parts of partsOf(stream)) {
      const result = passInTypeScript(stream, parts);
      expect({ stream: stream.text, end: stream.end, parts, ...result }).toEqual({
        stream: stream.text,
        end: stream.end,
        parts,
        ...inC[i],
      });
    }
  }
  // All kinds of outcomes are among them.
  expect(new Set(inC.map(({ outcome }) => outcome)).size).toBeGreaterThan(2);
});
