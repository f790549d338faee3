import { expect, test } from "vitest";
import { VERSION } from "../src/version.ts";
import {
  type Command,
  oneOf,
  onlyOneOf,
  readCommandLine as read,
  UsageError,
  wholeNumber,
} from "./command-line.ts";

const COMMAND = {
  name: "sample",
  usage: ["[options]"],
  about: "Shows what a command may have.",
  options: {
    port: { value: "PATH", help: "a serial port", repeatable: true },
    rounds: { value: "N", read: wholeNumber(1, 99), default: "5", help: "so many" },
    log: { value: "FORM", read: oneOf(["compact", "raw"]), help: "its form" },
    ui: { value: "[PORT]", bare: "0", read: wholeNumber(0, 65_535), help: "a page" },
    token: { value: "TOKEN", read: wholeNumber(1, 9), secret: true, help: "a secret" },
    "no-tests": { help: "without the tests" },
  },
} as const satisfies Command;

const WITH_WORDS = { ...COMMAND, word: wholeNumber(1, 65_535) };

test("values are read by their options, with defaults", () => {
  expect(read(COMMAND, [])).toEqual({
    words: [],
    given: new Set(),
    values: {
      ...{ port: [], rounds: 5, log: undefined, ui: undefined, token: undefined },
      "no-tests": false,
    },
  });
  const args = ["--port", "a", "--port=-b", "--rounds", "7", "--log", "raw", "--no-tests"];
  expect(read(COMMAND, args)).toMatchObject({
    values: { port: ["a", "-b"], rounds: 7, log: "raw", "no-tests": true },
    given: new Set(["port", "rounds", "log", "no-tests"]),
  });
});

test("an option with `bare` may be given without a value", () => {
  for (const args of [["--ui"], ["--ui", "--no-tests"], ["--ui=0"]]) {
    expect(read(COMMAND, args)).toMatchObject({ values: { ui: 0 } });
  }
  expect(read(COMMAND, ["--ui", "8500"])).toMatchObject({ values: { ui: 8500 } });
});

test("words may stand between the options, and after --", () => {
  expect(read(WITH_WORDS, ["1", "--no-tests", "2", "--", "3"])).toMatchObject({
    words: [1, 2, 3],
    values: { "no-tests": true },
  });
});

test.each([
  [["--prot", "COM3"], "--prot: unknown option; did you mean --port?"],
  [["-x"], "-x: unknown option; --help lists the options"],
  [["--no-test"], "--no-test: unknown option; did you mean --no-tests?"],
  [["--constructor"], "--constructor: unknown option; --help lists the options"],
  [["--port"], "--port: needs a value: --port PATH"],
  [["--port="], "--port: needs a value: --port PATH"],
  [["--port", "--no-tests"], "--port: needs a value: --port PATH"],
  [["--no-tests=yes"], '--no-tests: takes no value, and "yes" was given'],
  [["--help=yes"], '--help: takes no value, and "yes" was given'],
  [["--rounds", "0"], '--rounds "0": wanted a whole number from 1 to 99'],
  [["--rounds", "1e1"], '--rounds "1e1": wanted a whole number from 1 to 99'],
  [["--log", "row"], '--log "row": wanted compact or raw; did you mean raw?'],
  [["--ui", "x"], '--ui "x": wanted a whole number from 0 to 65535'],
  [["--token", "hush"], "--token: wanted a whole number from 1 to 9"],
  [["lin"], '"lin": not an option; --help lists the options'],
  [["--log=raw", "--zzz", "--rounds=x"], "--zzz: unknown option; --help", '--rounds "x": wanted'],
])("%j: %s", (args, ...sentences) => {
  let complaints: readonly string[] = [];
  try {
    read(COMMAND, args);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    ({ complaints } = error as UsageError);
  }
  expect(complaints).toHaveLength(sentences.length);
  for (const [i, sentence] of sentences.entries()) expect(complaints[i]).toContain(sentence);
});

test("a wrong word is named like an option", () => {
  expect(() => read(WITH_WORDS, ["80x"])).toThrow('"80x": wanted a whole number from 1 to 65535');
});

test("options of which only one can be given are named", () => {
  const given = new Set(["log", "port", "ui"]);
  expect(() => onlyOneOf(given, "log", "rounds")).not.toThrow();
  expect(() => onlyOneOf(given, "rounds", "log", "ui")).toThrow("--log and --ui: only one of them");
});

test("--help and --version work, whatever else is wrong", () => {
  expect(read(COMMAND, ["--zzz", "--version"])).toBe(`version=${VERSION}\n`);
  expect(read({ ...COMMAND, version: () => "mine\n" }, ["--version"])).toBe("mine\n");
  for (const flag of ["--help", "-h"]) {
    expect(read({ ...COMMAND, more: "And more." }, ["--zzz", flag])).toBe(`\
npm run sample -- [options]

Shows what a command may have.

  --port PATH    a serial port (repeatable)
  --rounds N     so many (default 5)
  --log FORM     its form
  --ui [PORT]    a page
  --token TOKEN  a secret
  --no-tests     without the tests
  --version      the version
  -h, --help     this text

And more.
`);
  }
});
