import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

// Names, comments, titles, messages and documents are in plain technical English (CONTRIBUTING.md, "Conventions").

/** Words that have a better term in this repository, each with what to write instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  "whoever|whomever|whom|he|him|his": "the noun: the client, the backend, the caller",
  "nobody|somebody|anybody|everybody": "no client, any backend, each session",
  "amid|amidst": "during, within",
  "be it": "also if",
  "farewell|takes? leave": "lingering close",
  "lent|lends?|lending": "temporary, until the next restart",
  deaf: "closed for writing; ignores",
  "duds?": "a socket without a connection",
  "doors?": "listener, port",
  "lets? go(?: of)?": "releases, closes",
  "for so long(?! an? )|so long as": "for this time; while",
  "from here on|from now on": "after this; from the next one on",
  "(?:is|are|be) told(?! apart)": "gets, receives; is logged; knows",
  "(?:told|tells?) of": "reports, logs",
  "is none of": "is not one of; does not concern",
  hears: "receives",
  unasked: "unsolicited",
  "stands there": "is shown, is kept",
  mischief: "fault",
  astray: "wrong",
  "wants a hand": "needs attention",
  "good-bye": "the close",
  "as good as": "like",
  "would do": "use …; the allowed values",
};

/** Where such a word may stand: it is quoted. */
const QUOTED: readonly (readonly [file: string, text: string])[] = [
  ["CHANGELOG.md", "`proxy: dud`"], // the former name
  ["CHANGELOG.md", "`/api/config/lent`"], // the former name
  ["CHANGELOG.md", "`lend TOKEN`"], // the former name
  ["emulator/src/reset.ts", "LEND    :"], // a register in the dump of a panic
];

const FILES = ["firmware", "emulator", "backends", "hil"]
  .flatMap(folder =>
    readdirSync(folder, { recursive: true }).map(name => path.join(folder, String(name))),
  )
  .concat(readdirSync("."))
  .filter(file => /\.(ts|md|c|h|html|css|sh|json)$/.test(file))
  .filter(
    file =>
      !/(^|\/)(node_modules|build|package-lock\.json|plain-english\.test\.ts)(\/|$)/.test(file),
  );

/** `file:line "word": what to write instead`, for each such word in a text. */
function wordsIn(file: string, text: string): string[] {
  let prose = text;
  for (const [quoting, quoted] of QUOTED) {
    if (quoting === file) prose = prose.replaceAll(quoted, "");
  }
  return Object.entries(INSTEAD).flatMap(([words, instead]) =>
    [...prose.matchAll(new RegExp(`(?<![\\w"'\`-])(?:${words})(?![\\w-])`, "gi"))].map(
      ({ 0: word, index }) =>
        `${file}:${prose.slice(0, index).split("\n").length} "${word}": ${instead}`,
    ),
  );
}

/** Openings of a comment that leave its subject open: the reader would have to look for it elsewhere. */
const OPENING =
  /^[ \t]*(?:\/\*\*?\s*(?:\* )?|\/\/ )(?:It|Its|They|Their|Those|These|Of|What|Whose|Our|Ours|We|So many|All that) .*/gm;

/** Comments with such an opening; a `//` that goes on from the line above is none. */
function openingsIn(text: string): string[] {
  return [...text.matchAll(OPENING)]
    .filter(({ 0: line, index }) => {
      const before = text.slice(0, index).trimEnd().split("\n").at(-1) ?? "";
      return line.includes("/*") || !before.trim().startsWith("//");
    })
    .map(([line]) => line.trim());
}

test("a comment that opens without its noun is found, on one line or more", () => {
  const text =
    "/** Its port. */\na;\n/**\n * What it needs.\n */\n// A line,\n// Of two.\nb;\n  // Of one.\n";
  expect(openingsIn(text)).toEqual(["/** Its port. */", "/**\n * What it needs.", "// Of one."]);
  expect(openingsIn("/** The port; its name. */\n// Other than TCP.")).toEqual([]);
});

test("no comment of a source opens without its noun", () => {
  const sources = FILES.filter(file => /\.[tch]s?$/.test(file));
  expect(sources.length).toBeGreaterThan(500);
  const openings = sources.flatMap(file =>
    openingsIn(readFileSync(file, "utf8")).map(opening => `${file}: ${opening}`),
  );
  expect(openings).toEqual([]);
});

test("a word of the list is found in any case, and no part of another word is", () => {
  expect(wordsIn("a.md", "a client\n\nWhoever waits is told of it")).toEqual([
    'a.md:3 "Whoever": the noun: the client, the backend, the caller',
    'a.md:3 "is told": gets, receives; is logged; knows',
    'a.md:3 "told of": reports, logs',
  ]);
  expect(wordsIn("a.md", "this history of a nobody-else, indoors")).toEqual([]);
});

test("every document, comment, name, title and message is in plain technical English", () => {
  expect(FILES.length).toBeGreaterThan(500);
  expect(FILES.flatMap(file => wordsIn(file, readFileSync(file, "utf8")))).toEqual([]);
});

test("every quotation that is allowed is in its file", () => {
  const gone = QUOTED.filter(([file, text]) => !readFileSync(file, "utf8").includes(text));
  expect(gone).toEqual([]);
});
