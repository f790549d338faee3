import { type LogLine, parseLine } from "../../../firmware/tools/log-line.ts";

/** Maximum width of a request's columns. */
export const COLUMNS_MAX = 100;

/** Widths of columns; a longer text is cut and gets an ellipsis. */
const [METHOD, PATH, BACKEND, CLIENT, TOOK, TAG] = [7, 24, 8, 21, 9, 9];

/** An error has the rest of the line. */
const NOTES =
  COLUMNS_MAX - (9 + 1 + 3 + 1 + METHOD + 1 + PATH + 1 + BACKEND + 1 + CLIENT + TOOK + 1);

/** How a piece of a line is to style. */
export type Style = "plain" | "dim" | "good" | "note" | "warn" | "bad";

/** Paints a piece; without colours it returns the text. */
export type Paint = (style: Style, text: string) => string;

/**
 * A line of the board's log for people: seconds since boot, and a request in columns, within `COLUMNS_MAX`.
 * Ids and timers are in the raw line. What is no event is returned as it is.
 */
export function compactLine(line: string, paint: Paint = (_, text) => text): string {
  const event = parseLine(line);
  if (event === undefined) return line;
  const time = paint("dim", (event.ms / 1000).toFixed(3).padStart(9));
  const { on, what, level } = event;
  if (on === "http" && what === "request") return `${time} ${request(event, paint)}`;
  const style: Style = level === "E" ? "bad" : level === "W" ? "warn" : "plain";
  const rest = line.slice(line.indexOf(`${on}:`) + on.length + 1).trimStart();
  return `${time} ${paint(style, `${on.padEnd(TAG)}${rest}`)}`;
}

function request({ values }: LogLine, paint: Paint): string {
  const { status, method, path, backend = "-", client, Ta, retries, state = "", why } = values;
  const notes = [
    ...(retries === "0" ? [] : [`${retries} ${retries === "1" ? "retry" : "retries"}`]),
    ...(/^-*$/.test(state) ? [] : [state]),
    ...(why === undefined ? [] : [why]),
  ].join(" ");
  const columns = [cell(method, METHOD), cell(path, PATH), cell(backend, BACKEND)];
  const code = paint(styleOf(status), status.padStart(3));
  const line = `${code} ${columns.join(" ")} ${cell(client, CLIENT)}${`${Ta} ms`.padStart(TOOK)}`;
  return notes === "" ? line : `${line} ${paint("warn", cut(notes, NOTES))}`;
}

function styleOf(status: string): Style {
  if (status < "300") return "good";
  return status < "400" ? "note" : status < "500" ? "warn" : "bad";
}

/** The text in so many columns. */
function cell(text: string, columns: number): string {
  return cut(text, columns).padEnd(columns);
}

function cut(text: string, columns: number): string {
  const shown = visible(text);
  return shown.length > columns ? `${shown.slice(0, columns - 1)}…` : shown;
}

/** A terminal would obey control characters, which quoted values may hold. */
function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is they that are replaced.
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "\ufffd");
}
