import { resolverOf } from "../proxy/shared-state.ts";
import { TimeClient, type TimeStatus } from "../time/time-client.ts";
import type { BoardNameParts } from "./board-name.ts";

/** The time of day. Its client is made when the configuration has a server and the board UDP. */
export class BoardTime {
  #parts: BoardNameParts;
  #client: TimeClient | undefined;

  constructor(parts: BoardNameParts) {
    this.#parts = parts;
  }

  /** `null` where no server is configured. */
  get status(): TimeStatus | null {
    return this.#client?.status ?? null;
  }

  /** To be called when the network or the configuration has changed. */
  update(): void {
    const { platform, proxy, report } = this.#parts;
    const { time } = proxy.config;
    if (this.#client === undefined) {
      if (platform.UDP === undefined || time.server === "") return;
      this.#client = new TimeClient(
        { platform, report, resolver: () => resolverOf(proxy.shared) },
        time,
      );
    }
    this.#client.update(time);
  }

  stop(): void {
    this.#client?.stop();
  }
}
