import { unlimited } from "../../src/boards/unlimited.ts";
import { configurationOf, FirmwareBoard } from "../firmware-board.ts";

/** The firmware with its default settings on an emulated board without a chip's limits. */

const backends: number[] = JSON.parse(process.argv[2]);
const board = new FirmwareBoard({
  kind: unlimited("own"),
  random: Math.random,
  publish: () => ({ port: 0, host: "127.0.0.1" }),
  onListening: (_, { port }) => process.send!({ port }),
});
board.bootFirmware(
  configurationOf({
    listeners: [{ port: 80, mode: process.argv[3] }],
    backends: backends.map(port => ({ address: "127.0.0.1", port })),
  }),
);
