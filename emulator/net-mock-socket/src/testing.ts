import type { Clock } from "./clock.ts";
import {
  type HostProfile,
  type MockSocket,
  Network,
  type NetworkOptions,
  seeded,
} from "./network.ts";

interface Alarm {
  at: number;
  order: number;
  task: () => void;
}

/** A minimal virtual clock for tests of this package, which imports none. */
export class StillClock implements Clock {
  #now = 0;
  #order = 0;
  #alarms: Alarm[] = [];

  now(): number {
    return this.#now;
  }

  get pending(): number {
    return this.#alarms.length;
  }

  after(ms: number, task: () => void): () => void {
    const alarm = { at: this.#now + ms, order: this.#order++, task };
    // Most alarms are set in order: look from the end.
    let place = this.#alarms.length;
    while (place > 0 && this.#alarms[place - 1].at > alarm.at) place--;
    this.#alarms.splice(place, 0, alarm);
    return () => {
      const at = this.#alarms.indexOf(alarm);
      if (at >= 0) this.#alarms.splice(at, 1);
    };
  }

  /** Rings every alarm, those that they set included; with `ms`, those of the next `ms` only. */
  async run(ms = Number.POSITIVE_INFINITY): Promise<void> {
    const end = this.#now + ms;
    await drained();
    while (this.#alarms.length > 0 && this.#alarms[0].at <= end) {
      const alarm = this.#alarms.shift()!;
      this.#now = alarm.at;
      alarm.task();
      await drained();
    }
    if (Number.isFinite(end)) this.#now = end;
  }
}

/** Bytes that differ everywhere: the number of each block of four. */
export function pattern(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let i = 0; i + 4 <= count; i += 4) bytes.writeUInt32BE(i, i);
  return bytes;
}

/** Records one socket: its bytes, and its events in order. */
export interface Seen {
  readonly bytes: Buffer;
  readonly events: string[];
}

export function watch(socket: MockSocket): Seen {
  const pieces: Buffer[] = [];
  const events: string[] = [];
  socket.on("data", (bytes: Buffer) => pieces.push(bytes));
  socket.on("connect", () => events.push("connect"));
  socket.on("end", () => events.push("end"));
  socket.on("error", (error: NodeJS.ErrnoException) =>
    events.push(`${error.syscall} ${error.code}`),
  );
  socket.on("close", () => events.push("close"));
  return {
    events,
    get bytes() {
      return Buffer.concat(pieces);
    },
  };
}

/** A `client` and a `server` that listens on port 80, 5 ms away from each other. */
export function world(
  options: Partial<NetworkOptions> & {
    profiles?: { client?: Partial<HostProfile>; server?: Partial<HostProfile> };
    onConnection?: (socket: MockSocket) => void;
  } = {},
) {
  const clock = new StillClock();
  const network = new Network({ clock, latencyMs: 5, random: seeded(1), ...options });
  const client = network.host("client", options.profiles?.client);
  const server = network.host("server", options.profiles?.server);
  const accepted: MockSocket[] = [];
  const listener = server.createServer({ allowHalfOpen: true }, socket => {
    accepted.push(socket);
    options.onConnection?.(socket);
  });
  listener.listen(80);
  const connect = () => client.connect({ host: "server", port: 80 });

  /** An established connection, and the events at both ends. */
  async function connected() {
    const socket = connect();
    await clock.run(100);
    const far = accepted.at(-1)!;
    return { near: socket, far, nearSeen: watch(socket), farSeen: watch(far) };
  }

  return { clock, network, client, server, listener, accepted, connect, connected };
}

/** Long enough for loopback to say all that it has to say; what is compared is order, not time. */
const SETTLE_MS = 40;

/** Turns of the event loop in which a program that was held up meanwhile catches up. */
const SETTLE_TURNS = 20;

/** Waits until all that is under way on the computer's loopback network has arrived. */
export async function settled(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, SETTLE_MS));
  for (let turn = 0; turn < SETTLE_TURNS; turn++) await drained();
}

function drained(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
