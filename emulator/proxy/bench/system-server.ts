import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reservePort } from "../../src/reserved-port.ts";

/** A proxy that runs in a process of its own. */
export interface Running {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** Servers that an operating system has packages of, with what makes them stay in the foreground. */
const ARGUMENTS = {
  nginx: (file: string, folder: string) => ["-c", file, "-p", folder, "-e", "stderr"],
  haproxy: (file: string) => ["-q", "-db", "-f", file],
};

export type SystemServer = keyof typeof ARGUMENTS;

/** Pause before a port is tried again on which no program listened. */
const RETRY_MS = 20;

/**
 * Starts a server on a free port with a temporary configuration, and waits until it listens. Throws the
 * server's error output if it ends at once.
 */
export async function startSystemServer(
  name: SystemServer,
  configure: (port: number, folder: string) => string,
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "hot-potato-server-"));
  const { port, release } = await reservePort();
  const file = join(folder, "config");
  writeFileSync(file, configure(port, folder));
  const child = spawn(name, ARGUMENTS[name](file, folder), { stdio: ["ignore", "ignore", "pipe"] });
  let told = "";
  child.stderr.on("data", text => {
    told += text;
  });
  const stop = async () => {
    await ended(child);
    release();
    rmSync(folder, { recursive: true, force: true });
  };
  while (!(await answers(port))) {
    if (child.exitCode === null) continue;
    await stop();
    throw new Error(`${name} ended: ${told}`);
  }
  return { pid: child.pid!, port, stop };
}

/** Ends a process, and waits until it has. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

/** True: a program listens on the port. Waits a moment before it returns false. */
async function answers(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  const open = await new Promise<boolean>(resolve => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  });
  socket.destroy();
  if (!open) await new Promise(resolve => setTimeout(resolve, RETRY_MS));
  return open;
}
