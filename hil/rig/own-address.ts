import net from "node:net";
import { BoardError } from "./board-error.ts";

/** In a home network a connection is made within a second or not at all. */
const CONNECT_MS = 5_000;

/** This computer's address in the network of `there`; rejects with `BoardError`. */
export function addressTowards(there: { host: string; port: number }): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ ...there, timeout: CONNECT_MS }, () => {
      resolve(socket.localAddress!);
      socket.destroy();
    });
    const fail = (why: string) => {
      socket.destroy();
      const where = `${there.host}:${there.port}`;
      reject(
        new BoardError("rig", `the board serves, and ${where} cannot be reached from here: ${why}`),
      );
    };
    socket.on("timeout", () => fail(`nothing for ${CONNECT_MS / 1000} s`));
    socket.on("error", error => fail(error.message));
  });
}
