import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { SCRATCH_BYTES } from "../net/raw-stream.ts";
import { ScriptedSocket, scriptedPair } from "../net/testing.ts";
import type { NativeFraming } from "../platform.ts";
import { bodyOf, type Framing } from "./framing.ts";

const scratch = new Uint8Array(SCRATCH_BYTES);

/** A body that arrives in these pieces, and leaves in pieces for which there is this room. */
function pass(
  framing: Framing,
  to: NativeFraming | undefined,
  pieces: readonly string[],
  { bytesMax = Number.MAX_SAFE_INTEGER, rooms = [10_000], fin = false } = {},
) {
  const pair = scriptedPair(ScriptedSocket);
  const { from, sender, receiver, told } = pair;
  const body = bodyOf(framing, scratch, bytesMax);
  if (to !== undefined) body.toFraming = to;
  let outcome = from.pipe(pair.to, body);
  for (const piece of pieces) if (piece !== "") sender.receives(piece);
  if (fin) sender.receivesFin();
  for (let i = 0; i < 10_000 && receiver.room < 10_000; i++)
    receiver.hasRoom(rooms[i % rooms.length]);
  receiver.hasRoom(10_000);
  outcome ??= told
    .map(what => /^from ([a-z]+-?[a-z]+)$/.exec(what)?.[1])
    .find(what => what !== "first" && what !== "ready") as typeof outcome;
  const rest = from.readable > 0 ? Buffer.from(from.peek(10_000)).toString("latin1") : "";
  return { outcome, written: receiver.written, passed: from.passedBytes, rest };
}

describe("a body that a pipe moves", () => {
  test.each<[string, Framing, NativeFraming | undefined, string, string, string]>([
    ["by its length", 5, undefined, "helloGET", "hello", "GET"],
    [
      "in chunks",
      "chunked",
      "chunked",
      "2;a=b\r\nok\r\n0\r\nA: b\r\n\r\nGET",
      "2\r\nok\r\n0\r\n\r\n",
      "GET",
    ],
    ["in chunks, for HTTP/1.0", "chunked", undefined, "2\r\nok\r\n0\r\n\r\nGET", "ok", "GET"],
    ["in no chunk", "chunked", "chunked", "0\r\n\r\nGET", "0\r\n\r\n", "GET"],
  ])("%s ends where it ends", (_, framing, to, text, written, rest) => {
    const passed = /hello|ok/.exec(written)?.[0].length ?? 0;
    expect(pass(framing, to, [text])).toEqual({ outcome: "done", written, passed, rest });
    expect(pass(framing, to, [...text])).toMatchObject({ outcome: "done", passed, rest });
  });

  test("until the close gets an end of its own in chunks, as soon as there is room for it", () => {
    const close = (to: NativeFraming | undefined, rooms?: number[]) =>
      pass("close", to, ["he", "llo"], { fin: true, rooms });
    expect(close(undefined)).toMatchObject({ outcome: "end", written: "hello", passed: 5 });
    expect(close("chunked")).toMatchObject({
      outcome: "end",
      written: "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    });
    const { from, to, sender, receiver, told } = scriptedPair(ScriptedSocket);
    const body = bodyOf("close", scratch);
    body.toFraming = "chunked";
    from.pipe(to, body);
    receiver.hasRoom(4);
    sender.receivesFin();
    expect([receiver.written, told]).not.toContain("from end");
    receiver.hasRoom(5);
    expect([receiver.written, told.at(-1)]).toEqual(["0\r\n\r\n", "from end"]);
  });

  test.each<[string, Framing, string]>([
    ["a length", 9, "hello"],
    ["chunks", "chunked", "9\r\nhello"],
  ])("and that is cut off gets no end: %s", (_, framing, text) => {
    const to = framing === "chunked" ? "chunked" : undefined;
    const { outcome, written, passed } = pass(framing, to, [text], { fin: true });
    expect([outcome, passed]).toEqual(["end", 5]);
    expect(written).not.toMatch(/0\r\n\r\n$/);
  });

  test("until the close, and that is reset, gets no end either", () => {
    const { from, to, sender, receiver, told } = scriptedPair(ScriptedSocket);
    const body = bodyOf("close", scratch);
    body.toFraming = "chunked";
    from.pipe(to, body);
    sender.receives("hello");
    sender.isLost("reset");
    expect([receiver.written, told.at(-1)]).toEqual(["5\r\nhello\r\n", "from from-error"]);
  });

  test("ends at a fault, and where it is too large, behind what is right", () => {
    expect(pass("chunked", "chunked", ["2\r\nok\r\nX"])).toMatchObject({
      outcome: "bad-framing",
      written: "2\r\nok\r\n",
      passed: 2,
    });
    expect(pass("chunked", "chunked", ["2\r\nok\r\n2\r\nok"], { bytesMax: 3 })).toMatchObject({
      outcome: "too-large",
      written: "2\r\nok\r\n",
      passed: 2,
    });
  });

  test("is framed anew without a byte changed, whatever the pieces and the room", () => {
    const pieces = fc.array(fc.string({ minLength: 1, maxLength: 400 }), {
      minLength: 1,
      maxLength: 12,
    });
    const rooms = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(pieces, rooms, fc.nat(90), (texts, room, cut) => {
        const content = texts.join("").replace(/[^\x20-\x7e]/g, "x");
        const bytes = content.length;
        const chunks = `${bytes.toString(16)}\r\n${content}\r\n0\r\n\r\n`;
        const options = { rooms: [...room, 100] };
        const cuts = [chunks.slice(0, cut), chunks.slice(cut)];
        const anew = pass("chunked", "chunked", cuts, options);
        expect([anew.outcome, anew.passed]).toEqual(["done", bytes]);
        expect(pass("chunked", undefined, [anew.written], options)).toMatchObject({
          outcome: "done",
          written: content,
        });
        expect(pass(bytes, undefined, [content], options)).toMatchObject({
          outcome: "done",
          written: content,
        });
      }),
      { numRuns: 100 },
    );
  });
});
