import { expect, test } from "vitest";
import type { Platform } from "../platform.ts";
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

test("bytes that were put back are taken first", () => {
  const { endpoint, arrive, take } = bench();
  arrive(1, 2, 3, 4);
  endpoint.unread(new Uint8Array(take()).subarray(2));
  arrive(5);
  expect(endpoint.readable).toBe(3);
  expect([take(), take()]).toEqual([[3, 4], [5]]);
});
