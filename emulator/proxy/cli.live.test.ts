import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { afterEach, expect, test } from "vitest";
import { type Server, serve } from "../../backends/src/serve.ts";
import { steady } from "../../backends/src/steady.ts";
import { builtCommand } from "../../hil/kit/built-command.ts";
import { Flash } from "../src/flash.ts";
import { defineKeyValue } from "../src/io/storage.ts";
import { reservePort } from "../src/reserved-port.ts";

const COMMAND = await builtCommand("emulator/proxy/cli.ts");

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
  const child = execa(process.execPath, [COMMAND, ...args], {
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
  const [port, admin] = [await reserve(), await reserve()]; // other programs may use the default ones
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
  let received = "";
  socket.on("data", piece => {
    received += piece;
    const next = words.shift();
    if (next !== undefined) socket.write(next);
  });
  socket.write(words.shift()!);
  await new Promise((resolve, reject) => socket.once("end", resolve).once("error", reject));
  socket.destroy();
  return received;
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

test("an option that does not do is refused before anything of the computer is looked at", async () => {
  const { port } = await backend("busy", 0);
  const { exitCode, all } = await emulate(
    ...["--log", "pretty", "--publish", `80:${port}`, "--flash", "no-such-folder/flash.json"],
  );
  expect(all).toBe('emulate: --log "pretty": wanted compact or raw');
  expect(exitCode).toBe(2);
});

test("a name without an address is one line of error", async () => {
  const { exitCode, all } = await emulate("--board-address", "no-such-board.invalid");
  expect(all).toBe(
    'emulate: --board-address: no IPv4 address is known for "no-such-board.invalid"',
  );
  expect(exitCode).toBe(2);
});

test("with a flash, the welcome and the published ports are those of the configuration in it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "emulate-"));
  stops.push(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "flash.json");
  const kept = { backends: [{ address: "127.0.0.9", port: 9 }], listeners: [{ port: 81 }] };
  const storage = defineKeyValue(new Flash(file), () => {});
  const space = storage.open({ path: "hot-potato", format: "string" });
  space.write("config-a", JSON.stringify({ ...kept, adminPort: 9000 }));
  space.write("slot", "a");

  const [port, admin] = [await reserve(), await reserve()];
  const child = emulate("--flash", file, "--publish", `81:${port}`, "--admin", `${admin}`);
  const banner = String(await new Promise(resolve => child.stdout.once("data", resolve)));
  expect(banner).toContain(`http://localhost:${port}  (its port 81)`);
  expect(banner).toContain(`http://localhost:${admin}  (its admin page)`);
  expect(banner).toContain("backend a  127.0.0.9:9\n");
  await expect
    .poll(() =>
      get(`http://127.0.0.1:${admin}/api/config`).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBe(200);
});

test("each address of the board is printed as it is reached: the admin page on this computer alone", async () => {
  const [port, admin] = [await reserve(), await reserve()];
  const child = emulate(
    ...["--backend", "127.0.0.1:1", "--publish", `80:127.0.0.2:${port}`, "--admin", `${admin}`],
  );
  const banner = await new Promise(resolve => child.stdout.once("data", resolve));
  expect(`${banner}`).toContain(`http://127.0.0.2:${port}  (its port 80)`);
  expect(`${banner}`).toContain(`http://localhost:${admin}  (its admin page)`);
});

test("all busy ports are named at once, with the way out, and nothing else is printed", async () => {
  const [one, two] = [await backend("one", 0), await backend("two", 0)];
  const { exitCode, all } = await emulate(
    ...["--backend", "127.0.0.1:1", "--publish", `80:${one.port}`, "--admin", `${two.port}`],
  );
  const next = Math.max(one.port, two.port) + 1;
  expect(all).toBe(
    `emulate: port ${one.port} is taken, port ${two.port} is taken on this computer; is another emulate running? ` +
      `Use free ones: --publish 80:${next} --admin ${next + 1}`,
  );
  expect(exitCode).toBe(2);
});

test("demo backends take other ports where theirs are taken, and a listener without a port is named", async () => {
  const config = {
    listeners: [{ port: 80 }, { port: 81 }],
    backends: [{ address: "127.0.0.1", port: 1 }],
  };
  const file = join(await mkdtemp(join(tmpdir(), "hot-potato-")), "config.json");
  stops.push(() => rm(dirname(file), { recursive: true }));
  await writeFile(file, JSON.stringify(config));
  const [port, admin] = [await reserve(), await reserve()];
  const published = ["--publish", `80:${port}`, "--admin", `${admin}`];
  const configured = emulate("--config", file, ...published);
  const told = await new Promise(resolve => configured.stdout.once("data", resolve));
  expect(`${told}`).toContain(`its port 81 is not published: --publish 81:${port + 1}`);

  // Other programs may use them already.
  await backend("busy", 8080).catch(() => {});
  await backend("busy, too", 8081).catch(() => {});
  const ports = [await reserve(), await reserve()];
  const demo = emulate("--publish", `80:${ports[0]}`, "--admin", `${ports[1]}`, "--json");
  await new Promise<void>((resolve, reject) => {
    createInterface(demo.stdout).on("line", line => {
      if (JSON.parse(line).what === "ready") resolve();
    });
    demo.once("exit", () => reject(new Error("it ended before it served")));
  });
  expect((await get(`http://127.0.0.1:${ports[0]}`)).status).toBe(200);
});

test("a demo server on a machine that sleeps: the first request is held while the machine boots, and answered", async () => {
  const [port, admin] = [await reserve(), await reserve()];
  const child = emulate(
    ...["--machine", "1", "--publish", `80:${port}`, "--admin", `${admin}`, "--json"],
  );
  const powers: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on("line", text => {
      const { on, what, power } = JSON.parse(text);
      if (on === "proxy" && what === "ready") resolve();
      if (on === "demo") powers.push(power);
    });
    child.once("exit", () => reject(new Error("it ended before it served")));
  });
  const answers = await Promise.all([1, 2, 3].map(i => get(`http://127.0.0.1:${port}/${i}`)));
  expect(answers).toEqual([1, 2, 3].map(i => ({ status: 200, text: `a: GET /${i}\n` })));
  expect(powers).toEqual(["booting", "awake"]);
  child.kill("SIGINT");
  expect((await child).exitCode).toBe(0);
});

test("what a program reads are the board's own lines; columns on request", async () => {
  const lines = async (...args: string[]) => {
    const [port, admin] = [await reserve(), await reserve()];
    const ports = ["--publish", `80:${port}`, "--admin", `${admin}`];
    const child = emulate("--backend", "127.0.0.1:1", ...ports, ...args);
    return new Promise<string>(resolve => {
      createInterface(child.stdout).on("line", line => {
        if (/\bready\b/.test(line)) resolve(line);
      });
    });
  };
  expect(await lines()).toMatch(/^I \(\d+\) proxy: ready ports=80 /);
  expect(await lines("--log", "compact")).toMatch(/^ +\d+\.\d{3} proxy {4}ready ports=80 /);
});

test("-h and --version answer, and a full disk at standard output is one line of error", async () => {
  expect((await emulate("-h")).stdout).toContain("npm run emulate -- [options]");
  expect((await emulate("--version")).stdout).toMatch(/^version=\d+\.\d+\.\d+ build=[0-9a-f]{8}$/);
  if (!existsSync("/dev/full")) return; // Linux has it
  const full = await execa({
    shell: true,
    reject: false,
  })`${process.execPath} ${COMMAND} --help > /dev/full`;
  expect([full.stderr, full.exitCode]).toEqual([
    "standard output cannot be written: ENOSPC: no space left on device, write",
    1,
  ]);
});
