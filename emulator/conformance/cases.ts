import { board } from "./cases/board.ts";
import { close } from "./cases/close.ts";
import { connect } from "./cases/connect.ts";
import { from } from "./cases/from.ts";
import { hangup } from "./cases/hangup.ts";
import { listener } from "./cases/listener.ts";
import { options } from "./cases/options.ts";
import { own } from "./cases/own.ts";
import { read } from "./cases/read.ts";
import { udp } from "./cases/udp.ts";
import { write } from "./cases/write.ts";
import type { Case } from "./target.ts";

/** How the sockets of the ESP32 behave, one behaviour per case: first the SDK's, then what only the firmware's own do, then UDP. */
export const CASES: readonly Case[] = [
  ...options,
  ...connect,
  ...read,
  ...write,
  ...hangup,
  ...close,
  ...listener,
  ...from,
  ...board,
  ...own,
  ...udp,
];
