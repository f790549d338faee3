import type { Socket } from "node:net";
import { Transform } from "node:stream";
import type { Behaviour, Stage } from "./behaviour.ts";

/** Bytes of a line that are kept until its end comes; a longer one is echoed in pieces. */
const LINE_BYTES_MAX = 64 * 1024;

const LF = 10;

/** The raw TCP side of a backend: gives each line back with the backend's name before it. */
export function echoLines(socket: Socket, { latencyMs }: Behaviour, { name, clock }: Stage): void {
  let rest = Buffer.alloc(0);
  const echo = new Transform({
    transform(piece: Buffer, _encoding, done) {
      let text = rest.byteLength > 0 ? Buffer.concat([rest, piece]) : piece;
      const lines: Buffer[] = [];
      const tag = Buffer.from(`${name}: `);
      for (let end = text.indexOf(LF); end >= 0; end = text.indexOf(LF)) {
        lines.push(tag, text.subarray(0, end + 1));
        text = text.subarray(end + 1);
      }
      if (text.byteLength > LINE_BYTES_MAX) {
        lines.push(tag, text, Buffer.from("\n"));
        text = Buffer.alloc(0);
      }
      rest = Buffer.from(text);
      if (lines.length === 0) return done();
      const reply = Buffer.concat(lines);
      if (latencyMs === undefined) return done(null, reply);
      const cancel = clock.after(latencyMs, () => {
        socket.off("close", cancel);
        done(null, reply);
      });
      socket.once("close", cancel);
    },
  });
  socket.pipe(echo).pipe(socket);
}
