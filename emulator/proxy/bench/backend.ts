import net from "node:net";

/**
 * The server behind every contestant, as light as possible: a small answer to each request head, or a body of
 * the size in `GET /bytes/N`. Requests have no body. It is not one of `backends/`, whose HTTP reader would be
 * measured, too.
 */

const SMALL = response(Buffer.alloc(128, "hot potato "));
const PIECE = Buffer.alloc(64 * 1024, "0123456789abcdef");

function response(body: Buffer): Buffer {
  return Buffer.concat([head(body.byteLength), body]);
}

function head(bytes: number): Buffer {
  return Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n`,
  );
}

function send(socket: net.Socket, bytes: number): void {
  socket.write(head(bytes));
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const piece = left < PIECE.byteLength ? PIECE.subarray(0, left) : PIECE;
      left -= piece.byteLength;
      if (!socket.write(piece)) {
        socket.once("drain", more);
        return;
      }
    }
  };
  more();
}

const server = net.createServer({ noDelay: true }, socket => {
  let rest = "";
  socket.on("error", () => {}); // a load generator resets its connections
  socket.on("data", piece => {
    rest += piece.toString("latin1");
    for (let end = rest.indexOf("\r\n\r\n"); end >= 0; end = rest.indexOf("\r\n\r\n")) {
      const bytes = /^GET \/bytes\/(\d+) /.exec(rest)?.[1];
      if (bytes === undefined) socket.write(SMALL);
      else send(socket, Number(bytes));
      rest = rest.slice(end + 4);
    }
  });
});
server.listen(0, "127.0.0.1", () => {
  process.send!({ port: (server.address() as net.AddressInfo).port });
});
