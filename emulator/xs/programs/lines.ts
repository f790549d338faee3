import { LineRing } from "../../../firmware/src/log/line-ring.ts";
import type { LineValues } from "../../../firmware/src/platform.ts";
import { host } from "./host.ts";

/** The ring of log lines with the firmware's C, as the chip has it. */

interface Script {
  readonly ringBytes: number;
  readonly lines: readonly { readonly format: string; readonly values: LineValues }[];
  /** After so many lines, the oldest one must stay. */
  readonly holdAfter: number;
}

host.command = text => {
  const { ringBytes, lines, holdAfter } = JSON.parse(text) as Script;
  const ring = new LineRing(ringBytes, host);
  for (const [order, { format, values }] of lines.entries()) {
    if (order === holdAfter) ring.hold();
    host.writeLine(ring.buffer, order, format, ...values);
  }
  const cursor = ring.first();
  const last: string[] = [];
  for (; cursor.number < ring.count; ring.advance(cursor)) last.push(ring.text(cursor));
  return JSON.stringify({ last, words: [...new Uint32Array(ring.buffer, 0, 8)] });
};
