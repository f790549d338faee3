import net from "node:net";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { afterEach, expect, test } from "vitest";
import { reservePort } from "../../emulator/src/reserved-port.ts";
import { builtCommand } from "../../hil/kit/built-command.ts";

const COMMAND = await builtCommand("backends/src/cli.ts");

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function backends(...args: string[]) {
  const child = execa(process.execPath, [COMMAND, ...args], {
    reject: false,
  });
  stops.push(async () => {
    child.kill("SIGKILL");
    await child;
  });
  return child;
}

async function reserve(count: number): Promise<number[]> {
  const ports = await Promise.all(Array.from({ length: count }, () => reservePort()));
  stops.push(...ports.map(({ release }) => release));
  return ports.map(({ port }) => port);
}

/** Starts the command with these behaviours and waits until it has printed that all of them listen. */
async function running(...behaviours: string[]) {
  const ports = await reserve(behaviours.length);
  const wanted = ports.map((port, index) => `${port}${behaviours[index]}`);
  const child = backends("--host", "127.0.0.1", ...wanted);
  const lines: string[] = [];
  await new Promise<void>(resolve => {
    createInterface(child.stdout).on("line", line => {
      if (lines.push(line) === ports.length) resolve();
    });
  });
  return { child, ports, lines };
}

/** Sends `text`; returns what arrived until `enough` or the close, and the error, if any. */
function talk(port: number, text: string, enough: (heard: string) => boolean = () => false) {
  return new Promise<{ heard: string; error?: string | undefined }>(resolve => {
    const socket = net.connect(port, "127.0.0.1");
    let heard = "";
    let error: string | undefined;
    socket.on("data", piece => {
      heard += piece;
      if (enough(heard)) socket.destroy();
    });
    socket.on("error", (e: NodeJS.ErrnoException) => {
      error = e.code;
    });
    socket.on("close", () => resolve({ heard, error }));
    socket.write(text);
  });
}

const line = (heard: string) => heard.endsWith("\n");

test("servers a, b, c … start on the ports with their behaviours, and Ctrl-C ends them", async () => {
  const { child, ports, lines } = await running("", ":slow", ":flaky", ":vanishing", ":firehose");
  const behaviours = ["steady", "slow", "flaky", "vanishing", "firehose"];
  expect(lines.map(text => text.split(/\s+/))).toEqual(
    ports.map((port, i) => [
      "abcde"[i],
      "port",
      `${port}`,
      behaviours[i],
      "curl",
      `127.0.0.1:${port}`,
    ]),
  );

  const response = await fetch(`http://127.0.0.1:${ports[0]}/x`, {
    headers: { Connection: "close" },
  });
  expect(await response.text()).toBe("a: GET /x\n");
  expect(await talk(ports[0], "hello\n", line)).toEqual({ heard: "a: hello\n" });
  const start = performance.now();
  expect(await talk(ports[1], "hello\n", line)).toEqual({ heard: "b: hello\n" });
  expect(performance.now() - start).toBeGreaterThan(490);
  const outcomes = [];
  for (let i = 0; i < 6; i++) outcomes.push((await talk(ports[2], "x\n", line)).error ?? "served");
  expect(outcomes).toEqual(["served", "served", "ECONNRESET", "served", "served", "ECONNRESET"]);
  const { heard } = await talk(ports[4], "go\n", text => text.length > 1_000_000);
  expect(heard.startsWith("0123456789abcdef")).toBe(true);

  const waiting = talk(ports[3], "hello\n"); // holds its connection open
  await talk(ports[0], "hello\n", line); // by now the waiting one is connected, too
  child.kill("SIGINT");
  expect(await child).toMatchObject({ exitCode: 0, stderr: "" });
  expect((await waiting).heard).toBe("");
});

test("an address of another computer is refused in one sentence, with exit code 2", async () => {
  const { exitCode, stderr, stdout } = await backends("8080", "--host", "192.0.2.1");
  expect({ exitCode, stderr, stdout }).toEqual({
    exitCode: 2,
    stderr:
      'backends: --host "192.0.2.1": is no address of this computer; use 127.0.0.1 or 0.0.0.0',
    stdout: "",
  });
});

test("every bad argument is reported", async () => {
  const { exitCode, stderr } = await backends("0", "--bord");
  expect(stderr.split("\n")).toEqual([
    'backends: "0": wanted a port from 1 to 65535',
    "backends: --bord: unknown option; --help lists the options",
  ]);
  expect(exitCode).toBe(2);
});

test("a taken port is named, and no server is announced", async () => {
  const [free] = await reserve(1);
  const busy = net.createServer().listen(0, "127.0.0.1");
  stops.push(() => new Promise(resolve => busy.close(resolve)));
  await new Promise(resolve => busy.on("listening", resolve));
  const { port } = busy.address() as net.AddressInfo;
  const { exitCode, stderr, stdout } = await backends("--host", "127.0.0.1", `${free}`, `${port}`);
  expect({ exitCode, stderr, stdout }).toEqual({
    exitCode: 2,
    stderr: `backends: port ${port} is in use; free it or use another one`,
    stdout: "",
  });
});

test("--help lists every behaviour", async () => {
  const { exitCode, stdout } = await backends("--help");
  for (const word of ["steady", "slow", "flaky", "vanishing", "firehose", "--host"]) {
    expect(stdout).toContain(`  ${word} `);
  }
  expect(exitCode).toBe(0);
});
