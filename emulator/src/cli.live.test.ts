import net from "node:net";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { afterEach, expect, test } from "vitest";
import { type Server, serve } from "../../backends/src/serve.ts";
import { steady } from "../../backends/src/steady.ts";
import { reservePort } from "./reserved-port.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function reserve(): Promise<number> {
  const { port, release } = await reservePort();
  stops.push(release);
  return port;
}

function emulate(...args: string[]) {
  const child = execa(process.execPath, ["--import", "tsx", "emulator/src/cli.ts", ...args], {
    reject: false,
    all: true,
  });
  stops.push(async () => {
    child.kill("SIGKILL");
    await child;
  });
  return child;
}

async function backend(name: string, port: number): Promise<Server> {
  const server = await serve({ name, port, host: "127.0.0.1", behaviour: steady() });
  stops.push(() => server.stop());
  return server;
}

/** The command with backends a and b, once it serves. */
async function running() {
  const [a, b] = [await backend("a", await reserve()), await backend("b", await reserve())];
  const [port, admin] = [await reserve(), await reserve()]; // somebody may be at work with the usual ones
  const child = emulate(
    ...["--backend", `127.0.0.1:${a.port}`, "--backend", `localhost:${b.port}`],
    ...["--publish", `80:${port}`, "--admin", String(admin), "--json"],
  );
  await new Promise<void>((resolve, reject) => {
    const lines = createInterface(child.stdout);
    lines.on("line", line => {
      if (JSON.parse(line).what === "ready") resolve();
    });
    child.once("exit", () => reject(new Error("it ended before it served")));
  });
  return { a, b, child, url: `http://127.0.0.1:${port}`, port };
}

/** One request on a connection of its own. */
async function get(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { headers: { Connection: "close" } });
  return { status: response.status, text: await response.text() };
}

/** Says `words` one after the other, each after an answer; all that came until the close. */
async function talk(port: number, ...words: string[]): Promise<string> {
  const socket = net.connect(port, "127.0.0.1");
  let heard = "";
  socket.on("data", piece => {
    heard += piece;
    const next = words.shift();
    if (next !== undefined) socket.write(next);
  });
  socket.write(words.shift()!);
  await new Promise((resolve, reject) => socket.once("end", resolve).once("error", reject));
  socket.destroy();
  return heard;
}

test("backends take turns exactly, one dying fails no request, all dying is 502, one back serves", async () => {
  const { a, b, url, child } = await running();
  const answers: string[] = [];
  for (let i = 0; i < 100; i++) answers.push((await get(url)).text);
  expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => `${"ab"[i % 2]}: GET /\n`));

  await a.stop();
  for (let i = 0; i < 10; i++) expect((await get(url)).text).toBe("b: GET /\n");
  await b.stop();
  expect(await get(url)).toMatchObject({ status: 502 });
  await backend("a again", a.port);
  for (let i = 0; i < 4; i++) expect((await get(url)).text).toBe("a again: GET /\n");

  child.kill("SIGINT");
  expect((await child).exitCode).toBe(0);
});

test("a raw client is echoed, and END closes its connection", async () => {
  const { port } = await running();
  expect(await talk(port, "hello\n", "WEEKEND")).toBe("a: hello\n");
});

test.each([
  [["--bord", "esp32"], "emulate: --bord is no option; did you mean --board?\n"],
  [
    ["--board", "esp8266"],
    'emulate: --board "esp8266": no such board; known are esp32, unlimited\n',
  ],
  [
    ["--backend", "nowhere"],
    'emulate: --backend "nowhere": wanted HOST:PORT, such as 127.0.0.1:3000\n',
  ],
  [
    ["--backend", "127.0.0.1:1", "--publish", "81:8000"],
    'emulate: --publish "81:8000": the board does not listen on 81, only on 80\n',
  ],
  [
    ["--backend", "127.0.0.1:1", "--publish", "80:8000", "--publish", "80:8001"],
    "emulate: --publish: the board's port 80 was given twice; wanted once\n",
  ],
  [
    ["--config", "no-such-file.json"],
    `emulate: --config "no-such-file.json": cannot be read: ENOENT: no such file or directory, open 'no-such-file.json'\n`,
  ],
  [
    ["--ui", "99999"],
    'emulate: --ui "99999": wanted a port, such as 8500, or nothing for a free one\n',
  ],
  [
    ["--board-address", "http://x"],
    'emulate: --board-address "http://x": wanted an address such as 192.168.1.50\n',
  ],
  [
    ["--board-address", "127.0.0.1", "--config", "LICENSE"],
    "emulate: --config is for the emulated board, and --board-address watches another\n",
  ],
  [
    ["--config", "LICENSE"],
    'emulate: --config "LICENSE": is not JSON: line 1, column 1: "MIT" is no value; a text needs double quotes\n',
  ],
])("%j: one clear sentence and exit code 2", async (args, sentence) => {
  const { exitCode, all } = await emulate(...args);
  expect(`${all}\n`).toMatch(sentence);
  expect(exitCode).toBe(2);
});

test("--check says what a configuration comes to, and runs nothing", async () => {
  const { exitCode, stdout } = await emulate("--check");
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    /^firmware\/gateway.json is good.\n {2}ports {6}80 \(auto\); admin port 8404\n/,
  );
  expect(stdout).toContain("12 at once; 4 more are queued");
});

test("each address of the board is told as it is found: the admin page on this computer alone", async () => {
  const [port, admin] = [await reserve(), await reserve()];
  const child = emulate(
    ...["--backend", "127.0.0.1:1", "--publish", `80:127.0.0.2:${port}`, "--admin", `${admin}`],
  );
  const banner = await new Promise(resolve => child.stdout.once("data", resolve));
  expect(`${banner}`).toContain(`http://127.0.0.2:${port}  (its port 80)`);
  expect(`${banner}`).toContain(`http://localhost:${admin}  (its admin page)`);
});

test("a busy port is named, with the way out", async () => {
  const busy = await backend("busy", 0);
  const { exitCode, all } = await emulate(
    "--backend",
    "127.0.0.1:1",
    "--publish",
    `80:${busy.port}`,
  );
  expect(all).toContain(
    `port ${busy.port} of this computer is taken; publish the board's on another: --publish 80:${busy.port + 1}`,
  );
  expect(exitCode).toBe(2);
});
