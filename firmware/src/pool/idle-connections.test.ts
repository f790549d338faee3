import { expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import type { Backend } from "../backend/backend.ts";
import { HostName } from "../backend/host-name.ts";
import { backendAt } from "../backend/testing.ts";
import type { Event, Report } from "../log/event.ts";
import { Endpoint } from "../net/endpoint.ts";
import type { TCPCallbacks, TCPConstructor, TCPSocket } from "../platform.ts";
import { IdleConnections } from "./idle-connections.ts";

/** A socket that records its close, and whose events a test raises. */
class Wire implements TCPSocket {
  closed = false;
  target: unknown;
  readonly remoteAddress: string;
  #options: TCPCallbacks;

  constructor(options: TCPCallbacks & { address: string }) {
    this.target = options.target;
    this.remoteAddress = options.address;
    this.#options = options;
  }

  read(view: Uint8Array): number {
    return view.byteLength;
  }

  write(): number {
    return 1000;
  }

  close(): void {
    expect(this.closed).toBe(false);
    this.closed = true;
  }

  sends(count: number): void {
    this.#options.onReadable.call(this, count);
  }

  acknowledges(): void {
    this.#options.onWritable.call(this, 1000);
  }

  closes(): void {
    this.#options.onError.call(this);
  }
}

const noBug: Report = event => {
  throw new Error(JSON.stringify(event));
};

function bench(report = noBug, hasNames = false) {
  const clock = new VirtualClock();
  const idle = new IdleConnections(clock, report, hasNames);
  const a = backendAt(0);
  const b = backendAt(1);
  const put = (backend: Backend, address = backend.settings.address) => {
    let wire: Wire | undefined;
    class TCP extends Wire {
      constructor(options: TCPCallbacks & { address: string }) {
        super(options);
        wire = this;
      }
    }
    const endpoint = new Endpoint(
      { TCP: TCP as unknown as TCPConstructor },
      { address, port: 8080 },
      idle,
    );
    idle.put(backend, endpoint);
    return { endpoint, wire: wire! };
  };
  return { clock, idle, a, b, put };
}

test("a backend gets its own connection that was used last, never another backend's", () => {
  const { idle, a, b, put } = bench();
  const first = put(a);
  const second = put(a);
  expect(idle.take(b)).toBeUndefined();
  expect(idle.take(a)).toBe(second.endpoint);
  expect(idle.take(a)).toBe(first.endpoint);
  expect(idle.take(a)).toBeUndefined();
  expect([first.wire.closed, second.wire.closed, idle.count]).toEqual([false, false, 0]);
});

test("each is closed after 4 s, and then no alarm is left", async () => {
  const { clock, idle, a, b, put } = bench();
  const first = put(a);
  await clock.run({ ms: 1000 });
  const second = put(b);
  await clock.run({ ms: 2900 });
  expect(first.wire.closed).toBe(false);
  await clock.run({ ms: 200 });
  expect([first.wire.closed, second.wire.closed]).toEqual([true, false]);
  await clock.run({ ms: 1000 });
  expect(second.wire.closed).toBe(true);
  expect([idle.count, clock.pending]).toEqual([0, 0]);
});

test("a connection that was taken and put back is kept for the whole time again", async () => {
  const { clock, idle, a, put } = bench();
  const { endpoint, wire } = put(a);
  await clock.run({ ms: 3000 });
  expect(idle.take(a)).toBe(endpoint);
  await clock.run({ ms: 3000 });
  expect(wire.closed).toBe(false);
  idle.put(a, endpoint);
  await clock.run({ ms: 3900 });
  expect(wire.closed).toBe(false);
  await clock.run({ ms: 200 });
  expect(wire.closed).toBe(true);
  await clock.run({ ms: 10_000 });
  expect(clock.pending).toBe(0);
});

test("of too many the longest idle ones are closed", () => {
  const { idle, a, b, put } = bench();
  const all = [put(a), put(b), put(a), put(b)];
  idle.shrink(2);
  expect(all.map(({ wire }) => wire.closed)).toEqual([true, true, false, false]);
  idle.shrink(2);
  expect(idle.count).toBe(2);
  idle.shrink(-3);
  expect(all.map(({ wire }) => wire.closed)).toEqual([true, true, true, true]);
  expect(idle.count).toBe(0);
});

test("a connection that its backend closes, or sends unsolicited bytes on, is not used again", () => {
  const { idle, a, put } = bench();
  const closed = put(a);
  const unsolicited = put(a);
  const good = put(a);
  closed.wire.closes();
  unsolicited.wire.sends(5);
  good.wire.acknowledges(); // a late acknowledgement changes nothing
  expect([closed.wire.closed, unsolicited.wire.closed, good.wire.closed]).toEqual([
    true,
    true,
    false,
  ]);
  expect(idle.take(a)).toBe(good.endpoint);
  expect(idle.take(a)).toBeUndefined();
});

test("an exception in a socket's callback is reported, and the connection is not used again", () => {
  const events: Event[] = [];
  const { idle, a, put } = bench(event => events.push(event));
  const { wire } = put(a);
  wire.close = () => {
    throw new Error("no such socket");
  };
  wire.sends(5);
  expect(events).toEqual([
    {
      level: "E",
      on: "proxy",
      what: "exception",
      error: expect.stringMatching(/^Error: no such socket at close < /),
    },
  ]);
  expect(idle.take(a)).toBeUndefined();
});

test("no alarm is left when the last connection is closed, for any reason", () => {
  const { clock, idle, a, put } = bench();
  const ways: ((put: { wire: Wire }) => void)[] = [
    () => idle.shrink(0),
    () => {
      idle.take(a);
      idle.shrink(0);
    },
    ({ wire }) => wire.closes(),
    ({ wire }) => wire.sends(5),
  ];
  for (const goes of ways) {
    const last = put(a);
    expect(clock.pending).toBe(1);
    goes(last);
    expect([idle.count, clock.pending]).toEqual([0, 0]);
  }
});

test("the longest idle connections of one backend can be closed, without those of others", () => {
  const { idle, a, b, put } = bench();
  const wires = [put(a), put(b), put(a), put(a)].map(({ wire }) => wire);
  idle.shrink(2, a);
  expect(wires.map(({ closed }) => closed)).toEqual([true, false, false, false]);
  idle.shrink(-1, a);
  expect(wires.map(({ closed }) => closed)).toEqual([true, false, true, true]);
  idle.shrink(0, a);
  expect(idle.count).toBe(1);
  idle.shrink(0);
});

test("a connection to an address that its backend no longer has is closed, and none is kept any more", () => {
  const { idle, a, b, put } = bench(noBug, true);
  a.host = new HostName("a.home");
  a.host.addresses = ["10.0.1.1", "10.0.1.2"];
  const kept = [put(a, "10.0.1.1"), put(b), put(a, "10.0.1.2"), put(a, "10.0.1.1")];
  a.host.addresses = ["10.0.1.2", "10.0.1.3"];
  idle.closeGone(a);
  expect(kept.map(({ wire }) => wire.closed)).toEqual([true, false, false, true]);
  expect(put(a, "10.0.1.1").wire.closed).toBe(true);
  expect(put(a, "10.0.1.3").wire.closed).toBe(false);
  expect(idle.count).toBe(3);
});
