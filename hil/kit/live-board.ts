import { seeded } from "net-mock-socket";
import { Waits } from "../../backends/src/waits.ts";
import {
  configurationOf,
  FirmwareBoard,
  mendedBoard,
} from "../../emulator/proxy/firmware-board.ts";
import type { Wire } from "../../emulator/src/io/wire.ts";
import { reservePort } from "../../emulator/src/reserved-port.ts";
import type { App } from "../../firmware/src/app.ts";
import { type LogLine, parseLine } from "../../firmware/tools/log-line.ts";
import { CLIENT_SESSIONS_MAX } from "./emulated-lab.ts";

/** An emulated board on this computer's loopback network, with its chip's limits. */
export interface LiveBoard {
  /** Where its port 80 is found, also after a reset. */
  readonly port: number;
  /** Where its admin port is found. */
  readonly adminPort: number;
  readonly board: FirmwareBoard;
  readonly app: App;
  /** Lines of its console. */
  readonly lines: readonly string[];
  /** Requests that it logged. */
  readonly requests: LogLine[];
  /** Lines that report an internal error, or the end. */
  readonly faults: string[];
  /** Waits for a line of its log. */
  until(is: (line: LogLine) => boolean): Promise<void>;
  /** Presses its button; it serves again when the promise resolves. */
  reset(): Promise<void>;
  /** Pulls its plug. */
  stop(): void;
}

const HOST = "127.0.0.1";

/** Stands for a line that the firmware did not write. */
const NO_EVENT: LogLine = { level: "I", ms: 0, on: "", values: {} };

/**
 * Boots our firmware in front of backends on these ports; ready when it is returned. `onLine` is called with
 * each line of its console; `wire` is another network than the computer's own.
 */
export async function startBoard(
  backends: readonly number[],
  settings: object = {},
  onLine: (line: string) => void = () => {},
  kind = mendedBoard(),
  wire?: Wire,
): Promise<LiveBoard> {
  const configuration = configurationOf({
    backends: backends.map(port => ({ address: HOST, port })),
    health: { check: "none" },
    clientSessionsMax: CLIENT_SESSIONS_MAX, // all clients are on this computer
    ...settings,
  });
  const lines: string[] = [];
  const waits = new Waits();
  const { listeners, adminPort } = configuration.config;
  const [{ port: mainPort }] = listeners;
  /** By the board's ports: those of this computer, which it has again after a reset. */
  const reserved = new Map([
    [mainPort, await reservePort(HOST)],
    [adminPort, await reservePort(HOST)],
  ]);
  const open = new Set<number>();
  let listening = () => {};
  let failed = (_: Error) => {};
  const serving = () =>
    new Promise<void>((resolve, reject) => {
      listening = resolve;
      failed = reject;
    });
  const board = new FirmwareBoard({
    kind: { ...kind, joinMs: 0 },
    random: seeded(1),
    ...(wire && { wire }),
    publish: boardPort => ({ port: reserved.get(boardPort)?.port ?? 0, host: HOST }),
    onListening: boardPort => {
      open.add(boardPort);
      if (open.has(mainPort) && open.has(adminPort)) listening();
    },
    onLine: line => {
      lines.push(line);
      waits.changed();
      onLine(line);
    },
    onWireError: error => failed(error),
  });
  const first = serving();
  board.bootFirmware(configuration);
  await first;
  return {
    port: reserved.get(mainPort)!.port,
    adminPort: reserved.get(adminPort)!.port,
    board,
    get app() {
      return board.app!;
    },
    lines,
    get requests() {
      return lines.flatMap(line => parseLine(line) ?? []).filter(({ on }) => on === "http");
    },
    get faults() {
      return lines.filter(line => parseLine(line)?.level === "E" || !parseLine(line));
    },
    until: is =>
      new Promise(resolve => {
        const isLogged = () => lines.some(line => is(parseLine(line) ?? NO_EVENT)) || undefined;
        waits.until(isLogged, () => resolve());
      }),
    reset() {
      open.clear();
      const again = serving();
      board.reset();
      return again;
    },
    stop() {
      board.unplug();
      for (const { release } of reserved.values()) release();
    },
  };
}
