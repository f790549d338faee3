import { resolverOf } from "../proxy/shared-state.ts";
import { type Offset, TimeClient, type TimeStatus } from "../time/time-client.ts";
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

  get startedMs(): number | undefined {
    return this.#client?.startedMs;
  }

  /** How many seconds the board's time zone has been ahead of UTC since its start; none while the time is not known. */
  get offsets(): readonly Offset[] {
    return this.#client?.offsets ?? [];
  }

  /** Lines of the log, each behind its time of day where the board knows it: `2026-11-30 23:05:00 I (12345) …`. */
  timed(lines: Iterable<string>): string[] {
    const { offsets, startedMs } = this;
    if (startedMs === undefined) return [...lines];
    return Array.from(lines, line => {
      const ms = Number(line.slice(line.indexOf("(") + 1, line.indexOf(")")));
      const { offsetS } = offsets.findLast(({ fromMs }) => fromMs <= ms) ?? offsets[0];
      const local = new Date(startedMs + ms + offsetS * 1000).toISOString();
      return `${local.slice(0, 10)} ${local.slice(11, 19)} ${line}`;
    });
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
