import { expect, test } from "vitest";
import { abortLine, exceptionText } from "./exception.ts";

/** An exception as XS has it: its stack names functions, and no files. */
function thrown(message: string, ...names: string[]): Error {
  const error = new TypeError(message);
  error.stack = [`TypeError: ${message}`, ...names.map(name => ` at ${name}()`)].join("\n");
  return error;
}

test("an exception is one line: kind, message, and the functions that ran, the innermost first", () => {
  expect(exceptionText(thrown("no such x", "", "soft ", "make "))).toBe(
    "TypeError: no such x at ? < soft < make",
  );
});

test("unnamed functions at the outer end of the stack are left out", () => {
  expect(exceptionText(thrown("no such x", "soft ", "", ""))).toBe("TypeError: no such x at soft");
  expect(exceptionText(thrown("no such x", ""))).toBe("TypeError: no such x");
});

test("of a stack of Node only the functions' own names remain", () => {
  const error = new Error("no");
  error.stack = `Error: no
    at Session.#run (file:///firmware/src/proxy/session.ts:1:2)
    at async Session.moved (file:///firmware/src/proxy/session.ts:1:2)
    at new Endpoint (file:///firmware/src/net/endpoint.ts:1:2)
    at TCP.onReadable [as heard] (file:///x.ts:1:2)
    at file:///x.ts:1:2
    at Object.<anonymous> (file:///x.ts:1:2)`;
  expect(exceptionText(error)).toBe("Error: no at ? < moved < Endpoint < onReadable");
});

test("a message stays on its line, and a long one is cut", () => {
  expect(exceptionText(thrown("a\r\nb", "soft "))).toBe("TypeError: a b at soft");
  const { length } = exceptionText(thrown("x".repeat(5_000), ...Array(60).fill("f ")));
  expect(length).toBeLessThan(250);
});

test("anything may be thrown", () => {
  expect(exceptionText("a word")).toBe("a word");
  expect(exceptionText(undefined)).toBe("undefined");
  expect(exceptionText(Object.create(null))).toBe("a value without text");
});

test("a fatal error is reported with XS's reason", () => {
  expect(abortLine("unhandled exception", thrown("no", "soft "))).toBe(
    "XS abort: unhandled exception TypeError: no at soft",
  );
  expect(abortLine("memory full", undefined)).toBe("XS abort: memory full");
  expect(abortLine("not enough keys", undefined)).toBe("XS abort: not enough keys");
});
