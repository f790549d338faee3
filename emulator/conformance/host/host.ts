import net from "node:net";
import type { BoardKind } from "../../src/boards/kind.ts";
import { encode, Inbox, type Outcome, type ToBoard, type ToHost } from "../remote/messages.ts";
import { CasePeers } from "./peers.ts";

/** Time for a board to boot, join its network and connect. */
const BOARD_MS = 60_000;

/** More than the longest case takes. */
const CASE_MS = 60_000;

/** No board has connected to play a case. */
export class NoBoard extends Error {}

/**
 * The host of a remote test: sends each board the case to play, plays the peers of that case, and receives its
 * outcome.
 */
export class TestHost {
  #server: net.Server;
  #waiting: net.Socket[] = [];
  #welcome: { resolve: () => void; reject: (error: Error) => void } | undefined;

  static async open(address: string, port: number): Promise<TestHost> {
    const server = net.createServer({ noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, address, resolve);
    });
    return new TestHost(server);
  }

  private constructor(server: net.Server) {
    this.#server = server;
    server.on("connection", board => {
      board.on("error", () => {}); // a board may lose its power at any time; "close" follows
      this.#waiting.push(board);
      this.#welcome?.resolve();
    });
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Plays one case on the next board that asks for one. A board that stops is an outcome, too. */
  async play(name: string, place: number, numbers: BoardKind): Promise<Outcome> {
    return this.#talk({ type: "play", name, place, numbers });
  }

  /** Sends the next board the end of the run. */
  async end(cases: number): Promise<void> {
    const board = await this.#board();
    await new Promise<void>(resolve => board.end(encode({ type: "end", cases }), resolve));
  }

  /** No board will connect: ends the wait for one. */
  absent(why: string): void {
    this.#welcome?.reject(new NoBoard(`the board ended before it asked for a case: ${why}`));
  }

  close(): void {
    this.#server.close();
    for (const board of this.#waiting) board.destroy();
  }

  /** Boards that have closed their connection meanwhile are skipped. */
  async #board(): Promise<net.Socket> {
    for (;;) {
      const board = this.#waiting.shift();
      if (board === undefined) await this.#arrival();
      else if (!board.destroyed && !board.readableEnded) return board;
    }
  }

  async #arrival(): Promise<void> {
    const silence = new NoBoard(`no board has asked for a case for ${BOARD_MS} ms`);
    let alarm: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#welcome = { resolve, reject };
        alarm = setTimeout(reject, BOARD_MS, silence);
      });
    } finally {
      clearTimeout(alarm);
      this.#welcome = undefined;
    }
  }

  async #talk(play: ToBoard & { type: "play" }): Promise<Outcome> {
    const board = await this.#board();
    const peers = new CasePeers(board.localAddress!, board.remoteAddress!, (message, text) =>
      board.write(encode(message, text)),
    );
    try {
      return await new Promise<Outcome>(resolve => {
        const done = (outcome: Outcome) => {
          clearTimeout(alarm);
          resolve(outcome);
        };
        const failed = (seen: string) => done({ result: "not ok", seen });
        const alarm = setTimeout(failed, CASE_MS, `no outcome after ${CASE_MS} ms`);
        const inbox = new Inbox<ToHost>((message, text) => {
          if (message.type === "outcome") done(message);
          else peers.onRequest(message, text);
        });
        board.on("data", bytes => {
          try {
            inbox.push(bytes);
          } catch (error) {
            failed(`not one of our boards: ${error}`); // an unknown program has connected
          }
        });
        board.on("close", () => failed("the board ended"));
        board.write(encode(play));
      });
    } finally {
      peers.close();
      board.destroy();
    }
  }
}
