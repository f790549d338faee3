import { Bench } from "./bench.ts";
import { type Figure, figure, type Measure } from "./figures.ts";
import { answers, ask, open } from "./sessions.ts";

/**
 * Cost of the worst accepted heads for each of their bytes: any client may send them at full speed. Not against a plain
 * head of as many bytes: native code reads that one at 1 computron a byte, and these would look worse the better it gets.
 */

/** Bytes of the hostile part of a head: as long as a plain head of 100 fields. */
const HOSTILE_BYTES = 3_900;

/** Bytes of a path that needs normalizing: longer ones are refused. */
const ODD_PATH_BYTES = 2_000;

/**
 * Most computrons for each byte of a head. The worst long one takes 206 (240 when all of a head was read in byte code): its
 * 2,000 bytes keep the chip busy for some 0.15 s.
 */
export const HOSTILE_COMPUTRONS_MAX = 215;

/** A configuration that inspects targets and cookies. */
const SETTINGS = {
  inspect: [],
  sticky: "cookie",
  stickyKey: "a-key-of-a-bench",
  routes: [{}, { path: "/api", strip: true }, { host: "*.home", path: "/api/v2" }],
};

const filled = (piece: string, bytes = HOSTILE_BYTES) =>
  piece.repeat(Math.floor(bytes / piece.length));
const odd = (piece: string) => filled(piece, ODD_PATH_BYTES);
const target = (text: string) => `GET ${text} HTTP/1.1\r\nHost: x\r\n\r\n`;
const fields = (...lines: string[]) => `GET / HTTP/1.1\r\nHost: x\r\n${lines.join("\r\n")}\r\n\r\n`;
const numbered = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i));

/** The most expensive of some eighty that were tried, one of each kind. */
const HEADS: Record<string, string> = {
  "path.letters": target(`/${filled("a")}`),
  "path.slashes": target(odd("/")),
  "path.dots": target(`/${odd("a/../")}`),
  "path.encoded": target(`/${odd("%2f")}`),
  "path.backslashes": target(`/${odd("\\")}`),
  "path.parameters": target(odd("/;")),
  "path.stripped": target(`/api${odd("/%61")}`),
  "path.absolute": target(`http://x${odd("/")}`),
  "cookie.semicolons": fields(`Cookie: a${filled(";")}`),
  "cookie.blanks": fields(`Cookie: a;${" ".repeat(HOSTILE_BYTES)}lb=`),
  "cookie.forged": fields(`Cookie: a${filled(";lb=")}`),
  "connection.named": fields(
    `Connection: ${numbered(31, i => `f${i}`).join()}`,
    ...numbered(90, i => `G${i}: b`),
  ),
  "connection.many": fields(...numbered(31, i => `Connection: f${i}`)),
};

export const hostile: Measure = async () => {
  const bench = await new Bench(answers, { settings: SETTINGS }).start();
  const client = open(bench);
  const figures: Figure[] = [];
  for (const [name, head] of Object.entries(HEADS)) {
    await ask(bench, client, head);
    const { computrons } = await bench.spent(() => ask(bench, client, head));
    figures.push(figure(`hostile.${name}`, computrons / head.length, "computrons/byte"));
  }
  bench.end();
  return figures;
};
