import { expect, test } from "vitest";
import { backendAt } from "../backend/testing.ts";
import type { Platform, TCPCallbacks, TCPSocket } from "../platform.ts";
import { Probe, type ProbeContext } from "./probe.ts";

test("the result is reported once, even if that throws", () => {
  let connect = () => {};
  class TCP {
    constructor(options: { target: unknown; onWritable(this: unknown, bytes: number): void }) {
      connect = () => options.onWritable.call({ target: options.target }, 2872);
    }
    close(): void {}
  }
  const platform = { TCP, clock: { now: () => 0, after: () => () => {} } } as unknown as Platform;
  const logged: unknown[] = [];
  const context = {
    ...{ platform, scratch: new Uint8Array(4), heads: undefined },
    report: (event: unknown) => logged.push(event),
  };
  const codes: unknown[] = [];
  new Probe(context as unknown as ProbeContext, backendAt(0), undefined, code => {
    codes.push(code);
    throw new Error("a bug");
  });
  connect();
  expect(codes).toEqual(["L4OK"]);
  expect(logged).toEqual([expect.objectContaining({ what: "exception" })]);
});

test.each([
  ["refused", "L4CON"],
  ["unreachable", "L4CON"],
  ["timeout", "L4TOUT"],
  [undefined, "L4CON"], // the SDK's sockets do not tell
  ["memory", undefined], // the board's own
] as const)("a connection that fails by %s is %s", (failure, code) => {
  let lose = () => {};
  class TCP {
    constructor({ target, onError }: TCPCallbacks) {
      lose = () => onError.call({ target } as TCPSocket, failure);
    }
    close(): void {}
  }
  const clock = { now: () => 0, after: () => () => {} };
  const context = { platform: { TCP, clock }, scratch: new Uint8Array(4) };
  const codes: unknown[] = [];
  new Probe(context as unknown as ProbeContext, backendAt(0), undefined, result =>
    codes.push(result),
  );
  lose();
  expect(codes).toEqual([code]);
});
