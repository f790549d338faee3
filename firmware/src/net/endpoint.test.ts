import { describe, expect, test } from "vitest";
import type { Platform, SocketFailure, TCPCallbacks, TCPSocket } from "../platform.ts";
import { Endpoint } from "./endpoint.ts";

const owner = {
  onReady: () => {},
  failed: (error: unknown) => {
    throw error;
  },
};

/** An endpoint, and a function by which bytes arrive there. */
function bench() {
  let waiting: number[] = [];
  let announce = (_bytes: number) => {};
  class TCP {
    constructor(options: { target: unknown; onReadable(this: unknown, bytes: number): void }) {
      announce = bytes => options.onReadable.call({ target: options.target }, bytes);
    }
    read(view: Uint8Array): void {
      if (view.byteLength > waiting.length) throw new Error("longer than what waits");
      view.set(waiting.splice(0, view.byteLength));
    }
    close(): void {
      waiting = [];
    }
  }
  const endpoint = new Endpoint(
    { TCP } as unknown as Platform,
    { address: "10.0.0.1", port: 1 },
    owner,
  );
  const arrive = (...bytes: number[]) => {
    waiting.push(...bytes);
    announce(waiting.length);
  };
  const scratch = new Uint8Array(4);
  const take = () => [...endpoint.take(scratch)];
  return { endpoint, arrive, take };
}

test("bytes that were peeked at are read first, before those that are received later", () => {
  const { endpoint, arrive, take } = bench();
  arrive(1, 2);
  expect([...endpoint.peek(9)]).toEqual([1, 2]);
  arrive(3);
  expect(endpoint.readable).toBe(3);
  expect([...endpoint.peek(9)]).toEqual([1, 2, 3]);
  expect([...endpoint.peek(2)]).toEqual([1, 2]);
  const view = new Uint8Array(3);
  endpoint.read(view);
  expect([[...view], endpoint.readable]).toEqual([[1, 2, 3], 0]);
  arrive(4);
  expect([take(), endpoint.readable]).toEqual([[4], 0]);
});

test("no more is taken at once than the scratch buffer holds, and no byte twice", () => {
  const { endpoint, arrive, take } = bench();
  arrive(1, 2, 3, 4, 5, 6, 7);
  endpoint.peek(6);
  const taken: number[][] = [];
  while (endpoint.readable > 0) taken.push(take());
  expect(taken.every(({ length }) => length <= 4)).toBe(true);
  expect(taken.flat()).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

/** An endpoint on a socket that half-closes, and what was called of that. */
function halfClosing() {
  const calls: string[] = [];
  let callbacks!: TCPCallbacks;
  class TCP {
    target: unknown;
    constructor(options: TCPCallbacks) {
      callbacks = options;
      this.target = options.target;
    }
    read(): void {}
    write({ byteLength }: Uint8Array): number | undefined {
      calls.push(`write ${byteLength}`);
      return calls.includes("dead") ? undefined : 100 - byteLength;
    }
    end(): void {
      calls.push("end");
    }
    close(reset?: boolean): void {
      calls.push(reset ? "reset" : "close");
    }
  }
  const platform = { TCP } as unknown as Platform;
  const endpoint = new Endpoint(platform, { address: "10.0.0.1", port: 1 }, owner);
  const { socket } = endpoint;
  callbacks.onWritable.call(socket, 100);
  return {
    endpoint,
    calls,
    end: () => callbacks.onEnd!.call(socket),
    lose: (failure: SocketFailure) => callbacks.onError.call(socket, failure),
    writable: (bytes: number) => callbacks.onWritable.call(socket, bytes),
  };
}

describe("a socket that half-closes", () => {
  test("is written to behind the peer's FIN, until FIN is sent, once", () => {
    const { endpoint, calls, end, writable } = halfClosing();
    end();
    expect([endpoint.ended, endpoint.writeClosed]).toEqual([true, false]);
    endpoint.write(new Uint8Array(40));
    writable(100);
    expect([endpoint.writable, endpoint.flushed]).toEqual([100, true]);
    endpoint.end();
    endpoint.end();
    expect([endpoint.state, endpoint.writable]).toEqual(["peer-closed", 0]);
    expect(calls).toEqual(["write 40", "end"]);
  });

  test("still receives behind its own FIN", () => {
    const { endpoint, end } = halfClosing();
    endpoint.end();
    expect([endpoint.state, endpoint.ended, endpoint.writeClosed]).toEqual([
      "write-ended",
      false,
      true,
    ]);
    end();
    expect([endpoint.state, endpoint.ended]).toEqual(["peer-closed", true]);
  });

  test("has a failure where the peer's stream was cut off, not where that had ended before", () => {
    const cut = halfClosing();
    cut.lose("reset");
    expect([cut.endpoint.ended, cut.endpoint.failure]).toEqual([true, "reset"]);
    const cutBehindOurs = halfClosing();
    cutBehindOurs.endpoint.end();
    cutBehindOurs.lose("timeout");
    expect(cutBehindOurs.endpoint.failure).toBe("timeout");
    const whole = halfClosing();
    whole.end();
    whole.lose("reset");
    expect([whole.endpoint.state, whole.endpoint.failure]).toEqual(["peer-closed", undefined]);
  });

  test("has nothing left when a write fails behind the peer's FIN", () => {
    const { endpoint, calls, end, lose } = halfClosing();
    end();
    calls.push("dead");
    endpoint.write(new Uint8Array(1));
    expect([endpoint.state, endpoint.ended]).toEqual(["peer-closed", true]);
    lose("reset");
    expect(endpoint.failure).toBe(undefined);
  });

  test("is closed with a reset only where that was asked for", () => {
    const polite = halfClosing();
    polite.endpoint.close();
    const cut = halfClosing();
    cut.endpoint.resets = true;
    cut.endpoint.close();
    expect([polite.calls, cut.calls]).toEqual([["close"], ["reset"]]);
  });
});

test("the SDK's socket, which has no end(), stays open for writing", () => {
  const { endpoint } = bench();
  endpoint.end();
  expect(endpoint.state).toBe("open");
});

test("an owner that ignores room receives the events of bytes and of ends only", () => {
  let options: TCPCallbacks | undefined;
  class TCP {
    constructor(given: TCPCallbacks) {
      options = given;
    }
  }
  const platform = { TCP } as unknown as Platform;
  const endpoint = new Endpoint(platform, { address: "10.0.0.1", port: 1 }, owner);
  const socket = { target: endpoint } as unknown as TCPSocket;
  const events: string[] = [];
  const told = (event: string) => ({ ...owner, onReady: () => events.push(event) });
  endpoint.owner = told("told");
  options!.onWritable.call(socket, 100);
  endpoint.owner = { ...told("told of more"), ignoresRoom: true };
  options!.onWritable.call(socket, 200);
  expect([events, endpoint.writable]).toEqual([["told"], 200]);
  options!.onReadable.call(socket, 1);
  options!.onEnd?.call(socket);
  expect(events).toEqual(["told", "told of more", "told of more"]);
});

test("bytes that were put back are taken first", () => {
  const { endpoint, arrive, take } = bench();
  arrive(1, 2, 3, 4);
  endpoint.unread(new Uint8Array(take()).subarray(2));
  arrive(5);
  expect(endpoint.readable).toBe(3);
  expect([take(), take()]).toEqual([[3, 4], [5]]);
});
