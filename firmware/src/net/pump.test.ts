import { expect, test } from "vitest";
import type { Platform } from "../platform.ts";
import { Endpoint } from "./endpoint.ts";
import { Keywords } from "./keywords.ts";
import { pump, SCRATCH_BYTES } from "./pump.ts";

test.each([
  ["a piece", "small piece", 1],
  ["a piece that ends with a keyword", "the END", 1],
  ["a piece that is cut behind a keyword", "the END, and more", 1],
  ["a full piece that is cut behind a keyword", "the END".padEnd(SCRATCH_BYTES), 1],
  ["a full piece", "x".repeat(SCRATCH_BYTES), 0],
])("%s counts once among the small writes if it is written as a small one", (_, text, counted) => {
  class TCP {
    read(view: Uint8Array): void {
      view.set(Buffer.from(text).subarray(0, view.byteLength));
    }
    write(): number {
      return 0;
    }
  }
  const owner = { onReady: () => {}, failed: () => {} };
  const endpoint = () =>
    new Endpoint({ TCP } as unknown as Platform, { address: "10.0.0.1", port: 1 }, owner);
  const [from, to] = [endpoint(), endpoint()];
  from.readable = text.length;
  to.writable = 2 * SCRATCH_BYTES;
  from.scan = new Keywords([{ keyword: "END", match: "anywhere", in: "any" }]).scan();
  pump(from, to, new Uint8Array(SCRATCH_BYTES));
  expect(to.smallWrites).toBe(counted);
});
