import { expect, test } from "vitest";
import { readCommandLine } from "../../firmware/tools/command-line.ts";
import { BACKENDS, readServers } from "./options.ts";

function read(...args: string[]) {
  const line = readCommandLine(BACKENDS, args);
  return typeof line === "string" ? line : readServers(line);
}

const WANTED = "wanted steady, slow, flaky, vanishing or firehose";

test("each word is a port and a behaviour, which is steady where none is named", () => {
  expect(read("8080", "8081:slow")).toEqual([
    { port: 8080, behaviour: "steady" },
    { port: 8081, behaviour: "slow" },
  ]);
});

test.each([
  [["80x"], '"80x": wanted a port from 1 to 65535'],
  [["65536"], '"65536": wanted a port from 1 to 65535'],
  [["8080", "8080"], "port 8080 was given twice"],
  [["8080:slwo"], `"8080:slwo": ${WANTED}; did you mean slow?`],
  [["8080:fast"], `"8080:fast": ${WANTED}`],
  [["--prot", "8080"], "--prot: unknown option; --help lists the options"],
  [["8080", "--host="], "--host: needs a value: --host ADDRESS"],
  [[], "no port was given; try: npm run backends -- 8080 8081"],
  [["0", "8081:slwo"], `"8081:slwo": ${WANTED}; did you mean slow?`],
])("%j: one clear sentence", (args, sentence) => {
  expect(() => read(...args)).toThrow(sentence);
});
