/** Characters of a message that a line holds; 300 of them take 26 ms at 115200 baud. */
const MESSAGE_MAX = 200;

/** Functions that a line names. */
const CALLERS_MAX = 8;

/** A function that XS knows no name of, such as a private method. */
const UNNAMED = "?";

/** Told without a concatenation: no memory is left for one. */
const MEMORY_FULL = "XS abort: memory full";

/**
 * An exception as one line: `TypeError: cannot coerce undefined to object at soft < make < ?`. The names
 * are the functions that ran, the innermost first. That is all that is known on the chip: its byte code
 * has neither files nor lines (xsError.c: fxCaptureErrorStack).
 */
export function exceptionText(exception: unknown): string {
  const message = onOneLine(messageOf(exception));
  const callers = callersOf(exception);
  return callers.length === 0 ? message : `${message} at ${callers.join(" < ")}`;
}

/**
 * The last line of a program, by what XS gives to `globalThis.abort`: its reason, such as "memory full" or
 * "unhandled exception" (xsError.c: gXSAbortStrings), and what was thrown, if anything was.
 */
export function abortLine(reason: string, exception: unknown): string {
  if (reason === "memory full") return MEMORY_FULL;
  const line = `XS abort: ${reason}`;
  return exception === undefined ? line : `${line} ${exceptionText(exception)}`;
}

function messageOf(exception: unknown): string {
  try {
    return String(exception);
  } catch {
    return "a value without text"; // an object without `toString`
  }
}

function onOneLine(text: string): string {
  const short = text.length > MESSAGE_MAX ? `${text.slice(0, MESSAGE_MAX - 1)}…` : text;
  return short.split("\n").join(" ").split("\r").join("");
}

/** Read from the text that XS and V8 make of the stack: ` at name (where)`, a line for each function. */
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

/** The function's own name: of `at async Session.run (file:1:2)` it is `run`. */
function nameOf(call: string): string {
  const end = call.lastIndexOf(" (");
  if (end < "at ".length) return UNNAMED;
  const words = call.slice("at ".length, end).split(" [")[0];
  const name = words.slice(Math.max(words.lastIndexOf(" "), words.lastIndexOf(".")) + 1);
  return name.startsWith("<") || name.startsWith("#") ? UNNAMED : name;
}
