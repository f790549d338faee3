import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Most lines of the last output, kept to report why the simulator ended. */
const LINES_MAX = 20;

/** The SDK's simulator with a program in it, as a board whose power can be cut. */
export class Simulator {
  #command: readonly string[];
  #lines: string[] = [];
  #onEnd: (why: string) => void;
  #process: ChildProcess | undefined;

  /** `onEnd` is called when it ends by itself, with what it wrote last. */
  constructor(command: readonly string[], onEnd: (why: string) => void) {
    this.#command = command;
    this.#onEnd = onEnd;
  }

  start(): void {
    const [file, ...words] = this.#command;
    const process = spawn(file, words, { stdio: ["ignore", "pipe", "inherit"] });
    this.#process = process;
    this.#lines = [];
    process.on("error", error => this.#onEnd(error.message));
    process.on("close", () => {
      if (this.#process === process) this.#onEnd(this.#lines.join("; "));
    });
    createInterface({ input: process.stdout }).on("line", line => {
      this.#lines.push(line);
      if (this.#lines.length > LINES_MAX) this.#lines.shift();
    });
  }

  async stop(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined || process.pid === undefined || process.exitCode !== null) return;
    if (process.signalCode !== null) return;
    const ended = new Promise(resolve => process.once("exit", resolve));
    process.kill("SIGKILL");
    await ended;
  }
}
