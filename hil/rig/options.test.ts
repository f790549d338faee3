import { describe, expect, test } from "vitest";
import { readCommandLine, UsageError } from "../../firmware/tools/command-line.ts";
import type { Scenario } from "../kit/scenario.ts";
import { chosen, PLAY, readOptions } from "./options.ts";

const ADMIN_PORT = 8404;
const read = (...args: string[]) => {
  const line = readCommandLine(PLAY, args);
  if (typeof line === "string") throw new Error(line);
  return readOptions(line);
};
const TOKEN = ["--token", "open-sesame"];

test("the default is the board that is plugged in, one round, flashed if its build differs", () => {
  expect(read()).toEqual({
    ...{ list: false, flash: "changed", image: undefined, ports: [], emulated: false },
    board: "esp32",
    ...{ address: undefined, token: process.env.HOT_POTATO_TOKEN, wanted: [], repeat: 1 },
    ...{ soakMs: undefined, patienceMs: 60_000, report: "hil-report", verbose: false },
    inject: undefined,
  });
});

test("options are read with their units; repeated ones keep their order", () => {
  const options = read(
    ...["--port", "/dev/ttyUSB1", "--port=/dev/ttyUSB0", "--flash", "never", "--repeat", "3"],
    ...["--scenario", "wifi", "--scenario", "keyword", "--patience", "90s"],
    ...["--report", "out", "--image", "hot.bin", "--verbose"],
  );
  expect(options).toMatchObject({
    ...{ ports: ["/dev/ttyUSB1", "/dev/ttyUSB0"], flash: "never", repeat: 3 },
    ...{ wanted: ["wifi", "keyword"], soakMs: undefined, patienceMs: 90_000 },
    ...{ report: "out", image: "hot.bin", verbose: true, list: false },
  });
  expect(read("--board", "wt32-eth01", "--port", "COM3")).toMatchObject({
    ...{ board: "wt32-eth01", ports: ["COM3"], emulated: false },
  });
  expect(read("--soak", "10m").soakMs).toBe(600_000);
  expect(read("--soak", "8h").soakMs).toBe(8 * 3_600_000);
  expect(read("--board", "emulated", "--inject", "panic")).toMatchObject({
    ...{ emulated: true, inject: "panic" },
  });
});

test("an address has the default admin port, or its own", () => {
  const at = (text: string) => read("--address", text, ...TOKEN).address;
  expect(at("192.168.1.50")).toEqual({ host: "192.168.1.50", port: ADMIN_PORT });
  expect(at("potato.local:9000")).toEqual({ host: "potato.local", port: 9000 });
});

describe("a wrong option is named, with its value and what is allowed", () => {
  const EMULATED = ["--board", "emulated"];

  test.each<[string[], string | RegExp]>([
    [["--prot", "COM3"], "--prot: unknown option; did you mean --port?"],
    [["--zzz"], "--zzz: unknown option; --help lists the options"],
    [["/dev/ttyUSB0"], '"/dev/ttyUSB0": not an option; --help lists the options'],
    [["--port"], "--port: needs a value: --port PATH"],
    [["--port="], "--port: needs a value: --port PATH"],
    [["--list=yes"], '--list: takes no value, and "yes" was given'],
    [["--board", "esp8266"], '--board "esp8266": wanted emulated, esp32 or wt32-eth01'],
    [["--board", "wt32-eth01", "--image", "x"], "--board and --image: only one of them"],
    [["--board", "esp32", "--address", "10.0.0.1"], "--board and --address: only one of them"],
    [["--port", "COM3", ...EMULATED], "--port and --board: only one of them can be given"],
    [[...EMULATED, "--address", "10.0.0.1", ...TOKEN], "--board and --address: only one of them"],
    [["--flash", "maybe"], '--flash "maybe": wanted always, changed or never'],
    [[...EMULATED, "--flash", "always"], "--flash is for boards on a serial line"],
    [["--address", "10.0.0.1", ...TOKEN, "--image", "x"], "--image is for boards on a serial line"],
    [["--inject", "panic"], "--inject is for --board emulated alone"],
    [[...EMULATED, "--inject", "panik"], /^--inject "panik": wanted .*; did you mean panic\?$/],
    [[...EMULATED, "--inject", "qqqqqqqqq"], '--inject "qqqqqqqqq": wanted panic, exception, '],
    [
      ["--address", "10.0.0.1:99999", ...TOKEN],
      '--address "10.0.0.1:99999": wanted an address such',
    ],
    [["--address", "http://x", ...TOKEN], '--address "http://x": wanted an address such as 192'],
    [["--repeat", "0"], '--repeat "0": wanted a whole number from 1 to 999999'],
    [["--repeat", "1e3"], '--repeat "1e3": wanted a whole number'],
    [["--repeat", "3", "--soak", "8h"], "--repeat and --soak: only one of them can be given"],
    [["--soak", "8"], '--soak "8": wanted a duration such as 30s, 10m or 8h'],
    [["--patience", "0s"], '--patience "0s": wanted a duration'],
  ])("%j", (args, sentence) => {
    expect(() => read(...args)).toThrow(UsageError);
    expect(() => read(...args)).toThrow(sentence);
  });

  test("but a token is not echoed", () => {
    const secret = "so secret a token";
    let message = "";
    try {
      read("--token", secret);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toBe("--token: must have 8 to 64 printable characters without blanks");
  });

  test("an address needs a token, because scenarios change the configuration", () => {
    const kept = process.env.HOT_POTATO_TOKEN;
    delete process.env.HOT_POTATO_TOKEN;
    try {
      expect(() => read("--address", "10.0.0.1")).toThrow("--address needs the board's --token");
      process.env.HOT_POTATO_TOKEN = "short";
      expect(() => read("--address", "10.0.0.1")).toThrow("HOT_POTATO_TOKEN: must have 8 to 64");
      process.env.HOT_POTATO_TOKEN = "open-sesame";
      expect(read("--address", "10.0.0.1").token).toBe("open-sesame");
    } finally {
      if (kept === undefined) delete process.env.HOT_POTATO_TOKEN;
      else process.env.HOT_POTATO_TOKEN = kept;
    }
  });
});

describe("the scenarios that are meant", () => {
  const scenarios = ["wifi: it comes back", "keywords: END ends", "http: the END of a body"].map(
    whole => {
      const [theme, title] = whole.split(": ");
      return { theme, title } as Scenario;
    },
  );
  const titles = (...wanted: string[]) => chosen(scenarios, wanted).map(({ title }) => title);

  test("are all, or those with the words in theme or title, each once and in their order", () => {
    expect(titles()).toHaveLength(3);
    expect(titles("end")).toEqual(["END ends", "the END of a body"]);
    expect(titles("http", "keywords: END", "ends")).toEqual(["END ends", "the END of a body"]);
  });

  test("words that match no title are refused, even if others match", () => {
    expect(() => titles("wifi", "nonesuch")).toThrow(
      '--scenario "nonesuch": in no title; themes are wifi, keywords, http; --list shows all titles',
    );
  });
});
