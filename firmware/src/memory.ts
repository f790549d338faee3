import type { Report } from "./admin/event.ts";
import type { Cancel, Platform } from "./platform.ts";

/** How fast clients fill memory: about what this engine forwards on the chip; to be measured. */
const BYTES_PER_MS = 300;

/** The shortest time between two looks. */
const LOOK_MIN_MS = 20;

/**
 * Memory that is kept free of clients: below it newcomers are refused, below half of it somebody has to
 * go. A board that runs out drops what the radio brings, and breaks whoever writes next. Twice what
 * comes between two looks.
 */
export const MEMORY_RESERVE_BYTES = 2 * LOOK_MIN_MS * BYTES_PER_MS;

/** Who can give memory back. */
export interface Tenants {
  readonly sessions: number;
  /** Lets go of what nobody would miss. */
  spare(): void;
  /** Ends the session that holds most; false when there is none. */
  shed(): boolean;
}

/**
 * Keeps the machine from running out of memory. Each session may fill its sockets' buffers both ways when
 * its peers stop reading, and they hold more together than the chip has: the plan in `README.md` says how
 * many it carries then.
 */
export class Memory {
  /** Clients that were refused for it. */
  refused = 0;
  /** Sessions that were ended for it. */
  shed = 0;
  #platform: Platform;
  #report: Report;
  #tenants: Tenants;
  #low = false;
  #alarm: Cancel | undefined;

  constructor(platform: Platform, report: Report, tenants: Tenants) {
    this.#platform = platform;
    this.#report = report;
    this.#tenants = tenants;
  }

  /** Too little was left when it was looked last: a burst that is served at once does no harm. */
  get low(): boolean {
    return this.#low;
  }

  /** Looks again and again, the sooner the less is left. */
  watch(): void {
    const free = this.#free;
    if (free === undefined || this.#alarm !== undefined) return;
    const leftMs = Math.round((free - MEMORY_RESERVE_BYTES) / BYTES_PER_MS);
    this.#alarm = this.#platform.clock.after(Math.max(LOOK_MIN_MS, leftMs), this.#ring);
  }

  /** Nobody is left whom it could concern. */
  rest(): void {
    this.#alarm?.();
    this.#alarm = undefined;
    this.#judge();
  }

  /** `undefined` where memory has no limit that means anything. */
  get #free(): number | undefined {
    return this.#platform.vitals.freeHeapBytes;
  }

  #ring = () => {
    this.#alarm = undefined;
    this.#look();
    if (this.#tenants.sessions > 0) this.watch();
  };

  #look(): void {
    this.#judge();
    if (!this.#low) return;
    this.#tenants.spare();
    while (this.#free! < MEMORY_RESERVE_BYTES / 2 && this.#tenants.shed()) this.shed++;
  }

  #judge(): void {
    const free = this.#free;
    if (free === undefined) return;
    const low = free < MEMORY_RESERVE_BYTES;
    if (low === this.#low) return;
    this.#low = low;
    const level = low ? "W" : "I";
    this.#report({ level, on: "proxy", what: low ? "memory-low" : "memory-enough", free });
  }
}
