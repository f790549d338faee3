import { type Keyword, Keywords } from "../../../firmware/src/net/keywords.ts";
import { host } from "./host.ts";

/** The search for keywords with the firmware's C, as the chip has it. */

interface Stream {
  readonly keywords: readonly Keyword[];
  /** The stream's pieces, as numbers of bytes. */
  readonly pieces: readonly (readonly number[])[];
}

host.command = text => {
  const { keywords, pieces } = JSON.parse(text) as Stream;
  const scan = new Keywords(keywords, host).scan();
  // Inside a larger buffer, as pieces are.
  const passed = pieces.map(bytes => scan.next(Uint8Array.of(0, ...bytes, 0).subarray(1, -1)));
  return JSON.stringify({ passed, found: scan.found });
};
