/** Longest message in a log line, in characters; they take 17 ms at 115200 baud. */
const MESSAGE_MAX = 200;

/** Most functions named in a line. */
const CALLERS_MAX = 8;

/** Stands for a function without a name in XS, such as a private method. */
const UNNAMED = "?";

/** XS's reason where no memory is left. */
export const MEMORY_FULL = "memory full";

/** A constant, because no memory is left for a concatenation. */
const MEMORY_FULL_LINE = "XS abort: memory full";

/**
 * An exception as one line: `TypeError: cannot coerce undefined to object at soft < make < ?`. The names
 * are the call stack, innermost function first. The chip knows no more: its byte code has neither file names nor
 * line numbers (xsError.c: fxCaptureErrorStack).
 */
export function exceptionText(exception: unknown): string {
  const text = messageOf(exception);
  const short = text.length > MESSAGE_MAX ? `${text.slice(0, MESSAGE_MAX - 1)}…` : text;
  const message = short.split("\n").join(" ").split("\r").join("");
  const callers = callersOf(exception);
  return callers.length === 0 ? message : `${message} at ${callers.join(" < ")}`;
}

/**
 * The last log line before a restart, from the arguments of `globalThis.abort`: XS's reason, such as "memory full"
 * or "unhandled exception" (xsError.c: gXSAbortStrings), and the exception, if there is one.
 */
export function abortLine(reason: string, exception: unknown): string {
  if (reason === MEMORY_FULL) return MEMORY_FULL_LINE;
  const line = `XS abort: ${reason}`;
  return exception === undefined ? line : `${line} ${exceptionText(exception)}`;
}

function messageOf(exception: unknown): string {
  try {
    return String(exception);
  } catch {
    return "a value without text"; // an object without a usable `toString`
  }
}

/** Parses the stack as XS and V8 print it: ` at name (location)`, one line per function. */
function callersOf(exception: unknown): string[] {
  const { stack } = Object(exception) as { stack?: unknown };
  const names: string[] = [];
  if (typeof stack !== "string") return names;
  for (const line of stack.split("\n")) {
    if (names.length === CALLERS_MAX) break;
    const call = line.trimStart();
    if (call !== line && call.startsWith("at ")) names.push(nameOf(call));
  }
  while (names.at(-1) === UNNAMED) names.pop();
  return names;
}

/** The function's own name: `run` for `at async Session.run (file:1:2)`. */
function nameOf(call: string): string {
  const end = call.lastIndexOf(" (");
  if (end < "at ".length) return UNNAMED;
  const words = call.slice("at ".length, end).split(" [")[0];
  const name = words.slice(Math.max(words.lastIndexOf(" "), words.lastIndexOf(".")) + 1);
  return name.startsWith("<") || name.startsWith("#") ? UNNAMED : name;
}
