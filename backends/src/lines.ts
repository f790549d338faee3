import type { Connection } from "./behaviour.ts";
import type { Step } from "./steps.ts";

/** Bytes of a line that are kept until its end arrives; a longer one is echoed in pieces. */
const LINE_BYTES_MAX = 64 * 1024;

const LF = 10;

/**
 * The raw TCP side of a backend: echoes each line with the backend's name before it, after a pause if there is
 * one. A last line without LF gets one.
 */
export function echoLines(connection: Connection, first: Buffer, pauseMs?: number): void {
  const tag = Buffer.from(`${connection.name}: `);
  let rest: Buffer = Buffer.alloc(0);
  const tagged = (line: Buffer, end = "") => Buffer.concat([tag, line, Buffer.from(end)]);
  const echo = (lines: readonly Buffer[]) => {
    if (pauseMs === undefined) connection.play([{ send: Buffer.concat(lines) }]);
    else connection.play([late(lines, pauseMs)]);
  };
  connection.receive = bytes => {
    let text = rest.byteLength > 0 ? Buffer.concat([rest, bytes]) : bytes;
    const lines: Buffer[] = [];
    for (let end = text.indexOf(LF); end >= 0; end = text.indexOf(LF)) {
      lines.push(tagged(text.subarray(0, end + 1)));
      text = text.subarray(end + 1);
    }
    if (text.byteLength > LINE_BYTES_MAX) {
      lines.push(tagged(text, "\n"));
      text = Buffer.alloc(0);
    }
    rest = text;
    echo(lines);
    connection.throttle();
  };
  connection.finish = () => {
    if (rest.byteLength > 0) echo([tagged(rest, "\n")]);
    connection.play([{ close: "end" }]);
  };
  connection.receive(first);
}

/** Lines, each after its pause. */
function late(lines: readonly Buffer[], pauseMs: number, at = 0): Step {
  const next = () => [{ waitMs: pauseMs }, { send: lines[at] }, late(lines, pauseMs, at + 1)];
  return { run: () => (at < lines.length ? next() : []) };
}
