import { describe, expect, test } from "vitest";
import { Keywords } from "./keywords.ts";
import { RawStream, SCRATCH_BYTES } from "./raw-stream.ts";
import { NativeSocket, ScriptedSocket, scriptedPair } from "./testing.ts";

const scratch = new Uint8Array(SCRATCH_BYTES);

const END = new Keywords([{ keyword: "END", match: "anywhere", in: "text" }]);

/** A pair with a pipe from one to the other. */
function piped(keywords?: Keywords) {
  const pair = scriptedPair(ScriptedSocket);
  expect(pair.from.pipe(pair.to, new RawStream(scratch, keywords))).toBeUndefined();
  return pair;
}

describe("a pipe", () => {
  test("passes bytes on, counts them, and reports the first ones alone", () => {
    const { from, sender, receiver, told } = piped();
    sender.receives("one ");
    sender.receives("two");
    expect([receiver.written, from.passedBytes, told]).toEqual(["one two", 7, ["from first"]]);
  });

  test("passes bytes that had been read ahead, and those that come while they wait for room", () => {
    const { from, to, sender, receiver } = scriptedPair(ScriptedSocket);
    sender.receives("sniffed ");
    from.peek(100);
    receiver.hasRoom(0);
    expect(from.pipe(to, new RawStream(scratch))).toBeUndefined();
    sender.receives("later");
    expect([receiver.written, from.readable, from.waitsFor]).toEqual(["", 13, "room"]);
    receiver.hasRoom(10_000);
    expect([receiver.written, from.readable, from.waitsFor]).toEqual(["sniffed later", 0, "bytes"]);
  });

  test("ends behind a keyword; what follows is readable again", () => {
    const { from, sender, receiver, told } = piped(END);
    sender.receives("the EN");
    sender.receives("D and more");
    expect([receiver.written, from.passedBytes]).toEqual(["the END", 7]);
    expect(told).toEqual(["from first", "from found"]);
    expect(Buffer.from(from.peek(100)).toString()).toBe(" and more");
  });

  test("looks for no keyword behind a control byte", () => {
    const { sender, receiver, told } = piped(END);
    sender.receives("\0 END");
    sender.receives(" END");
    expect([receiver.written, told]).toEqual(["\0 END END", ["from first", "from binary"]]);
  });

  test("ends with the FIN of the sender, once every byte before it has been passed", () => {
    const { from, to, sender, receiver, told } = scriptedPair(ScriptedSocket);
    sender.receives("ahead");
    from.peek(5);
    receiver.hasRoom(0);
    from.pipe(to, new RawStream(scratch));
    sender.receivesFin();
    expect(told).not.toContain("from end");
    receiver.hasRoom(10_000);
    expect([receiver.written, told.at(-1)]).toEqual(["ahead", "from end"]);
    expect(from.pipe(to, new RawStream(scratch))).toBe("end");
  });

  test("tells a reset from a FIN, where the sockets do", () => {
    const { sender, told } = piped();
    sender.isLost("reset");
    expect(told).toEqual(["from from-error"]);
    const sdk = piped();
    sdk.sender.isLost();
    expect(sdk.told).toEqual(["from end"]);
  });

  test("ends when the receiver is lost, and when a write to it fails; the sender stays readable", () => {
    const lost = piped();
    lost.receiver.isLost("reset");
    expect(lost.told).toEqual(["from to-error", "to ready"]);
    lost.sender.receives("unheard");
    expect(lost.from.readable).toBe(7);

    const failed = piped();
    failed.receiver.dead = true;
    failed.sender.receives("x");
    expect([failed.told.at(-1), failed.to.state]).toEqual(["from to-error", "write-failed"]);
    failed.sender.receives("unheard");
    expect(failed.from.readable).toBe(7);
  });

  test("leaves the other direction alone when it ends", () => {
    const { from, to, sender, receiver, told } = piped(END);
    to.pipe(from, new RawStream(scratch));
    sender.receives("END");
    sender.receives("nobody passes this on");
    receiver.receives("the answer");
    expect([sender.written, receiver.written]).toEqual(["the answer", "END"]);
    expect(told.at(-2)).toBe("from ready");
    from.unpipe();
    to.unpipe();
    receiver.receives("read by hand");
    expect([to.readable, sender.written]).toEqual([12, "the answer"]);
  });

  test.each([
    ["a piece", "small piece", 1],
    ["a piece that ends with a keyword", "the END", 1],
    ["a piece that is cut behind a keyword", "the END, and more", 1],
    ["a full piece that is cut behind a keyword", "the END".padEnd(SCRATCH_BYTES), 1],
    ["a full piece", "x".repeat(SCRATCH_BYTES), 0],
  ])(
    "counts %s once among the small writes if it is written as a small one",
    (_, text, counted) => {
      const { to, sender } = piped(END);
      sender.receives(text);
      expect(to.smallWrites).toBe(counted);
    },
  );

  test("waits with small pieces while too many are in flight", () => {
    const { sender, receiver } = piped();
    for (const letter of "abcdefg") sender.receives(letter);
    expect(receiver.written).toBe("abcd");
    receiver.hasRoom(10_000);
    expect(receiver.written).toBe("abcdefg");
  });
});

describe("a native pipe", () => {
  test("gets the content as its options, and the bytes that were read ahead back", () => {
    const { from, to, sender } = scriptedPair(NativeSocket);
    const search = {};
    class Search {
      constructor() {
        // biome-ignore lint/correctness/noConstructorReturn: the handle itself matters here
        return search;
      }
    }
    sender.receives("sniffed");
    from.peek(4);
    const keywords = new Keywords([{ keyword: "END", match: "line", in: "any" }], { Search });
    expect(from.pipe(to, new RawStream(scratch, keywords))).toBeUndefined();
    expect(sender.options).toMatchObject({ search });
    expect(sender.options!.bytes).toBeUndefined();
    expect(Buffer.from(sender.waiting).toString()).toBe("sniffed");
  });

  test("reports its outcome; then the counts are those of the sockets", () => {
    const { from, to, sender, receiver, told } = scriptedPair(NativeSocket);
    from.pipe(to, new RawStream(scratch));
    sender.reports("first");
    sender.passed = 2_000_000_000_000;
    expect(from.passedBytes).toBe(2_000_000_000_000);
    sender.waiting = [1, 2, 3];
    receiver.room = 77;
    sender.reports("found");
    expect(told).toEqual(["from first", "from found"]);
    expect([from.passedBytes, from.readable, to.writable]).toEqual([2_000_000_000_000, 3, 77]);
    expect(sender.options).toBeUndefined();
  });

  test("whose receiver fails leaves it unwritable, and its sender readable", () => {
    const { from, to, sender, receiver, told } = scriptedPair(NativeSocket);
    from.pipe(to, new RawStream(scratch));
    sender.waiting = [1];
    receiver.room = 9;
    sender.reports("to-error");
    expect([told, to.state, to.writable]).toEqual([["from to-error"], "write-failed", 0]);
    expect(from.readable).toBe(1);
  });

  test.each(["pipe", "unread"] as const)(
    "is replaced where there is no memory for it: %s",
    what => {
      const { from, to, sender, receiver } = scriptedPair(NativeSocket);
      sender.isFull = what;
      sender.receives("sniffed");
      from.peek(7);
      expect(from.pipe(to, new RawStream(scratch))).toBeUndefined();
      expect([receiver.written, from.readable]).toEqual(["sniffed", 0]);
      sender.receives(" on");
      expect([receiver.written, sender.options]).toEqual(["sniffed on", undefined]);
    },
  );

  test("holds bytes at both ends, and says which side it waits for", () => {
    const { from, to, sender } = scriptedPair(NativeSocket);
    from.pipe(to, new RawStream(scratch));
    sender.heldBytes = 500;
    expect([from.heldBytes, to.heldBytes, from.waitsFor]).toEqual([500, 500, "bytes"]);
    sender.waitsFor = 1;
    expect(from.waitsFor).toBe("room");
  });

  test.each(["from", "to"] as const)(
    "is stopped when %s is closed, and reports nothing any more",
    which => {
      const pair = scriptedPair(NativeSocket);
      const { from, to, sender, told } = pair;
      from.pipe(to, new RawStream(scratch));
      sender.passed = 42;
      pair[which].close();
      expect([sender.options, from.passedBytes]).toEqual([undefined, 42]);
      sender.reports("to-error");
      expect(told).toEqual([]);
    },
  );
});
