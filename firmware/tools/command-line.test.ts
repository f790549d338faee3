import { expect, test } from "vitest";
import { CommandLineError, readCommandLine } from "./command-line.ts";

const options = {
  port: { type: "string" },
  rounds: { type: "string", default: "5" },
  tests: { type: "boolean", default: true },
  help: { type: "boolean", short: "h" },
} as const;

test("values are read as they are given, with their defaults", () => {
  const { values } = readCommandLine({ options, args: ["--port", "/dev/ttyUSB0", "-h"] });
  expect({ ...values }).toEqual({ port: "/dev/ttyUSB0", rounds: "5", tests: true, help: true });
  const read = readCommandLine({
    ...{ options, args: ["lin", "--no-tests", "--port=-1"] },
    ...{ allowPositionals: true, allowNegative: true },
  });
  expect([read.values.tests, read.values.port, read.positionals]).toEqual([false, "-1", ["lin"]]);
});

test.each([
  [["--prot", "COM3"], "--prot is no option; did you mean --port?"],
  [["-x"], "-x is no option; --help lists them"],
  [["--no-tests"], "--no-tests is no option; --help lists them"],
  [["--port"], "--port needs a value; --help shows how it looks"],
  [["--port", "--help"], "--port needs a value; --help shows how it looks"],
  [["--help=yes"], '--help takes no value, and "yes" was given'],
  [["lin"], '"lin" is not an option; --help lists them'],
])("%j: %s", (args, sentence) => {
  expect(() => readCommandLine({ options, args })).toThrow(new CommandLineError(sentence));
});
