import net from "node:net";
import { start } from "../../../firmware/src/app.ts";
import { readConfig } from "../../../firmware/src/config/config.ts";
import { Board } from "../../src/board.ts";
import { unlimited } from "../../src/boards/unlimited.ts";
import { RealClock } from "../../src/clock.ts";

/** Our firmware with its default settings on an emulated board without a chip's limits. */

const backends: number[] = JSON.parse(process.argv[2]);
const outcome = readConfig({
  listeners: [{ port: 80, mode: process.argv[3] }],
  backends: backends.map(port => ({ address: "127.0.0.1", port })),
});
if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));

const board = new Board({
  kind: unlimited(),
  clock: new RealClock(),
  wire: net,
  random: Math.random,
  publish: () => ({ port: 0, host: "127.0.0.1" }),
  onListening: (_, { port }) => process.send!({ port }),
});
board.boot(platform => start(platform, outcome));
