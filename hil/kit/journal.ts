import { Waits } from "../../backends/src/waits.ts";
import type { Clock } from "../../emulator/src/clock.ts";
import type { Event } from "../../firmware/src/log/event.ts";
import { type LogLine, parseLine } from "../../firmware/tools/log-line.ts";

/** Lines that a failure prints. */
const PRINTED_LINES = 40;

/** Entries that are kept; a bound for boards that flood their console. */
const ENTRIES_MAX = 10_000;

/** Keys and values that an event must have: `{ on: "session", what: "end", why: "keyword" }`. */
export type EventPattern = Event extends infer E
  ? E extends Event
    ? Partial<E> & Pick<E, "on">
    : never
  : never;

/** A pattern for events, or a predicate. */
export type Wanted = EventPattern | ((line: LogLine) => boolean);

interface Entry {
  readonly ms: number;
  readonly text: string;
}

/** The events of a scenario, with the target's time: the board's log, clients, backends. */
export class Journal {
  /** The board's events, the oldest first. */
  readonly events: LogLine[] = [];
  /** Lines that report a bug or a crash. */
  readonly faults: string[] = [];
  /** Lines of requests and sessions that the board says it did not send. */
  dropped = 0;
  /** The event that the scenario currently waits for. */
  readonly waits = new Set<string>();
  #clock: Pick<Clock, "now">;
  #onNote: (text: string) => void;
  #entries: Entry[] = [];
  /** Events before it have been awaited. */
  #cursor = 0;
  #waits = new Waits();

  /** `onNote` is called with what clients and backends do, not with the board's lines. */
  constructor(clock: Pick<Clock, "now">, onNote: (text: string) => void = () => {}) {
    this.#clock = clock;
    this.#onNote = onNote;
  }

  /** Records what a client or a backend did. */
  note(text: string): void {
    this.#onNote(text);
    this.#enter(text);
  }

  /** A line of the board's console. */
  line(line: string): void {
    this.#enter(line);
    const event = parseLine(line);
    if (event === undefined || event.level === "E") this.faults.push(line);
    if (event === undefined) return;
    if (event.on === "log" && event.what === "dropped")
      this.dropped += Number(event.values.requests);
    this.events.push(event);
    this.#waits.changed();
  }

  /** Waits for the next matching event after the one that was awaited last. */
  until(wanted: Wanted): Promise<LogLine> {
    return this.waiting(
      `the log to tell ${typeof wanted === "function" ? wanted : JSON.stringify(wanted)}`,
      resolve => this.#waits.until(() => this.#next(wanted), resolve),
    );
  }

  /** Waits until `count` matching events of requests or sessions have been logged, awaited or not, or were dropped. */
  untilAll(count: number, wanted: Wanted): Promise<void> {
    return this.waiting(`the log to tell ${count} times ${JSON.stringify(wanted)}`, resolve => {
      const areThere = () => this.all(wanted).length + this.dropped >= count || undefined;
      this.#waits.until(areThere, () => resolve());
    });
  }

  /** Such events so far, awaited or not. */
  all(wanted: Wanted): LogLine[] {
    return this.events.filter(event => matches(event, wanted));
  }

  /** A promise whose description is printed if the scenario never ends. */
  async waiting<T>(
    what: string,
    begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  ): Promise<T> {
    this.waits.add(what);
    try {
      return await new Promise<T>(begin);
    } finally {
      this.waits.delete(what);
    }
  }

  /** The last events, with packets between them. */
  trace(packets: readonly string[]): string {
    const seen = packets.flatMap(line => {
      const blank = line.indexOf(" ");
      const text = line.slice(blank + 1);
      // An acknowledgement alone tells little, and every second packet is one.
      return / ACK 0 sent$/.test(text) ? [] : { ms: Number(line.slice(0, blank)), text };
    });
    // Sorting keeps the order of what happened at the same moment.
    const all = [...this.#entries, ...seen].sort((a, b) => a.ms - b.ms);
    return all
      .slice(-PRINTED_LINES)
      .map(({ ms, text }) => `${ms.toFixed(1).padStart(10)} ${text}`)
      .join("\n");
  }

  #next(wanted: Wanted): LogLine | undefined {
    const at = this.events.findIndex((e, i) => i >= this.#cursor && matches(e, wanted));
    if (at >= 0) this.#cursor = at + 1;
    return this.events[at];
  }

  #enter(text: string): void {
    this.#entries.push({ ms: this.#clock.now(), text });
    if (this.#entries.length > ENTRIES_MAX) this.#entries.splice(0, ENTRIES_MAX / 2);
  }
}

function matches(event: LogLine, wanted: Wanted): boolean {
  if (typeof wanted === "function") return wanted(event);
  const { level, on, what, values } = event;
  const has: Record<string, string | undefined> = { ...values, level, on, what };
  return Object.entries(wanted).every(([key, value]) => has[key] === String(value));
}
