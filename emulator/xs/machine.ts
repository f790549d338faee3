import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Engine, ourEngine } from "./engine.ts";
import { FramePipe, openPipes } from "./pipe.ts";

/** The functions that a machine needs from its caller. */
export interface Surroundings {
  /** Milliseconds since the board booted. */
  now(): number;
  /** Answers a request of the program; native/handles.h lists the words. The program gets what it throws. */
  answer(words: readonly string[], body: Buffer): Uint8Array | string;
}

/** The heap at the start. */
export interface HeapSize {
  readonly slots: number;
  readonly chunkBytes: number;
}

/**
 * Memory that a frozen program may allocate: the reserved amount, and more in steps, each of which
 * takes memory of the board (the question `heap`). Without any left XS ends: "memory full".
 */
export interface HeapLimit extends HeapSize {
  readonly slotsStep: number;
  readonly chunkBytesStep: number;
}

/** Exact and repeatable: the same program and the same events give the same figures. */
export interface Figures {
  /** Instructions executed since the start, modulo 2 to the 32nd. */
  readonly computrons: number;
  /** In use, garbage included. */
  readonly slots: number;
  readonly chunkBytes: number;
  /** Garbage collections since the start. */
  readonly collections: number;
  readonly slotsMax: number;
  readonly chunkBytesMax: number;
  /** The deepest that the stack was since `freeze` or `forgetStack`; a call takes two more than on the chip. */
  readonly stackSlotsMax: number;
}

export interface FunctionCount {
  readonly name: string;
  readonly computrons: number;
  /** Allocated, as long as nothing was collected meanwhile. */
  readonly slots: number;
  readonly chunkBytes: number;
}

/** Enough for every program here, and rarely collected. */
const ROOMY: HeapSize = { slots: 65_536, chunkBytes: 4 * 1024 * 1024 };

/** Heap of the native side (native/worker.c) until the program is frozen. */
const STACK_SLOTS_MAX = 4096;

/** Callbacks of a socket, by their number on the pipe. */
export const EVENTS = ["onReadable", "onWritable", "onError", "onEnd"] as const;

/** XS has thrown, or has ended; the message is XS's own stack. */
export class XsError extends Error {
  override name = "XsError";
}

/** XS has given up without asking the program's hook: its memory or its stack is full. */
export class XsAborted extends XsError {}

const running = new Set<Machine>();

/** Ends all machines of this process: a test leaves none behind. */
export function endMachines(): void {
  for (const machine of running) machine.end();
}

/**
 * The XS engine in a process of its own. Each call returns when XS has done it; requests of the program are
 * answered during the call, and may call again.
 */
export class Machine {
  #surroundings: Surroundings;
  #pipe: FramePipe;
  #ended = false;

  /** A new engine with a heap of this size, or a copy of one as it is now. */
  constructor(surroundings: Surroundings, origin: HeapSize | Machine = ROOMY, engine?: Engine) {
    this.#surroundings = surroundings;
    this.#pipe =
      origin instanceof Machine ? origin.#branch() : startEngine(origin, engine ?? ourEngine());
    running.add(this);
  }

  /** `endMachines` does not end it: it is copied, or serves several tests. It ends with this process. */
  keep(): this {
    running.delete(this);
    return this;
  }

  /** Runs a script; its last value is lost. */
  evaluate(script: string): void {
    this.#do("E", script);
  }

  /**
   * Makes all that exists as read-only as on the chip, limits the stack as there with `stackSlots`
   * (`creation` of a manifest), and the heap to `limit`; without one it grows as it must.
   */
  freeze(stackSlots = STACK_SLOTS_MAX, limit?: HeapLimit): void {
    const { slots, chunkBytes, slotsStep, chunkBytesStep } = limit ?? {};
    const heap = limit === undefined ? [] : [slots, chunkBytes, slotsStep, chunkBytesStep];
    this.#do("Z", [stackSlots, ...heap].join(" "));
  }

  /** Calls the program's `command(text)`. */
  command(text: string): string {
    return this.#do("J", text).toString();
  }

  /** Calls the program's hook `abort(reason, exception)` with what it has thrown last. */
  abort(reason: string): void {
    this.#do("A", reason);
  }

  /** Calls a callback with a count, a code, or nothing. */
  event(handle: number, event: number, argument: number | string = "-"): void {
    this.#do("C", `${handle} ${event} ${argument}`);
  }

  /** Sends a command to the network of an engine that does not use Node's (emulator/lwip). */
  network(text: string): void {
    this.#do("C", text);
  }

  ringAlarm(): void {
    this.#do("T");
  }

  collectGarbage(): void {
    this.#do("G");
  }

  figures(): Figures {
    const [computrons, slots, chunkBytes, collections, slotsMax, chunkBytesMax, stackSlotsMax] =
      this.#do("F").toString().split(" ").map(Number);
    return { computrons, slots, chunkBytes, collections, slotsMax, chunkBytesMax, stackSlotsMax };
  }

  /** `stackSlotsMax` counts from this call on. */
  forgetStack(): void {
    this.#do("D");
  }

  /** Counts computrons and allocated memory by function while `task` runs, the dearest first. */
  async profile(task: () => Promise<void>): Promise<FunctionCount[]> {
    this.#do("P", "1");
    await task();
    this.#do("P", "0");
    return this.#do("Q")
      .toString()
      .trimEnd()
      .split("\n")
      .map(line => line.split(" "))
      .map(([computrons, slots, chunkBytes, ...name]) => ({
        name: name.join(" "),
        computrons: Number(computrons),
        slots: Number(slots),
        chunkBytes: Number(chunkBytes),
      }))
      .sort((a, b) => b.computrons - a.computrons);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    running.delete(this);
    this.#pipe.close(); // it reads the end of the pipe and ends
  }

  /** The pipes of a copy, which makes them; they are opened here and their names removed. */
  #branch(): FramePipe {
    const folder = mkdtempSync(path.join(tmpdir(), "hot-potato-xs-"));
    try {
      this.#do("B", folder);
      const pipe = new FramePipe(
        openSync(path.join(folder, "up"), "r"),
        openSync(path.join(folder, "down"), "w"),
      );
      pipe.send("H", 0, "");
      if (pipe.receive()?.kind !== ".") throw new XsError("XS: a copy ended at once");
      return pipe;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  #do(kind: string, body = ""): Buffer {
    if (this.#ended) throw new XsError("XS has ended");
    this.#send(kind, body);
    for (;;) {
      const frame = this.#pipe.receive();
      if (frame === undefined) {
        this.end();
        throw new XsError("XS has ended: see what it wrote to standard error");
      }
      if (frame.kind === ".") return frame.bytes;
      if (frame.kind === "!") throw new XsError(frame.bytes.toString());
      if (frame.kind === "X") {
        this.end();
        throw new XsAborted(frame.bytes.toString());
      }
      this.#answer(frame.bytes);
      if (this.#ended) throw new XsError("XS has ended: its board lost power during a call");
    }
  }

  #answer(question: Buffer): void {
    let answer: Uint8Array | string;
    try {
      const { words, body } = wordsOf(question);
      answer = this.#surroundings.answer(words, body);
    } catch (error) {
      const { name, message } = error as Error;
      this.#send("^", `${name}\0${message}`);
      return;
    }
    this.#send("/", answer);
  }

  #send(kind: string, body: Uint8Array | string): void {
    if (this.#ended) return;
    try {
      this.#pipe.send(kind, this.#surroundings.now(), body);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
      this.end();
      throw new XsError("XS has ended: see what it wrote to standard error");
    }
  }
}

/** Starts a process, and returns Node's end of its pipes. */
function startEngine({ slots, chunkBytes }: HeapSize, { program, under = [] }: Engine): FramePipe {
  const { near, far } = openPipes();
  const [command, ...words] = [...under, program, String(slots), String(chunkBytes)];
  const child = spawn(command, words, {
    stdio: ["ignore", "inherit", "inherit", ...far],
  });
  child.on("error", () => {}); // then the other ends of the pipes are closed, and the first call fails
  child.unref();
  for (const end of far) closeSync(end);
  return near;
}

/** Requests with a body of bytes, and the number of words before it. */
const WORDS_BEFORE_BODY: Readonly<Record<string, number>> = {
  write: 2,
  unread: 2,
  send: 4,
  log: 1,
  serial: 1,
  ask: 1,
  network: 2,
  peer: 2,
  datagram: 2,
};

function wordsOf(question: Buffer): { words: string[]; body: Buffer } {
  const first = question.indexOf(0);
  const word = question.toString("latin1", 0, first < 0 ? question.byteLength : first);
  const before = WORDS_BEFORE_BODY[word];
  if (before === undefined) return { words: question.toString().split("\0"), body: question };
  let end = first;
  for (let i = 1; i < before; i++) end = question.indexOf(0, end + 1);
  return {
    words: question.toString("latin1", 0, end).split("\0"),
    body: question.subarray(end + 1),
  };
}
