import { expect, test } from "vitest";
import { readCommandLine } from "../../firmware/tools/command-line.ts";
import { EMULATE, readOptions } from "./options.ts";

async function read(...args: string[]) {
  const line = readCommandLine(EMULATE, args);
  return typeof line === "string" ? line : readOptions(line);
}

test.each([
  [["--bord", "esp32"], "--bord: unknown option; did you mean --board?"],
  [["--sockets", "mine"], '--sockets "mine": wanted own or sdk'],
  [["--board", "esp8266"], '--board "esp8266": wanted esp32, wt32-eth01 or unlimited'],
  [
    ["--backend", "nowhere"],
    '--backend "nowhere": wanted HOST:PORT, such as 127.0.0.1:3000 or nas.home:8080',
  ],
  [
    ["--backend", "http://nas.home:80"],
    '--backend "http://nas.home:80": wanted HOST:PORT, such as 127.0.0.1:3000 or nas.home:8080',
  ],
  [
    ["--backend", "192.168.1.300:80"],
    '--backend "192.168.1.300:80": wanted HOST:PORT, such as 127.0.0.1:3000 or nas.home:8080',
  ],
  [
    ["--backend", "127.0.0.1:1", "--publish", "81:8000"],
    '--publish "81:8000": the board does not listen on 81, only on 80',
  ],
  [
    ["--backend", "127.0.0.1:1", "--publish", "80:8000", "--publish", "80:8001"],
    "--publish: the board's port 80 was given twice; wanted once",
  ],
  [
    ["--config", "no-such-file.json"],
    `--config "no-such-file.json": cannot be read: ENOENT: no such file or directory, open 'no-such-file.json'`,
  ],
  [["--ui", "99999"], '--ui "99999": wanted a port, such as 8500, or nothing for a free one'],
  [
    ["--board-address", "http://x"],
    '--board-address "http://x": wanted an address such as 192.168.1.50, or 192.168.1.50:8404 with the admin port',
  ],
  [
    ["--board-address", "127.0.0.1", "--config", "LICENSE"],
    "--config is for the emulated board, and --board-address watches another",
  ],
  [
    ["--config", "LICENSE"],
    '--config "LICENSE": is not JSON: line 1, column 1: "MIT" is not a value; a text needs double quotes',
  ],
  [["--machine", "300"], '--machine "300": wanted a whole number from 1 to 240'],
  [
    ["--machine", "--backend", "127.0.0.1:1"],
    "--machine and --backend: only one of them can be given",
  ],
  [["--machine", "--config", "LICENSE"], "--machine and --config: only one of them can be given"],
  [
    ["--machine", "20", "--sockets", "sdk"],
    "--machine needs the firmware's own sockets: leave out --sockets sdk",
  ],
  [["--log", "pretty"], '--log "pretty": wanted compact or raw'],
  [["--log", "raw", "--json"], "--log and --json: only one of them can be given"],
  [
    ["--flash", "no-such-folder/flash.json"],
    '--flash "no-such-folder/flash.json": there is no folder no-such-folder',
  ],
  [["--flash", "emulator"], '--flash "emulator": emulator is not a regular file'],
  [["--publish", "80:[::1]:8000"], /^--publish "80:\[::1\]:8000": wanted an IPv4 address .*$/],
  [
    ["--admin", "8000"],
    "--publish 80:8000 and --admin 8000: port 8000 of this computer can be only one of them",
  ],
  [
    ["--publish", "80:0.0.0.0:8404"],
    "--publish 80:0.0.0.0:8404 and --admin 8404: port 8404 of this computer can be only one of them",
  ],
  [
    ["--publish", "80:8500", "--ui", "8500"],
    "--publish 80:8500 and --ui 8500: port 8500 of this computer can be only one of them",
  ],
  [
    ["--board-address", "127.0.0.1:99999"],
    '--board-address "127.0.0.1:99999": wanted an address such as 192.168.1.50, or 192.168.1.50:8404 with the admin port',
  ],
])("%j: one clear sentence", async (args, sentence) => {
  const complaint = await read(...args).then(
    () => "none",
    ({ message }: Error) => message,
  );
  if (typeof sentence === "string") expect(complaint).toBe(sentence);
  else expect(complaint).toMatch(sentence);
});

test("a server may be named; localhost is this computer, not the board", async () => {
  const given = ["--backend", "nas.home:8080", "--backend", "localhost:3000"];
  expect(await read(...given, "--check")).toContain(
    "  backends   a nas.home:8080, b 127.0.0.1:3000\n",
  );
});

test("--check prints a summary of the configuration, and runs nothing", async () => {
  const text = await read("--check");
  expect(text).toMatch(
    /^firmware\/gateway.json is good.\n {2}ports {6}80 \(auto\); admin port 8404\n/,
  );
  expect(text).toContain("16 at once; 4 more are queued");
});
