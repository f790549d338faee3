import { readFileSync } from "node:fs";
import { type Parsed, readJson } from "../src/config/json.ts";

/** The JSON document in `file`, or why it is not one; throws if the file cannot be read. */
export function readDocumentFile(file: string | URL): Parsed {
  const bytes = readFileSync(file);
  // UTF-8 does not begin like this: `readJson` names the encoding.
  const isOther = bytes[0] >= 0xfe || bytes[0] === 0 || bytes[1] === 0;
  return readJson(bytes.toString(isOther ? "latin1" : "utf8"));
}
