import { createInterface } from "node:readline";
import { SerialPortStream } from "@serialport/stream";
import { execa } from "execa";
import { afterEach, expect, onTestFailed, test } from "vitest";
import { builtCommand } from "../../hil/kit/built-command.ts";
import { computersPorts } from "../../hil/rig/discovery.ts";
import { cannotOpenPty } from "../src/pty.ts";

const COMMAND = await builtCommand("emulator/proxy/cli.ts");

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** The command with `--pty`, once it has named the path. */
async function emulated() {
  const child = execa(
    process.execPath,
    [
      ...[COMMAND, "--pty", "--json"],
      ...["--backend", "127.0.0.1:9", "--publish", "80:18470", "--admin", "18471"],
    ],
    { reject: false },
  );
  stops.push(async () => {
    child.kill("SIGKILL");
    await child;
  });
  const lines: { on?: string; what?: string; path?: string; line?: string }[] = [];
  onTestFailed(() => console.log("the command printed", JSON.stringify(lines)));
  const path = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on("line", line => {
      lines.push(JSON.parse(line));
      const named = lines.find(({ on }) => on === "pty")?.path;
      if (named !== undefined) resolve(named);
    });
    void child.then(({ stderr }) => reject(new Error(stderr)));
  });
  return { child, path, lines };
}

/** A terminal program on that path. */
async function terminal(path: string) {
  const port = new SerialPortStream({
    binding: computersPorts(),
    path,
    baudRate: 115_200,
    autoOpen: false,
  });
  stops.push(() => port.isOpen && new Promise(resolve => port.close(resolve)));
  await new Promise<void>((resolve, reject) => {
    port.open(error => (error ? reject(error) : resolve()));
  });
  const received = { text: "" };
  port.on("data", bytes => {
    received.text += bytes;
  });
  const receives = (pattern: RegExp) => expect.poll(() => received.text).toMatch(pattern);
  return { port, receives, received };
}

test.skipIf(cannotOpenPty())(
  "a terminal program sees the board boot, types commands, and loses the line when the board goes",
  async () => {
    const { child, path, lines } = await emulated();
    const ready = () => lines.some(({ what }) => what === "ready");
    await expect.poll(ready).toBe(true); // without a reader

    const { port, receives, received } = await terminal(path); // drops earlier output
    port.write("reboot\r");
    await receives(/rst:0xc \(SW_CPU_RESET\)[\s\S]*I \(\d+\) boot: version=[\s\S]*proxy: ready/);
    received.text = "";
    port.write("status\r");
    await receives(/> status\r\n[\s\S]*version=[\s\S]*up=\d\/1\r\nok\r\n/);
    child.stdin.write("heap\n");
    await receives(/> heap\r\nheap=\d+\r\nok\r\n/);
    // Nothing that the board said before came back to it as something typed.
    expect(lines.filter(({ line }) => line?.startsWith("error"))).toEqual([]);

    const gone = new Promise(resolve => port.once("close", resolve));
    child.kill("SIGINT");
    expect((await child).exitCode).toBe(0);
    expect(await gone).toMatchObject({ disconnected: true });
  },
);

test("on other systems the error says what to do instead", () => {
  expect(cannotOpenPty("win32")).toMatch(/Linux and macOS, and this is win32; here, type/);
  expect([cannotOpenPty("linux"), cannotOpenPty("darwin")]).toEqual([undefined, undefined]);
});
