import { expect, test } from "vitest";
import { backendAt } from "../backend/testing.ts";
import type { Platform } from "../platform.ts";
import { type CheckRules, Probe, type ProbeContext } from "./probe.ts";

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
  new Probe(
    context as unknown as ProbeContext,
    backendAt(0),
    { check: "tcp" } as CheckRules,
    code => {
      codes.push(code);
      throw new Error("a bug");
    },
  );
  connect();
  expect(codes).toEqual(["L4OK"]);
  expect(logged).toEqual([expect.objectContaining({ what: "exception" })]);
});
