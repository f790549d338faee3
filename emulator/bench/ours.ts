import net from "node:net";
import { start } from "../../firmware/src/app.ts";
import { readConfig } from "../../firmware/src/config.ts";
import { Board } from "../src/board.ts";
import { unlimited } from "../src/boards/unlimited.ts";
import { RealClock } from "../src/clock.ts";
import type { Wire } from "../src/io/wire.ts";

/** Our firmware with its default settings on an emulated board without a chip's limits. */

const backends: number[] = JSON.parse(process.argv[2]);
const outcome = readConfig({
  listeners: [{ port: 80, mode: process.argv[3] }],
  backends: backends.map(port => ({ address: "127.0.0.1", port })),
});
if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));

let published: net.Server | undefined;
const wire: Wire = {
  connect: options => net.connect(options),
  createServer: options => {
    published = net.createServer(options);
    published.on("listening", () => {
      process.send!({ port: (published!.address() as net.AddressInfo).port });
    });
    return published;
  },
};
const board = new Board({
  kind: unlimited(),
  clock: new RealClock(),
  wire,
  publish: () => ({ port: 0, host: "127.0.0.1" }),
});
board.boot(platform => start(platform, outcome.config));
