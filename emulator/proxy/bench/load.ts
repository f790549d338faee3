import net from "node:net";
import { performance } from "node:perf_hooks";

/**
 * Closed-loop load: each connection sends a request, waits for the whole answer, and repeats, until the time is
 * over. An answer other than a 200 of its announced length is an error, not a result.
 */

export interface Load {
  readonly port: number;
  /** Connections at once. */
  readonly connections: number;
  /** One request on each connection, then the next connection. */
  readonly reconnect: boolean;
  /** Bytes of body to ask for; the backend's small answer when 0. */
  readonly bodyBytes: number;
  readonly ms: number;
}

export interface Measured {
  readonly requests: number;
  readonly bytes: number;
  readonly seconds: number;
}

process.on("message", (load: Load) => {
  run(load).then(
    measured => process.send!(measured),
    error => process.send!({ error: String(error) }),
  );
});

async function run(load: Load): Promise<Measured> {
  const start = performance.now();
  const end = start + load.ms;
  const counts = { requests: 0, bytes: 0 };
  await Promise.all(
    Array.from({ length: load.connections }, async () => {
      do await connection(load, end, counts);
      while (load.reconnect && performance.now() < end);
    }),
  );
  return { ...counts, seconds: (performance.now() - start) / 1000 };
}

function connection(
  { port, reconnect, bodyBytes }: Load,
  end: number,
  counts: { requests: number; bytes: number },
): Promise<void> {
  const path = bodyBytes > 0 ? `/bytes/${bodyBytes}` : "/";
  const closing = reconnect ? "Connection: close\r\n" : "";
  const request = `GET ${path} HTTP/1.1\r\nHost: bench.local\r\nUser-Agent: bench\r\nAccept: */*\r\n${closing}\r\n`;
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
    let head = "";
    /** Bytes of the body still to come; negative while the head is read. */
    let left = -1;
    let done = false;
    const finish = () => {
      done = true;
      socket.end(); // a reset would be another benchmark
      resolve();
    };
    socket.on("connect", () => socket.write(request));
    socket.on("error", error => (done ? undefined : reject(error)));
    socket.on("close", () => (done ? undefined : reject(new Error("closed before the answer"))));
    socket.on("data", piece => {
      if (done) return;
      if (left < 0) {
        head += piece.toString("latin1");
        const headEnd = head.indexOf("\r\n\r\n");
        if (headEnd < 0) return;
        const length = /\r\ncontent-length: *(\d+)/i.exec(head);
        if (!head.startsWith("HTTP/1.1 200") || length === null) {
          done = true;
          socket.destroy();
          reject(new Error(`not the answer: ${JSON.stringify(head.slice(0, 100))}`));
          return;
        }
        left = Number(length[1]) - (head.length - headEnd - 4);
        head = "";
      } else {
        left -= piece.byteLength;
      }
      counts.bytes += piece.byteLength;
      if (left > 0) return;
      counts.requests++;
      left = -1;
      if (reconnect || performance.now() >= end) finish();
      else socket.write(request);
    });
  });
}
process.send!({ ready: true });
