import {
  ADMIN_PORT,
  type AdminAddress,
  AdminClient,
} from "../../emulator/proxy/workbench/admin-client.ts";
import type { GatewayDocument, Need } from "../kit/target.ts";
import { BoardError } from "./board-error.ts";
import type { Device } from "./device.ts";
import type { PlayedBoard } from "./run.ts";

/**
 * Interval at which the board's last events are read; its log keeps more events than a scenario makes in that
 * time.
 */
const EVENTS_MS = 100;

/** A board without a serial line, reached through its admin port: the rig polls its log and cannot reset it. */
export class AddressDevice implements Device {
  readonly admin: AdminClient;
  onEvent: (line: string) => void = () => {};
  #address: AdminAddress;
  #onLine: (line: string) => void;
  #version: string | undefined;
  /** The board's sockets are the firmware's own; known once the board has answered. */
  #halfCloses = false;
  /** The configuration that the board had when the run began. */
  #own: GatewayDocument | undefined;
  #asking: NodeJS.Timeout | undefined;
  #released = false;

  /** `onLine` gets every line of the log, `onEvent` only those that belong to the scenario. */
  constructor(address: AdminAddress, onLine: (line: string) => void) {
    this.#address = address;
    this.#onLine = onLine;
    this.admin = new AdminClient(address);
  }

  get offers(): readonly Need[] {
    return this.#halfCloses ? ["status", "half-close"] : ["status"];
  }

  played(): PlayedBoard {
    const { host, port } = this.#address;
    const identity = `${host}:${port}`;
    return { kind: "address", identity, address: host, firmware: this.#version };
  }

  addressOf(boardPort: number): { host: string; port: number } {
    const { host, port } = this.#address;
    return { host, port: boardPort === ADMIN_PORT ? port : boardPort };
  }

  async ready(): Promise<void> {
    try {
      const { version, sockets } = await this.admin.status();
      this.#version = version;
      this.#halfCloses = sockets.halfClose;
      this.#own ??= (await this.admin.document()) as GatewayDocument;
      if (this.#asking === undefined) await this.#ask();
    } catch (error) {
      const { host, port } = this.#address;
      const why = `no answer at the admin port ${host}:${port}: ${(error as Error).message}`;
      throw new BoardError("rig", why, { cause: error });
    }
  }

  async configure(given: GatewayDocument): Promise<GatewayDocument> {
    await this.ready();
    // The board may use other ports of this machine, which others hold: only those of its own configuration are
    // safe.
    const document = { listeners: this.#own!.listeners, ...given };
    const outcome = await this.admin.change("/api/config?persist=no", document);
    if ("complaints" in outcome) {
      throw new BoardError("rig", `the board refuses a document: ${outcome.complaints.join("; ")}`);
    }
    return document;
  }

  async release(): Promise<void> {
    this.#released = true;
    clearTimeout(this.#asking);
    if (this.#own === undefined) return;
    const outcome = await this.admin.change("/api/config?persist=no", this.#own);
    if ("complaints" in outcome) throw new BoardError("rig", outcome.complaints.join("; "));
  }

  async #ask(): Promise<void> {
    for (const line of await this.admin.newEvents()) {
      this.#onLine(line);
      this.onEvent(line);
    }
    this.#askLater();
  }

  #askLater(): void {
    if (this.#released) return;
    // A board that does not answer in time is asked again; the scenario waits for its events.
    this.#asking = setTimeout(() => void this.#ask().catch(() => this.#askLater()), EVENTS_MS);
  }
}
