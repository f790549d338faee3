import net from "node:net";

/** The least that a proxy in Node can be: two sockets piped into each other, backends in turn. */

const backends: number[] = JSON.parse(process.argv[2]);
let turn = 0;

const server = net.createServer({ noDelay: true }, client => {
  const port = backends[turn++ % backends.length];
  const backend = net.connect({ host: "127.0.0.1", port, noDelay: true });
  client.pipe(backend).pipe(client);
  client.on("error", () => backend.destroy());
  backend.on("error", () => client.destroy());
});
server.listen(0, "127.0.0.1", () => {
  process.send!({ port: (server.address() as net.AddressInfo).port });
});
