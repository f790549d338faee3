import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import net from "node:net";
import { fileURLToPath } from "node:url";
import type { Given, Wanted } from "./namespace-holder.ts";

const HOLDER = fileURLToPath(new URL("namespace-holder.ts", import.meta.url));

/** The commands that a namespace needs, and their Debian packages. */
const COMMANDS = { unshare: "util-linux", nsenter: "util-linux", ip: "iproute2" };

/** Where Debian has `ip`, also for users whose PATH lacks it. */
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Why no namespace with a TAP device can be made here; `undefined`: it can. */
export function cannotMakeNamespace(): string | undefined {
  if (process.platform !== "linux")
    return `network namespaces are Linux's, and this is ${process.platform}`;
  for (const [command, debian] of Object.entries(COMMANDS)) {
    if (fails(command, "--version") && fails(command, "-Version"))
      return `no command "${command}" (Debian: apt install ${debian})`;
  }
  try {
    closeSync(openSync("/dev/net/tun", "r+"));
  } catch (error) {
    return `/dev/net/tun cannot be opened: ${(error as NodeJS.ErrnoException).code}`;
  }
  return fails("unshare", "--net", "ip", "link", "set", "lo", "up")
    ? "the kernel makes no network namespace for this user"
    : undefined;
}

function fails(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore", env: { ...process.env, PATH } });
    return false;
  } catch {
    return true;
  }
}

interface Request {
  socket?: net.Server | net.Socket;
  readonly resolve: (socket: net.Server | net.Socket | undefined) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A network namespace of Linux: a loopback interface and a TAP device, none of the computer's other interfaces. The kernel removes it when
 * the last process in it ends; the first one, which keeps it, ends with this process.
 */
export class NetworkNamespace {
  /** Name of the TAP device; the program that opens it is the other end of the kernel's interface of this name. */
  static readonly DEVICE = "tap0";
  #holder: ChildProcess;
  #requests = new Map<number, Request>();
  #nextId = 0;

  /** `address` is the kernel's, with the length of its prefix. */
  static async make(address: string): Promise<NetworkNamespace> {
    const namespace = new NetworkNamespace(address);
    await namespace.#settled(0);
    return namespace;
  }

  private constructor(address: string) {
    this.#holder = spawn(
      "unshare",
      [
        ...["--net", "--", process.execPath, "--import", "tsx", HOLDER],
        ...[NetworkNamespace.DEVICE, address],
      ],
      { stdio: ["ignore", "inherit", "inherit", "ipc"], env: { ...process.env, PATH } },
    );
    this.#holder.on("message", (given: Given, socket?: net.Server | net.Socket) =>
      this.#take(given, socket),
    );
    this.#holder.on("exit", (code, signal) => {
      const error = new Error(`the network namespace has ended: ${signal ?? `exit code ${code}`}`);
      for (const { reject } of this.#requests.values()) reject(error);
      this.#requests.clear();
    });
  }

  /** The file by which other processes enter the namespace. */
  get file(): string {
    return `/proc/${this.#holder.pid}/ns/net`;
  }

  /** The command and arguments that run a program in the namespace. */
  command(program: string, ...args: string[]): [string, string[]] {
    return ["nsenter", [`--net=${this.file}`, "--", program, ...args]];
  }

  /** A listening socket in the namespace, for `listen` of a server of this process; port 0 is any free port. */
  async listen(port = 0): Promise<net.Server> {
    return (await this.#ask({ listen: port })) as net.Server;
  }

  /** A server whose `listen` opens a port in the namespace, for programs that take `node:net` or an object with the same interface. */
  createServer(options: net.ServerOpts) {
    const server = net.createServer(options);
    const listen = ({ port }: { port: number }) => {
      this.listen(port).then(
        socket => net.Server.prototype.listen.call(server, socket),
        error => server.emit("error", error),
      );
    };
    return Object.assign(server, { listen });
  }

  /** A connection from the namespace. Bytes that the server sends before it has received any may be lost. */
  async connect(port: number, host: string): Promise<net.Socket> {
    return (await this.#ask({ connect: { host, port } })) as net.Socket;
  }

  /** Ends the first process. Programs that still run in the namespace keep it. */
  async close(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    const ended = once(this.#holder, "exit");
    this.#holder.kill();
    await ended;
  }

  #ask(wanted: { listen: number } | { connect: { host: string; port: number } }) {
    const id = ++this.#nextId;
    const settled = this.#settled(id);
    this.#holder.send({ id, ...wanted } satisfies Wanted);
    return settled;
  }

  #settled(id: number): Promise<net.Server | net.Socket | undefined> {
    return new Promise((resolve, reject) => this.#requests.set(id, { resolve, reject }));
  }

  #take({ id, done, error }: Given, socket?: net.Server | net.Socket): void {
    const request = this.#requests.get(id);
    if (request === undefined) return; // it has ended
    if (socket !== undefined) request.socket = socket;
    if (error !== undefined) request.reject(new Error(error));
    else if (done) request.resolve(request.socket);
    else return;
    this.#requests.delete(id);
  }
}
