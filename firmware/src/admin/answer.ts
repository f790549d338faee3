import { jsonPieces } from "../config/document-parts.ts";
import type { Outcome } from "./outcome.ts";

export interface AdminAnswer {
  readonly status: number;
  readonly type: string;
  /**
   * ASCII, as a whole or in pieces of at most some hundred characters, which are made as they are sent. `bytes`: of all
   * pieces, where that is known beforehand.
   */
  readonly body: string | { readonly pieces: Iterable<string>; readonly bytes?: number };
  readonly fields?: readonly string[];
}

export const JSON_TYPE = "application/json";

/** Characters of a long text that are escaped at a time: the engine counts from its start for each. */
const PIECE = 256;

/** Keys, and the values of each. */
type Lists = readonly (readonly [key: string, values: Iterable<unknown>])[];

export function text(status: number, body: string): AdminAnswer {
  return { status, type: "text/plain", body };
}

export function json(status: number, value: object): AdminAnswer {
  return { status, type: JSON_TYPE, body: `${escaped(JSON.stringify(value))}\n` };
}

export function error(status: number, error: string): AdminAnswer {
  return json(status, { error });
}

export function outcomeAnswer(outcome: Outcome): AdminAnswer {
  if ("done" in outcome) return json(200, outcome);
  return json(400, { error: outcome.complaints[0], complaints: outcome.complaints });
}

export function inPieces(type: string, pieces: Iterable<string>): AdminAnswer {
  return { status: 200, type, body: { pieces } };
}

/** A document as JSON, some characters at a time. */
export function whole(document: object): AdminAnswer {
  return inPieces(JSON_TYPE, pieces(document));
}

/** JSON that lists many values, one at a time: `opening`, which ends with `[`, the values, `]}`. */
export function list(opening: string, values: Iterable<unknown>): AdminAnswer {
  return inPieces(JSON_TYPE, listed(opening, values));
}

/** JSON of `object`, with lists of many values behind its last key, one value at a time. */
export function withLists(object: object, lists: Lists): AdminAnswer {
  return inPieces(JSON_TYPE, listedIn(object, lists));
}

function* pieces(document: object): Generator<string, void> {
  for (const json of jsonPieces(document)) {
    for (let at = 0; at < json.length; at += PIECE) yield escaped(json.slice(at, at + PIECE));
  }
  yield "\n";
}

Object.freeze(pieces.prototype);

function* listedIn(object: object, lists: Lists): Generator<string, void> {
  for (const piece of jsonPieces(object)) if (piece !== "}") yield escaped(piece);
  for (const [key, values] of lists) yield* listed(`,"${key}":[`, values, "]");
  yield "}\n";
}

Object.freeze(listedIn.prototype);

function* listed(
  opening: string,
  values: Iterable<unknown>,
  end = "]}\n",
): Generator<string, void> {
  let before = opening;
  for (const value of values) {
    yield before + escaped(JSON.stringify(value));
    before = ",";
  }
  yield before === "," ? end : before + end;
}

Object.freeze(listed.prototype);

/** JSON in ASCII, so that a character is a byte. */
export function escaped(json: string): string {
  let ascii = "";
  let from = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code < 0x7f) continue;
    ascii += `${json.slice(from, at)}\\u${code.toString(16).padStart(4, "0")}`;
    from = at + 1;
  }
  return from === 0 ? json : ascii + json.slice(from);
}
