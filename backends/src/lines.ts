import { Transform } from "node:stream";
import type { BackendSocket, Behaviour, Stage } from "./behaviour.ts";

/** Bytes of a line that are kept until its end arrives; a longer one is echoed in pieces. */
const LINE_BYTES_MAX = 64 * 1024;

const LF = 10;

/**
 * The raw TCP side of a backend: echoes each line with the backend's name before it. A last line without LF
 * gets one. `head` is what has arrived already.
 */
export function echoLines(
  socket: BackendSocket,
  head: Buffer,
  { latencyMs }: Behaviour,
  { name, clock }: Stage,
): void {
  const tag = Buffer.from(`${name}: `);
  let rest = Buffer.alloc(0);
  let cancel: (() => void) | undefined;

  /** Sends `lines`, each after its pause; nothing more is read until `done`. */
  const say = (lines: Buffer[], done: () => void): void => {
    if (lines.length === 0) {
      done();
      return;
    }
    if (latencyMs === undefined) {
      echo.push(Buffer.concat(lines));
      done();
      return;
    }
    cancel = clock.after(latencyMs, () => {
      echo.push(lines.shift());
      say(lines, done);
    });
  };
  const tagged = (line: Buffer, end = "") => Buffer.concat([tag, line, Buffer.from(end)]);

  const echo = new Transform({
    transform(piece: Buffer, _encoding, done) {
      let text = rest.byteLength > 0 ? Buffer.concat([rest, piece]) : piece;
      const lines: Buffer[] = [];
      for (let end = text.indexOf(LF); end >= 0; end = text.indexOf(LF)) {
        lines.push(tagged(text.subarray(0, end + 1)));
        text = text.subarray(end + 1);
      }
      if (text.byteLength > LINE_BYTES_MAX) {
        lines.push(tagged(text, "\n"));
        text = Buffer.alloc(0);
      }
      rest = Buffer.from(text);
      say(lines, done);
    },
    flush(done) {
      say(rest.byteLength > 0 ? [tagged(rest, "\n")] : [], done);
    },
  });
  socket.once("close", () => cancel?.());
  echo.write(head);
  socket.pipe(echo).pipe(socket);
}
