import { readFileSync } from "node:fs";
import { type Parsed, readJson } from "../src/config/json.ts";

/** The JSON document in `file`, or why it is none; throws where the file cannot be read. */
export function readDocumentFile(file: string | URL): Parsed {
  const bytes = readFileSync(file);
  // No UTF-8 begins so: the reader names what it is.
  const isOther = bytes[0] >= 0xfe || bytes[0] === 0 || bytes[1] === 0;
  return readJson(bytes.toString(isOther ? "latin1" : "utf8"));
}
