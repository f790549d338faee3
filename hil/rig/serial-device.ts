import { randomBytes } from "node:crypto";
import { ADMIN_PORT, AdminClient } from "../../emulator/proxy/workbench/admin-client.ts";
import type { GatewayDocument, Need } from "../kit/target.ts";
import type { RigBoard } from "./board.ts";
import { BoardError } from "./board-error.ts";
import type { Device } from "./device.ts";
import type { PlayedBoard } from "./run.ts";
import { SerialConsole } from "./serial-console.ts";

/** Size of the random token for changes, which is valid until the board's next reset. */
const TOKEN_BYTES = 18;

export interface SerialDeviceOptions {
  readonly board: RigBoard;
  /** The board's name and how it is reached. */
  readonly played: PlayedBoard;
  /** Address of a port of the board; by default at the board's own address. */
  readonly addressOf?: (boardPort: number) => { readonly host: string; readonly port: number };
}

/** A board on a serial line, and in the network once it has logged its address. */
export class SerialDevice implements Device {
  readonly offers: readonly Need[] = ["reset", "status", "serial", "budgets", "half-close"];
  readonly board: RigBoard;
  #options: SerialDeviceOptions;
  #serialConsole: SerialConsole;
  #token = randomBytes(TOKEN_BYTES).toString("base64url");
  /** Number of the boot in which the token was set. */
  #tokenBoot = 0;

  constructor(options: SerialDeviceOptions) {
    this.#options = options;
    this.board = options.board;
    this.#serialConsole = new SerialConsole(options.board);
  }

  get admin(): AdminClient {
    // The board's address may change when it joins its Wi-Fi again.
    return new AdminClient({ ...this.addressOf(ADMIN_PORT), token: this.#token });
  }

  get onEvent(): (line: string) => void {
    return this.board.onEvent;
  }

  set onEvent(onEvent: (line: string) => void) {
    this.board.onEvent = onEvent;
  }

  played(): PlayedBoard {
    const { address, version, build } = this.board;
    const firmware = build === undefined ? version : `${version} build ${build}`;
    return { ...this.#options.played, address, firmware };
  }

  addressOf(boardPort: number): { host: string; port: number } {
    const { addressOf = port => ({ host: this.board.address!, port }) } = this.#options;
    return addressOf(boardPort);
  }

  async ready(): Promise<void> {
    await this.board.to("serving");
    if (this.#tokenBoot === this.board.boots) return;
    await this.type(`temporary-token ${this.#token}`);
    this.#tokenBoot = this.board.boots;
  }

  async configure(document: GatewayDocument): Promise<GatewayDocument> {
    await this.ready();
    const outcome = await this.admin.change("/api/config?persist=no", document);
    if ("complaints" in outcome) {
      throw new BoardError(
        "firmware",
        `the board refuses a document: ${outcome.complaints.join("; ")}`,
      );
    }
    return document;
  }

  async reset(): Promise<void> {
    await this.board.reset();
    await this.ready();
  }

  async answers(): Promise<boolean> {
    try {
      await this.#serialConsole.type("heap");
      return true;
    } catch (error) {
      if (error instanceof BoardError) return false;
      throw error;
    }
  }

  async type(command: string): Promise<readonly string[]> {
    const answer = await this.#serialConsole.type(command);
    const last = answer.at(-1) ?? "";
    if (last.startsWith("error")) throw new BoardError("firmware", `at the console: ${last}`);
    return answer;
  }

  /** Resets the board, which ends the token and the configuration of the run. */
  async release(): Promise<void> {
    if (this.board.link.open) await this.board.reset();
    await this.board.release();
  }
}
