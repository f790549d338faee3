import { unlimited } from "../../src/boards/unlimited.ts";
import { configurationOf, FirmwareBoard } from "../firmware-board.ts";

/**
 * The firmware on an emulated board without a chip's limits. The third argument is `log.requests`, of which the default is "all"; the
 * other settings have their defaults.
 */

const [backends, mode, requests] = [JSON.parse(process.argv[2]), process.argv[3], process.argv[4]];
const board = new FirmwareBoard({
  kind: unlimited("own"),
  random: Math.random,
  publish: () => ({ port: 0, host: "127.0.0.1" }),
  onListening: (_, { port }) => process.send!({ port }),
});
board.bootFirmware(
  configurationOf({
    listeners: [{ port: 80, mode }],
    backends: backends.map((port: number) => ({ address: "127.0.0.1", port })),
    log: { requests },
  }),
);
