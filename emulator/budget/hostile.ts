import { Bench } from "./bench.ts";
import { type Figure, figure, type Measure } from "./figures.ts";
import { answers, ask, open, withHead } from "./sessions.ts";

/**
 * Cost of the worst accepted heads, against a plain GET of as many bytes: any client may send them at full
 * speed.
 */

/** Bytes of the hostile part of a head: as long as a plain head of 100 fields. */
const HOSTILE_BYTES = 3_900;

/** Bytes of a path that needs normalizing: longer ones are refused. */
const ODD_PATH_BYTES = 2_000;

/** Most cost of a head, in plain GETs of its length. */
export const HOSTILE_TIMES_MAX = 6;

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
  const cost = async (request: string) => {
    await ask(bench, client, request);
    return (await bench.spent(() => ask(bench, client, request))).computrons;
  };
  const figures: Figure[] = [];
  for (const [name, head] of Object.entries(HEADS)) {
    const times = (await cost(head)) / (await cost(withHead(head.length)));
    figures.push(figure(`hostile.${name}.timesPlain`, times, "×"));
  }
  bench.end();
  return figures;
};
