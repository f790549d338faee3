import net from "node:net";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { afterEach, expect, test } from "vitest";
import { serve } from "../../backends/src/serve.ts";
import { steady } from "../../backends/src/steady.ts";
import { builtCommand } from "../../hil/kit/built-command.ts";
import { reservePort } from "../src/reserved-port.ts";

const COMMAND = await builtCommand("emulator/proxy/cli.ts");

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function listening(server: net.Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await new Promise(resolve => server.once("listening", resolve));
  return (server.address() as net.AddressInfo).port;
}

async function reserve(): Promise<number> {
  const { port, release } = await reservePort();
  stops.push(release);
  return port;
}

/** `npm run emulate -- --engine xs` before backends on these ports, once it serves. */
async function emulated(
  ...backends: number[]
): Promise<{ port: number; stop(): Promise<number | undefined> }> {
  const [port, adminPort] = [await reserve(), await reserve()];

  const child = execa(
    process.execPath,
    [
      ...[COMMAND, "--engine", "xs", "--json"],
      ...backends.flatMap(backend => ["--backend", `127.0.0.1:${backend}`]),
      ...["--publish", `80:${port}`, "--admin", String(adminPort)],
    ],
    { reject: false },
  );
  const stop = async () => {
    child.kill("SIGINT");
    return (await child).exitCode;
  };
  stops.push(stop);
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on("line", line => {
      if (JSON.parse(line).what === "ready") resolve();
    });
    child.then(({ stderr }) => reject(new Error(`ended: ${stderr}`)), reject);
  });
  return { port, stop };
}

test("emulate --engine xs balances real requests, and ends without an error", async () => {
  const backends = await Promise.all(
    ["a", "b"].map(name => serve({ name, port: 0, host: "127.0.0.1", behaviour: steady() })),
  );
  for (const backend of backends) stops.push(() => backend.stop());
  const { port, stop } = await emulated(...backends.map(backend => backend.port));
  const answers: string[] = [];
  for (let i = 0; i < 20; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      headers: { Connection: "close" },
    });
    answers.push(await response.text());
  }
  expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => `${"ab"[i % 2]}: GET /\n`));
  expect(await stop()).toBe(0);
});

test("a megabyte through XS and back is unchanged", async () => {
  const echo = net.createServer(socket => socket.pipe(socket));
  stops.push(() => echo.close());
  const { port } = await emulated(await listening(echo));
  const sent = Buffer.alloc(2 ** 20, "0123456789abcdefg");
  const pieces: Buffer[] = [];
  let received = 0;
  await new Promise<void>((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(sent));
    socket.on("error", reject);
    socket.on("data", piece => {
      pieces.push(piece);
      received += piece.byteLength;
      if (received < sent.byteLength) return;
      socket.destroy();
      resolve();
    });
  });
  expect(Buffer.concat(pieces).equals(sent)).toBe(true);
});
