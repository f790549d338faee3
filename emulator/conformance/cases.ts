import { board } from "./cases/board.ts";
import { close } from "./cases/close.ts";
import { connect } from "./cases/connect.ts";
import { from } from "./cases/from.ts";
import { hangup } from "./cases/hangup.ts";
import { listener } from "./cases/listener.ts";
import { options } from "./cases/options.ts";
import { read } from "./cases/read.ts";
import { write } from "./cases/write.ts";
import type { Case } from "./target.ts";

/** How the sockets of the ESP32 port behave, one behaviour per case. */
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
];
