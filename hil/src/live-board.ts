import net from "node:net";
import { Board } from "../../emulator/src/board.ts";
import { RealClock } from "../../emulator/src/clock.ts";
import { type LogLine, parseLine } from "../../firmware/src/admin/event.ts";
import { type App, start } from "../../firmware/src/app.ts";
import { readConfig } from "../../firmware/src/config.ts";
import { mendedBoard } from "./lab.ts";

/** An emulated board on this computer's loopback network, with its chip's limits. */
export interface LiveBoard {
  /** Where its port 80 is found. */
  readonly port: number;
  readonly app: App;
  /** What it wrote to its console. */
  readonly lines: readonly string[];
  /** Requests that it logged. */
  readonly requests: LogLine[];
  /** Lines that tell of an error of its own, or of its end. */
  readonly faults: string[];
  /** Waits for a line of its log. */
  until(is: (line: LogLine) => boolean): Promise<void>;
  /** Pulls its plug. */
  stop(): void;
}

/** What a line is that the firmware did not write. */
const NO_EVENT: LogLine = { level: "I", ms: 0, on: "", values: {} };

/** Boots our firmware in front of backends on these ports; ready when it is returned. */
export async function startBoard(
  backends: readonly number[],
  settings: object = {},
): Promise<LiveBoard> {
  const outcome = readConfig({
    backends: backends.map(port => ({ address: "127.0.0.1", port })),
    health: { check: "none" },
    ...settings,
  });
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));

  const lines: string[] = [];
  const watchers = new Set<() => void>();
  let app: App | undefined;
  const { board, port } = await new Promise<{ board: Board; port: number }>((resolve, reject) => {
    const board = new Board({
      kind: { ...mendedBoard(), joinMs: 0 },
      clock: new RealClock(),
      wire: net,
      publish: () => ({ port: 0, host: "127.0.0.1" }),
      onListening: (_, { port }) => resolve({ board, port }),
      onLine: line => {
        lines.push(line);
        for (const look of watchers) look();
      },
      onWireError: reject,
    });
    board.boot(platform => {
      app = start(platform, outcome.config);
    });
  });
  return {
    port,
    app: app!,
    lines,
    get requests() {
      return lines.flatMap(line => parseLine(line) ?? []).filter(({ on }) => on === "http");
    },
    get faults() {
      return lines.filter(line => parseLine(line)?.level === "E" || !parseLine(line));
    },
    until: is =>
      new Promise(resolve => {
        const look = () => {
          if (!lines.some(line => is(parseLine(line) ?? NO_EVENT))) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
    stop: () => board.unplug(),
  };
}
