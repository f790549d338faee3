import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { collect, EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";
import {
  bodies,
  expectNothingLeft,
  GET,
  get,
  HttpClient,
  labOf,
  labWith,
  lines,
} from "../../../hil/kit/http-lab.ts";

describe("upgrades", () => {
  const UPGRADE =
    "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhl\r\n\r\n";
  const SWITCH =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pP\r\n\r\n";

  /** Agrees with `first` in the same piece, and sends everything back from there on. */
  function socketServer(first = ""): {
    serve(socket: MockSocket): void;
    heads: string[];
    raw: string[];
  } {
    const heads: string[] = [];
    const raw: string[] = [];
    return {
      heads,
      raw,
      serve(socket) {
        let head = "";
        socket.on("data", (bytes: Buffer) => {
          if (head.includes("\r\n\r\n")) {
            raw.push(bytes.toString("latin1"));
            socket.write(bytes);
            return;
          }
          head += bytes.toString("latin1");
          const end = head.indexOf("\r\n\r\n") + 4;
          if (end < 4) return;
          heads.push(head.slice(0, end));
          socket.write(SWITCH + first + head.slice(end));
          raw.push(head.slice(end));
        });
        socket.on("end", () => socket.end());
      },
    };
  }

  test("after the backend's 101 both sides speak what they like, END included", async () => {
    const server = socketServer("welcome ");
    const lab = new EmulatedLab();
    lab.backend("a", server.serve);
    await lab.serve();
    const client = new HttpClient(lab);
    const received = collect(client.socket);
    client.send(UPGRADE);
    await lab.clock.run({ until: () => received.text.endsWith("welcome ") });
    expect(server.heads[0]).toMatch(
      /^GET \/chat HTTP\/1\.1\r\nHost: x\r\nSec-WebSocket-Key: dGhl\r\n([\s\S]+\r\n)?Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n$/,
    );
    expect(client.statuses).toEqual([101]);
    expect(client.reader.messages[0].fields).toEqual([
      ["Sec-WebSocket-Accept", "s3pP"],
      ["Connection", "Upgrade"],
      ["Upgrade", "websocket"],
    ]);

    const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, i) => i % 256)).toString("latin1");
    const before = received.text.length;
    client.send(`END ${bytes}`);
    await lab.clock.run({ until: () => received.text.length === before + 20_004 });
    expect(received.text.slice(before)).toBe(`END ${bytes}`);
    expect(client.socket.closed).toBe(false);
    expect(lines(lab)).toMatchObject([{ status: "101", state: "--", backend: "a" }]);

    client.socket.end();
    await lab.settle();
    expect(lab.events("session", "end")).toMatchObject([
      { values: { why: "client-closed", backend: "a", in: "20004" } },
    ]);
    expectNothingLeft(lab);
  });

  test("bytes behind the request wait for the 101, and are never read as a request", async () => {
    const server = socketServer();
    const lab = new EmulatedLab();
    lab.backend("a", server.serve);
    await lab.serve();
    const client = new HttpClient(lab);
    const received = collect(client.socket);
    client.send(UPGRADE + GET);
    await lab.clock.run({ until: () => received.text.endsWith(GET) });
    expect(server.raw.join("")).toBe(GET);
    expect(lines(lab).length).toBe(1);
  });

  test("a refused upgrade is an ordinary answer, and the connection's last one", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(UPGRADE + GET, "GET", "GET");
    await lab.clock.run({ ms: 1000 });
    expect(bodies(client.replies)).toEqual(["a"]);
    expect(client.socket.closed).toBe(true);
    expect(backends[0].requests.length).toBe(1);
  });

  test.each([
    ["websocket", "websocket", 101],
    ["websocket", "WebSocket", 101],
    ["a, websocket/13", "websocket/13", 101],
    ["websocket", "h2c", 502],
    ["websocket", "websocket, tls", 502],
    ["websocket", "", 502],
  ])(
    "a client that offers %j and whose backend sends 101 with %j gets %i",
    async (offer, chosen, status) => {
      const lab = labOf(
        httpBackend(() => `HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: ${chosen}\r\n\r\n`),
      );
      await lab.serve();
      const client = new HttpClient(lab);
      client.send(UPGRADE.replace("Upgrade: websocket", `Upgrade: ${offer}`), "GET");
      await lab.clock.run({ ms: 1000 });
      expect(client.received.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    },
  );

  test("HTTP/2 in the clear is not agreed to, nor an upgrade that Connection does not name", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    const h2c = ["Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk"];
    await client.ask(get("/", ...h2c, "Upgrade: h2c"));
    await client.ask(get("/", ...h2c, "Upgrade: websocket, h2c"));
    await client.ask(get("/", "Upgrade: websocket"));
    await client.ask(
      "GET / HTTP/1.0\r\nConnection: keep-alive, upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    expect(backends[0].requests.length).toBe(4);
    for (const request of backends[0].requests)
      for (const name of ["upgrade", "http2-settings", "connection"])
        expect(request.all(name)).toEqual([]);
  });

  test("a tunnel that once spoke may be silent for ten minutes", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socketServer().serve);
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(UPGRADE);
    await lab.clock.run({ ms: 1000 });
    client.send("ping");
    await lab.clock.run({ ms: 595_000 });
    expect(client.socket.closed).toBe(false);
    await lab.clock.run({ ms: 10_000 });
    expect(client.socket.closed).toBe(true);
    expect(lab.events("session", "end")[0].values.why).toBe("tunnel-timeout");
  });

  test("so may one that has sent nothing yet: from the 101 on its timeout is the tunnel's", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socketServer().serve);
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(UPGRADE);
    await lab.clock.run({ ms: 590_000 });
    expect(client.socket.closed).toBe(false);
    await lab.clock.run({ ms: 20_000 });
    expect(client.socket.closed).toBe(true);
  });
});
