import type { App } from "../../firmware/src/app.ts";
import type { Link } from "../../firmware/src/platform.ts";
import type { Firmware } from "../src/board.ts";
import type { BoardPlatform, Digital, Serial, SerialOptions } from "../src/platform.ts";
import { BoardSide } from "./board-side.ts";
import type { Engine } from "./engine.ts";
import { machineWith } from "./engine-snapshots.ts";
import { type HeapSize, type Machine, type Surroundings, XsAborted } from "./machine.ts";
import { type Look, remote } from "./remote.ts";

/** A program of the folder `programs`, ready to be booted by a board: each boot is a new machine. */
export interface XsProgram {
  readonly boot: Firmware;
  /** The running program. */
  readonly machine: Machine;
  /** Calls a command of the running program. */
  call(name: string, value?: unknown): string;
}

/** The network as a program knows it: it changes with the command `network`. */
export interface EngineNetworkState
  extends Pick<
    Link,
    "kind" | "address" | "mac" | "interfaceState" | "dnsServers" | "rssi" | "ssid"
  > {
  /** The program chooses its address. */
  readonly isConfigurable: boolean;
}

function networkOf(link: Link): EngineNetworkState {
  const { kind, address, mac, interfaceState, dnsServers, rssi, ssid } = link;
  const isConfigurable = link.configure !== undefined;
  return { kind, address, mac, interfaceState, dnsServers, rssi, ssid, isConfigurable };
}

/** The values that a program gets from the board at its start. */
interface Start {
  readonly network: EngineNetworkState;
  readonly connectionsMax: number;
  readonly closesListeners: boolean;
  readonly multicast: boolean;
}

/** An engine with sockets of its own, and the network that they are plugged into: emulator/lwip. */
export interface OwnSockets {
  readonly engine: Engine;
  /** A program boots; the result is the platform for it. */
  boot(machine: Machine, platform: BoardPlatform): BoardPlatform;
  /** Answers what the engine asks; `undefined`: the question is not about sockets. */
  answer(words: readonly string[], body: Buffer): string | undefined;
  /** The program ends. */
  end(): void;
}

/**
 * `settings` go to the program's command `start`, together with the board's values. Without `sockets` the program has those of the
 * emulated board.
 */
export function xsProgram(
  name: string,
  settings: object,
  heap?: HeapSize | "chip",
  sockets?: OwnSockets,
): XsProgram {
  let machine: Machine | undefined;
  const call = (command: string, value?: unknown) =>
    machine!.command(JSON.stringify([command, value]));
  return {
    boot(board: BoardPlatform) {
      let platform = board;
      const network = () => networkOf(platform.link);
      const side = new BoardSide({
        platform: () => platform,
        machine: () => machine!,
        onRequest: question => answer(question),
      });
      let serial: Serial | undefined;
      const openSerial = (options: object) => {
        serial = new board.Serial({
          ...(options as SerialOptions),
          onReadable: bytes => call("serial-readable", bytes),
          onWritable: bytes => call("serial-writable", bytes),
        });
        return serial;
      };
      const answer = answers(board, openSerial);
      const answerRequest: Surroundings["answer"] = (words, body) => {
        if (words[0] !== "serial") return sockets?.answer(words, body) ?? side.answer(words, body);
        serial!.write(body);
        return "";
      };
      const surroundings = { now: board.clock.now, answer: answerRequest };
      const kind = sockets !== undefined || hasOwnSockets(board) ? "own" : "sdk";
      machine = machineWith(name, surroundings, heap, sockets?.engine, kind, board.creation);
      platform = sockets?.boot(machine, board) ?? board;
      const { link, connectionsMax, closesListeners, multicast } = platform;
      onAbort(platform, machine);
      platform.onEnd(() => {
        sockets?.end();
        machine!.end();
      });
      const start: Start = { network: network(), connectionsMax, closesListeners, multicast };
      call("start", { ...settings, ...start });
      // A link of this process may change inside a request of the program, which no command may interrupt.
      const changed = () => call("network", network());
      link.watch(link.configure === undefined ? changed : () => board.clock.after(0, changed));
    },
    get machine() {
      return machine!;
    },
    call,
  };
}

function hasOwnSockets({ TCP }: BoardPlatform): boolean {
  return "end" in TCP.prototype;
}

/** The program logs why it ends, unless XS has ended first and has logged it. */
export function onAbort(platform: BoardPlatform, machine: Machine): void {
  platform.onAbort((reason, exception) => {
    if (exception instanceof XsAborted) platform.log(exception.message);
    else machine.abort(reason);
  });
}

/**
 * Answers the requests of a program that are not about sockets and time: a word and its arguments, in JSON.
 */
function answers(platform: BoardPlatform, openSerial: (options: object) => Serial) {
  const open = (path: string) => platform.storage.open({ path, mode: "r+", format: "string" });
  let serial: Serial;
  const pins = new Map<string, Digital>();
  return (question: string): string => {
    const [what, ...args] = JSON.parse(question) as [string, ...string[]];
    switch (what) {
      case "random":
        return String(platform.random());
      case "reset-reason":
        return platform.vitals.resetReason;
      case "free-heap":
        return String(platform.vitals.freeHeapBytes);
      case "storage-bytes":
        return String(platform.vitals.storageBytes);
      case "configure":
        platform.link.configure?.(JSON.parse(args[0]));
        return "";
      case "rejoin":
        platform.link.rejoin?.();
        return "";
      case "read":
        return JSON.stringify(open(args[0]).read(args[1]) ?? null);
      case "write":
        open(args[0]).write(args[1], args[2]);
        return "";
      case "delete":
        open(args[0]).delete(args[1]);
        return "";
      case "pin-open": {
        const [pin, mode, initialValue] = args.map(Number);
        pins.set(args[0], new platform.Digital({ pin, mode, initialValue }));
        return "";
      }
      case "pin-write":
        pins.get(args[0])!.write(Number(args[1]));
        return "";
      case "pin-close":
        pins.get(args[0])!.close();
        return "";
      case "serial-open":
        serial = openSerial(JSON.parse(args[0]));
        return "";
      case "serial-read": {
        const into = Buffer.alloc(Number(args[0]));
        return into.toString("latin1", 0, serial.read(into) ?? 0);
      }
      default:
        throw new Error(`not emulated: "${what}" of a program on XS`);
    }
  };
}

export interface XsFirmware extends XsProgram {
  /** The running app, as a proxy: each use asks the engine. */
  readonly app: App;
}

/** The firmware with a configuration document, on the real XS engine with the chip's heap. */
export function xsFirmware(
  { document }: { document: object },
  options: object = {},
  sockets?: OwnSockets,
): XsFirmware {
  const program = xsProgram("proxy", { document, options }, "chip", sockets);
  const look: Look = (path, args, whole) => JSON.parse(program.call("look", { path, args, whole }));
  const app = remote(look) as App;
  return {
    app,
    boot: program.boot,
    call: program.call,
    get machine() {
      return program.machine;
    },
  };
}
