import type { BoardKind } from "./boards/kind.ts";
import type { Cancel, Clock } from "./clock.ts";
import { defineListener, type ListenerClass } from "./io/listener.ts";
import { type Publish, Stack } from "./io/stack.ts";
import { defineTCP, type TCPClass } from "./io/tcp.ts";
import type { Wire } from "./io/wire.ts";
import { Radio } from "./radio.ts";
import { Tasks } from "./tasks.ts";

export interface BoardOptions {
  kind: BoardKind;
  clock: Clock;
  /** What the board is plugged into. */
  wire: Wire;
  /** The board's own IP address, as its log tells it. */
  address?: string;
  /** Where the outside finds a port of the board; as it is when not given, nowhere if `undefined`. */
  publish?: Publish;
  /** The board's source of chance, from 0 to less than 1; a test gives one that repeats. */
  random?: () => number;
  /** The Wi-Fi is lost or joined: a simulated network loses packets meanwhile. */
  onRadio?: (online: boolean) => void;
  /** Each line that the board writes to its serial console. */
  onLine?: (line: string) => void;
  /** The computer cannot give what the board needs: a published port is taken. */
  onWireError?: (error: Error) => void;
}

/** What a firmware finds on its board. */
export interface BoardPlatform {
  readonly TCP: TCPClass;
  readonly Listener: ListenerClass;
  readonly clock: Clock;
  readonly link: Link;
  readonly connectionsMax: number;
  random(): number;
  log(line: string): void;
}

/** The network as the program sees it. */
export interface Link {
  readonly address: string | undefined;
  readonly rssi: number;
  watch(changed: () => void): void;
}

/** A program for a board. */
export type Firmware = (platform: BoardPlatform) => void;

/**
 * A board is its parts. It knows how to run a program and nothing of what the program does.
 *
 * An exception that leaves one of the program's callbacks ends the machine, as it does on the chip:
 * the board says why on its console and stands still until `boot`.
 */
export class Board {
  readonly kind: BoardKind;
  readonly clock: Clock;
  readonly stack: Stack;
  readonly radio: Radio;
  readonly tasks: Tasks;
  /** Why the machine ended by itself. */
  fatal: string | undefined;
  #onLine: (line: string) => void;
  #random: () => number;
  #bootMs = 0;
  #alarms = new Set<Cancel>();

  constructor(options: BoardOptions) {
    const { kind, clock, wire } = options;
    this.kind = kind;
    this.clock = clock;
    this.#onLine = options.onLine ?? (() => {});
    this.#random = options.random ?? Math.random;
    this.tasks = new Tasks(clock, kind.eventQueueLength, (reason, error) =>
      this.#die(reason, error),
    );
    this.stack = new Stack({
      kind,
      clock,
      wire,
      tasks: this.tasks,
      publish: options.publish ?? (port => ({ port })),
      onServerError:
        options.onWireError ??
        (error => {
          throw error;
        }),
    });
    this.radio = new Radio({
      clock,
      address: options.address ?? "127.0.0.1",
      rssi: kind.rssi,
      joinMs: kind.joinMs,
      onChanged: online => {
        this.stack.online = online;
      },
      onAir: options.onRadio,
    });
  }

  /** Power on. The radio joins by itself. */
  boot(firmware: Firmware): void {
    this.fatal = undefined;
    this.#bootMs = this.clock.now();
    const family = defineTCP(this.stack);
    this.radio.join();
    this.#guard(() =>
      firmware({
        TCP: family.TCP,
        Listener: defineListener(this.stack, family),
        clock: {
          now: () => this.clock.now() - this.#bootMs,
          after: (ms, task) => this.#after(ms, task),
        },
        link: this.#link(),
        connectionsMax: this.kind.connectionsMax,
        random: this.#random,
        log: line => this.#onLine(line),
      }),
    );
  }

  /** Alarms that the program has set and that have not rung. */
  get alarms(): number {
    return this.#alarms.size;
  }

  /** Power off: connections are reset, alarms never ring, the program hears nothing more. */
  unplug(): void {
    this.radio.watch(undefined);
    this.radio.leave();
    this.tasks.clear();
    for (const cancel of this.#alarms) cancel();
    this.#alarms.clear();
    this.stack.abort();
  }

  #link(): Link {
    const { radio } = this;
    return {
      get address() {
        return radio.address;
      },
      rssi: radio.rssi,
      watch: changed => radio.watch(() => this.#guard(changed)),
    };
  }

  #after(ms: number, task: () => void): Cancel {
    const cancel = this.clock.after(ms, () => {
      this.#alarms.delete(cancel);
      this.#guard(task);
    });
    this.#alarms.add(cancel);
    return () => {
      this.#alarms.delete(cancel);
      cancel();
    };
  }

  #guard(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#die("unhandled exception", error);
    }
  }

  #die(reason: string, error?: unknown): void {
    if (this.fatal !== undefined) return; // it fell over because it was dead already
    this.fatal = reason;
    const detail = error instanceof Error ? ` ${error.stack}` : "";
    this.#onLine(`XS abort: ${reason}${detail}`);
    this.unplug();
  }
}
