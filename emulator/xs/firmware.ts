import type { Firmware } from "../src/board.ts";
import type { BoardPlatform } from "../src/platform.ts";
import { BoardSide } from "./board-side.ts";
import { type HeapSize, type Machine, type Surroundings, XsAborted } from "./machine.ts";
import { machineWith } from "./nursery.ts";
import { remote } from "./remote.ts";

/** A program of the folder `programs`, ready to be booted by a board: each boot is a new machine. */
export interface XsProgram {
  readonly boot: Firmware;
  /** What runs now. */
  readonly machine: Machine;
  /** Gives the running program one of its commands. */
  tell(name: string, value?: unknown): string;
}

/** What the board says to a program that starts. */
interface Start {
  readonly network: { readonly address: string | undefined; readonly rssi: number };
  readonly connectionsMax: number;
}

/** `settings` go to the program's command `start`, with what the board has to say. */
export function xsProgram(name: string, settings: object, heap?: HeapSize): XsProgram {
  let machine: Machine | undefined;
  const tell = (command: string, value?: unknown) =>
    machine!.command(JSON.stringify([command, value]));
  return {
    boot(platform: BoardPlatform) {
      const { clock, link, connectionsMax } = platform;
      const network = () => ({ address: link.address, rssi: link.rssi });
      const side = new BoardSide({
        platform: () => platform,
        machine: () => machine!,
        asked: question => answerTo(platform, question),
      });
      const answer: Surroundings["answer"] = (words, body) => side.answer(words, body);
      machine = machineWith(name, { now: clock.now, answer }, heap);
      onAbort(platform, machine);
      platform.onEnd(() => machine!.end());
      const start: Start = { network: network(), connectionsMax };
      tell("start", { ...settings, ...start });
      link.watch(() => tell("network", network()));
    },
    get machine() {
      return machine!;
    },
    tell,
  };
}

/** The program says why it ends, unless XS has ended first: that says so itself. */
export function onAbort(platform: BoardPlatform, machine: Machine): void {
  platform.onAbort((reason, exception) => {
    if (exception instanceof XsAborted) platform.log(exception.message);
    else machine.abort(reason);
  });
}

/** What a program asks of its board beside sockets and time: a word and its arguments, in JSON. */
function answerTo(platform: BoardPlatform, question: string): string {
  const [what, ...args] = JSON.parse(question) as [string, ...string[]];
  const open = () => platform.storage.open({ path: args[0], mode: "r+", format: "string" });
  switch (what) {
    case "random":
      return String(platform.random());
    case "reset-reason":
      return platform.vitals.resetReason;
    case "free-heap":
      return String(platform.vitals.freeHeapBytes);
    case "read":
      return JSON.stringify(open().read(args[1]) ?? null);
    case "write":
      open().write(args[1], args[2]);
      return "";
    case "delete":
      open().delete(args[1]);
      return "";
    default:
      throw new Error(`not emulated: "${what}" of a program on XS`);
  }
}

export interface XsFirmware extends XsProgram {
  /** The running app, `App` of the firmware, for whoever looks into it. */
  readonly app: object;
}

/** Our firmware with a configuration document, on the real XS engine. */
export function xsFirmware(
  document: object,
  { token, build, heap }: { token?: string; build?: string; heap?: HeapSize } = {},
): XsFirmware {
  const program = xsProgram("proxy", { document, options: { token, build } }, heap);
  const app = remote((path, args) => JSON.parse(program.tell("look", { path, args })));
  return {
    app,
    boot: program.boot,
    tell: program.tell,
    get machine() {
      return program.machine;
    },
  };
}
