import { expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import { Machine } from "./machine.ts";

// The last line of the firmware, printed by its own hook on the chip's engine.

function firmware(command: string) {
  const lines: string[] = [];
  const machine = new Machine({
    now: () => 0,
    answer: ([word], body) => {
      if (word === "log") lines.push(body.toString());
      return "";
    },
  });
  machine.evaluate(bundle("proxy"));
  machine.evaluate(`globalThis.command = ${command};`);
  machine.freeze();
  return { machine, lines };
}

test("an exception is logged in one line, with its message and the functions that ran", () => {
  const { machine, lines } = firmware(`(() => {
    class Session {
      moved() { this.#pump(); }
      #pump() { return this.missing.x; }
    }
    function onReadable() { new Session().moved(); }
    return () => { onReadable(); };
  })()`);
  expect(() => machine.command("")).toThrow("cannot coerce undefined");
  machine.abort("unhandled exception");
  expect(lines).toEqual([
    "XS abort: unhandled exception TypeError: cannot coerce undefined to object at ? < moved < onReadable",
  ]);
});

test("a full heap is logged without taking a slot or a byte of it", () => {
  const { machine, lines } = firmware("() => {}");
  const { machine: silent } = firmware("() => { globalThis.abort = () => {}; }");
  silent.command("");
  const taken = (program: Machine) => {
    program.abort("memory full"); // what is made once, at the first call, is made
    const before = program.figures();
    program.abort("memory full");
    const { slots, chunkBytes } = program.figures();
    return [slots - before.slots, chunkBytes - before.chunkBytes];
  };
  expect(taken(machine)).toEqual(taken(silent));
  expect(lines).toEqual(["XS abort: memory full", "XS abort: memory full"]);
});
