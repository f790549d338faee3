import { expect, test } from "vitest";
import { SLOT_BYTES } from "../src/boards/chip-memory.ts";
import { bundle } from "./bundle.ts";
import { type HeapLimit, Machine, type Surroundings } from "./machine.ts";

interface Options {
  answer?: Surroundings["answer"];
  stackSlots?: number;
  limit?: HeapLimit;
}

/** A machine that has run `script`, and whose `command` is the function that it ends with. */
function machine(script: string, { answer = () => "", stackSlots, limit }: Options = {}): Machine {
  const made = new Machine({ now: () => 0, answer });
  made.evaluate(`globalThis.command = (() => { ${script} })();`);
  made.freeze(stackSlots, limit);
  return made;
}

test.each([
  ["a property of a built-in", "Array.prototype.foo = 1"],
  ["a method of a built-in", "Array.prototype.push = 1"],
  [
    "an own name of an error",
    "new (class E extends Error { constructor() { super(); this.name = 'E' } })",
  ],
  ["toString of an object", "({}).toString = 1"],
  ["a static field", "Kept.count++"],
  ["a private static field", "Kept.next()"],
  ["a map of a module", "map.set(1, 1)"],
  ["a set of a module", "set.add(1)"],
  ["the bytes of a module", "bytes[0] = 1"],
  ["where a regular expression of a module goes on", "/x/.test(''), regexp.lastIndex = 1"],
  ["a prototype of a class", "Kept.prototype.method = 1"],
])("as on the chip, writing is refused to %s", (_what, statement) => {
  const program = machine(`
    "use strict";
    class Kept { static count = 0; static #id = 0; static next() { return ++Kept.#id; } }
    const map = new Map(), set = new Set(), bytes = new Uint8Array(1), regexp = /x/g;
    return () => { ${statement}; return "written"; };`);
  expect(() => program.command("")).toThrow(/TypeError: .*(not writable|read-only|not extensible)/);
});

test("what a program makes when it runs is its own: objects, maps, buffers, fields, and a let of a module", () => {
  const program = machine(`
    "use strict";
    let count = 0;
    const list = [];
    class Own { static make() { return new Own(); } field = 0; #hidden = 0; raise() { return ++this.#hidden; } }
    return () => {
      const map = new Map([[1, 2]]), bytes = new Uint8Array(2), own = Own.make();
      map.set(3, 4); bytes[1] = 5; own.field = 6; count++; list.push(1);
      return [map.size, bytes[1], own.field, own.raise(), count, list.length].join();
    };`);
  expect(program.command("")).toBe("2,5,6,1,1,1");
});

test("the same program and the same commands give the same figures, to the instruction", () => {
  const figures = () => {
    const program = machine(
      "return text => { let s = 0; for (let i = 0; i < Number(text); i++) s += new Uint8Array(i).length; return String(s); };",
    );
    program.command("1000");
    const { computrons, slots, chunkBytes } = program.figures();
    program.end();
    return { computrons, slots, chunkBytes };
  };
  expect(figures()).toEqual(figures());
});

test("a command without garbage is measured as none: not a slot, not a byte", () => {
  const program = machine(
    "let n = 0; return () => { for (let i = 0; i < 1000; i++) n += i & 3; };",
  );
  program.command("");
  const before = program.figures();
  program.command("");
  const after = program.figures();
  expect(after.computrons - before.computrons).toBeGreaterThan(4000);
  expect(after.slots - before.slots).toBe(0);
  // The command's own text is a chunk; the program's thousand turns add nothing to it.
  expect(after.chunkBytes - before.chunkBytes).toBeLessThanOrEqual(32);
});

test("the slots that a program keeps are counted exactly, and those that it frees are not", () => {
  const program = machine(`
    const kept = [];
    return text => { const made = { a: 1, b: 2 }; if (text === "keep") kept.push(made); };`);
  const live = (text: string) => {
    program.command(text);
    program.collectGarbage();
    return program.figures().slots;
  };
  live("keep");
  const [before, forgotten, kept] = [live("forget"), live("forget"), live("keep")];
  // An object of two properties: itself, and one slot for each.
  expect([forgotten - before, kept - before]).toEqual([0, 3]);
});

test("an error names its functions; the machine goes on", () => {
  const program = machine(`
    function inner() { throw new RangeError("too far"); }
    return text => { if (text === "bad") inner(); return "good"; };`);
  expect(() => program.command("bad")).toThrow(/RangeError: too far\n at inner/);
  expect(program.command("")).toBe("good");
});

test("a program that fills the memory, or the stack, ends its machine and not this one", () => {
  const fill = machine(
    "return () => { const all = []; for (;;) all.push(new Uint8Array(1 << 29)); };",
  );
  expect(() => fill.command("")).toThrow("XS abort: memory full");
  const deep = machine("const f = () => f() + 1; return () => f();");
  expect(() => deep.command("")).toThrow("XS abort: JavaScript stack overflow");
});

const LIMIT = { slots: 200, chunkBytes: 4096, slotsStep: 64, chunkBytesStep: 1024 };

/** A program with the heap of `LIMIT` on a board with so much memory; `taken` is what it took of that. */
function limited(script: string, memoryBytes: number) {
  const taken: number[] = [];
  const answer: Surroundings["answer"] = ([word, text]) => {
    const bytes = Number(text);
    if (word !== "heap" || bytes > memoryBytes) return "0";
    memoryBytes -= bytes;
    taken.push(bytes);
    return "1";
  };
  return { program: machine(script, { answer, limit: LIMIT }), taken };
}

test("a limited heap has the given room, and grows in steps from the board's memory", () => {
  // An object of one property is two slots.
  const { program, taken } = limited(
    "let kept; return text => { for (let i = Number(text); i > 0; i--) kept = { kept }; };",
    100_000,
  );
  program.command("60");
  expect(taken).toEqual([]);
  program.command("60");
  expect(taken.length).toBeGreaterThan(0);
  expect(new Set(taken)).toEqual(new Set([LIMIT.slotsStep * SLOT_BYTES]));
});

test("chunks have a limit, too, and a large one takes several steps at once", () => {
  const { program, taken } = limited(
    "let kept; return text => { kept = new Uint8Array(Number(text)); };",
    100_000,
  );
  program.command("3500");
  expect(taken).toEqual([]);
  program.command("9000");
  expect(taken).toHaveLength(1);
  expect(taken[0]).toBeGreaterThan(5000);
  expect(taken[0]).toBeLessThan(11_000);
});

test("garbage takes no memory of the board, whatever its amount", () => {
  const { program, taken } = limited(
    "return () => { for (let i = 0; i < 5000; i++) new Uint8Array(20); };",
    100_000,
  );
  program.command("");
  expect(program.figures().collections).toBeGreaterThan(30);
  expect(taken).toEqual([]);
});

test("a program that finds no more memory ends, in the chip's words", () => {
  const { program, taken } = limited(
    "const kept = []; return () => { for (;;) kept.push({ a: new Uint8Array(100) }); };",
    10_000,
  );
  expect(() => program.command("")).toThrow("XS abort: memory full");
  expect(taken.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(8_000);
});

test("the stack has the given length, and its use is measured", () => {
  const nested =
    "const f = n => (n === 0 ? 0 : f(n - 1) + 1); return text => String(f(Number(text)));";
  const deepest = (depth: string) => {
    const program = machine(nested);
    program.command(depth);
    return program.figures().stackSlotsMax;
  };
  const perCall = deepest("11") - deepest("10");
  expect(perCall).toBeGreaterThan(4);
  expect(deepest("50")).toBe(deepest("10") + 40 * perCall);

  const stackSlots = deepest("50");
  expect(machine(nested, { stackSlots: stackSlots + 8 }).command("50")).toBe("50");
  expect(() => machine(nested, { stackSlots: stackSlots - 8 }).command("50")).toThrow(
    "XS abort: JavaScript stack overflow",
  );
});

test("stackSlotsMax counts from forgetStack on", () => {
  const program = machine("const f = n => n && f(n - 1); return text => String(f(Number(text)));");
  program.command("50");
  const before = program.figures().stackSlotsMax;
  program.forgetStack();
  program.command("10");
  expect(program.figures().stackSlotsMax).toBeLessThan(before / 2);
});

test("an exception of the board reaches the program with kind and message", () => {
  const program = machine(
    `return () => { try { board.ask("x"); } catch (e) { return e.name + ", " + e.message + ", " + (e instanceof RangeError); } };`,
    {
      answer: () => {
        throw new RangeError("no socket");
      },
    },
  );
  expect(program.command("")).toBe("RangeError, no socket, true");
});

test("a profile lists instructions and allocated memory by function", async () => {
  const program = machine(`
    class Worker { work() { let n = 0; for (let i = 0; i < 5000; i++) n += i; return n; } }
    function allocate() { return new ArrayBuffer(1000); }
    return () => { new Worker().work(); allocate(); };`);
  const functions = await program.profile(async () => void program.command(""));
  expect(functions[0].name).toBe("Worker.work");
  expect(functions[0].computrons).toBeGreaterThan(20_000);
  expect(functions[0].slots).toBe(0);
  const allocate = functions.find(({ name }) => name === "allocate")!;
  expect(allocate.slots).toBeGreaterThan(0);
  expect(allocate.chunkBytes).toBeGreaterThanOrEqual(1000);
});

test("the bundle of the firmware holds nothing of Node, and none of the tests", () => {
  expect(bundle("proxy")).not.toMatch(/node:|require\(|vitest/);
});
