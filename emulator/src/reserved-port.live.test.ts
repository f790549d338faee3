import { once } from "node:events";
import net from "node:net";
import { afterEach, expect, test } from "vitest";
import { type ReservedPort, reservePort } from "./reserved-port.ts";

const reserved: ReservedPort[] = [];
afterEach(() => {
  for (const port of reserved.splice(0)) port.release();
});

async function reserve(): Promise<number> {
  const port = await reservePort();
  reserved.push(port);
  return port.port;
}

/** The outcome of a connection to this port. */
function dial(port: number): Promise<string> {
  const socket = net.connect(port, "127.0.0.1");
  return new Promise(resolve => {
    socket.once("connect", () => resolve("connected"));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code!));
  }).finally(() => socket.destroy()) as Promise<string>;
}

test("a reserved port refuses, serves the program that listens on it, and refuses again", async () => {
  const port = await reserve();
  expect(await dial(port)).toBe("ECONNREFUSED");
  for (const host of ["127.0.0.1", "0.0.0.0"]) {
    const server = net.createServer().listen(port, host);
    await once(server, "listening");
    expect(await dial(port)).toBe("connected");
    server.close();
    await once(server, "close");
    expect(await dial(port)).toBe("ECONNREFUSED");
  }
});

/** Linux has 14,116 ports for programs that ask for any: so many listeners would meet one of 50 reserved ones. */
const LISTENERS = 2_000;

test("no program that asks for any port gets a reserved one", async () => {
  const ports = new Set(await Promise.all(Array.from({ length: 50 }, reserve)));
  expect(ports.size).toBe(50);
  const taken: number[] = [];
  for (let i = 0; i < LISTENERS; i++) {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    if (ports.has(port)) taken.push(port);
    server.close();
  }
  expect(taken).toEqual([]);
});
