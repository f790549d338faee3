import net from "node:net";
import type { BoardKind } from "../../src/boards/kind.ts";
import { encode, Inbox, type Outcome, type ToBoard, type ToHost } from "../remote/messages.ts";
import { CasePeers } from "./peers.ts";

/** From its start, a board has this long to join its network and to connect. */
const BOARD_MS = 60_000;

/** More than the longest case may take with all that it waits for. */
const CASE_MS = 60_000;

/** There is nobody to play a case. */
export class NoBoard extends Error {}

/**
 * The other end of every board: tells it which case to play, plays the peers of that case, and
 * hears how it went.
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
      board.on("error", () => {}); // boards lose their power amid a sentence; "close" follows
      this.#waiting.push(board);
      this.#welcome?.resolve();
    });
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Plays one case on the next board that asks for one. What ends the board is an outcome, too. */
  async play(name: string, place: number, numbers: BoardKind): Promise<Outcome> {
    return this.#talk({ say: "play", name, place, numbers });
  }

  /** Tells the next board that there is nothing more to play. */
  async end(cases: number): Promise<void> {
    const board = await this.#board();
    await new Promise<void>(resolve => board.end(encode({ say: "end", cases }), resolve));
  }

  /** The board will not come: whoever waits for it waits no longer. */
  absent(why: string): void {
    this.#welcome?.reject(new NoBoard(`the board ended before it asked for a case: ${why}`));
  }

  close(): void {
    this.#server.close();
    for (const board of this.#waiting) board.destroy();
  }

  /** Boards that have hung up meanwhile are passed over. */
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

  async #talk(play: ToBoard & { say: "play" }): Promise<Outcome> {
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
          if (message.say === "outcome") done(message);
          else peers.onRequest(message, text);
        });
        board.on("data", bytes => {
          try {
            inbox.push(bytes);
          } catch (error) {
            failed(`no board of ours: ${error}`); // whoever found the port open
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
