import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { collect, EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";

// The chip reports received bytes and a reset one turn after they came. A write in between finds
// the connection dead, though the peer's last bytes are still to be announced. Nothing of them is lost.
//
// Everything that happens "in one instant" leaves both peers at the same time, and takes the same time
// to the board.

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const UPGRADE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";
const SWITCHING = "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";
const RAW = { listeners: [{ port: 80, mode: "tcp" }] };

/**
 * Waits until the board connects to a backend and makes it busy: when it is back, the connection stands,
 * the backend has sent bytes and closed. Then the board learns of the bytes, and never that it could write.
 */
async function busyWhileConnecting(lab: EmulatedLab, connections: number): Promise<void> {
  const { stack, tasks } = lab.board;
  await lab.clock.run({ until: () => stack.connections === connections, ms: 60_000 });
  tasks.stall(50);
}

/** Sends its last words and resets the connection. */
function dies(socket: MockSocket, lastWords: string): void {
  socket.removeAllListeners("data");
  socket.write(lastWords);
  socket.resetAndDestroy();
}

/** The board's log lines of requests, and of backends that were blamed. */
function logged(lab: EmulatedLab) {
  const requests = lab.events("http", "request").map(({ values }) => values);
  const [backend] = lab.app!.proxy.pool.backends;
  const { failures } = backend.counters;
  return { requests, blamed: failures + backend.health.failures };
}

describe("a backend that answers early and resets while the upload comes", () => {
  const framings = {
    length: { head: "Content-Length: 200000", piece: "x".repeat(1000) },
    chunks: { head: "Transfer-Encoding: chunked", piece: `3e8\r\n${"x".repeat(1000)}\r\n` },
  };
  const answers = {
    "an answer with a length": reply("too much", { status: "413 Content Too Large" }),
    "an answer that the close ends": "HTTP/1.1 413 Content Too Large\r\n\r\ntoo much",
    "an answer in chunks":
      "HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ntoo much\r\n0\r\n\r\n",
    "an answer of two segments": reply("too much".repeat(300), { status: "413 Content Too Large" }),
  };
  const cases = Object.entries(framings).flatMap(([by, framing]) =>
    Object.entries(answers).map(([what, answer]) => ({ by, what, framing, answer })),
  );

  test.each(cases)(
    "by $by: the client gets $what, and no backend is blamed",
    async ({ what, framing, answer }) => {
      const lab = new EmulatedLab();
      lab.backend("a", socket => {
        let receivedBytes = 0;
        socket.on("data", (bytes: Buffer) => {
          receivedBytes += bytes.byteLength;
          if (receivedBytes < 1000) return;
          client.write(framing.piece);
          dies(socket, answer);
        });
      });
      await lab.serve();
      const client = lab.connect();
      const received = collect(client);
      client.write(`POST / HTTP/1.1\r\nHost: x\r\n${framing.head}\r\n\r\n${framing.piece}`);
      const count = (text: string) => text.split("too much").length - 1;
      await lab.clock.run({
        until: () => count(received.text) === count(answer) || client.closed,
        ms: 60_000,
      });

      expect(received.text).toMatch(/^HTTP\/1\.1 413 /);
      expect(count(received.text)).toBe(count(answer));
      client.end();
      await lab.settle();
      const { requests, blamed } = logged(lab);
      // Without a length an end by reset does not show that it is whole.
      const state = what === "an answer that the close ends" ? "SD" : "--";
      expect(requests).toMatchObject([{ status: "413", state, retries: "0", backend: "a" }]);
      expect(blamed).toBe(0);
    },
  );

  test("without an answer it is 502, and the backend's fault", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socket => {
      socket.once("data", () => {
        client.write("x".repeat(1000));
        socket.resetAndDestroy();
      });
    });
    await lab.serve();
    const client = lab.connect();
    const received = collect(client);
    client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n`);
    await lab.clock.run({ until: () => received.text !== "" || client.closed, ms: 60_000 });

    expect(received.text).toMatch(/^HTTP\/1\.1 502 /);
    const { requests, blamed } = logged(lab);
    expect(requests).toMatchObject([{ status: "502", state: "SH" }]);
    expect(blamed).toBeGreaterThan(0);
  });
});

test("a backend that answers before it is asked, and resets: the client gets that answer", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", socket => dies(socket, reply("busy", { status: "503 Busy" })));
  await lab.serve();
  const client = lab.connect();
  const received = collect(client);
  client.write(GET);
  await busyWhileConnecting(lab, 2);
  await lab.clock.run({ until: () => received.text.endsWith("busy") || client.closed, ms: 60_000 });

  expect(received.text).toMatch(/^HTTP\/1\.1 503 Busy\r\n[\s\S]*busy$/);
  expect(logged(lab).blamed).toBe(0);
});

test("bytes on a kept connection that is dead are no response: the request is sent on another one", async () => {
  const lab = new EmulatedLab();
  const sockets: MockSocket[] = [];
  const backend = httpBackend((_, socket) => {
    sockets.push(socket);
    return reply(`answer ${sockets.length}`);
  });
  lab.backend("a", backend.serve);
  await lab.serve();
  const client = lab.connect();
  const received = collect(client);
  client.write(GET);
  await lab.clock.run({ until: () => received.text.endsWith("answer 1"), ms: 60_000 });

  client.write(GET);
  dies(sockets[0], reply("too late", { status: "408 Request Timeout" }));
  await lab.clock.run({
    until: () => /answer 2$|too late$/.test(received.text) || client.closed,
    ms: 60_000,
  });

  expect(received.text).not.toContain("too late");
  expect(received.text.endsWith("answer 2")).toBe(true);
  expect(backend.received.length).toBe(2);
  expect(logged(lab).blamed).toBe(0);
});

test("a client that sends its body and resets when 100 Continue comes: the backend gets all of it", async () => {
  const head = "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n";
  const lab = new EmulatedLab();
  const backend = httpBackend(
    () => undefined,
    (_, socket) => {
      socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      client.write("y".repeat(1000));
      client.resetAndDestroy();
      return undefined;
    },
  );
  lab.backend("a", backend.serve);
  await lab.serve();
  const client = lab.connect();
  collect(client);
  client.write(head);
  await lab.settle();

  expect(backend.requests.map(({ body }) => body.toString())).toEqual(["y".repeat(1000)]);
  expect(logged(lab).requests).toMatchObject([
    { status: "499", state: "CH", in: String(head.length + 1000) },
  ]);
});

describe.each([
  ["raw TCP", RAW, "hello", ""],
  ["an upgraded connection", {}, UPGRADE, SWITCHING],
])("%s", (_, settings, begins, agrees) => {
  test.each(["the client", "the backend"])(
    "one resets while the other sends: %s's last bytes arrive",
    async who => {
      const lab = new EmulatedLab();
      const heardByBackend = { text: "" };
      lab.backend("a", socket => {
        socket.once("data", () => {
          socket.write(`${agrees}ready`);
          socket.on("data", (bytes: Buffer) => {
            heardByBackend.text += bytes.toString("latin1");
          });
          const [dying, speaking] = who === "the client" ? [client, socket] : [socket, client];
          lab.clock.after(1_000, () => {
            // The speaker's bytes are delivered first, and passed on to what is dead already.
            speaking.write("are you there?");
            dying.write("last words");
            dying.resetAndDestroy();
          });
        });
      });
      await lab.serve(settings);
      const client = lab.connect();
      const received = collect(client);
      client.write(begins);
      await lab.settle();

      const other = who === "the client" ? heardByBackend : received;
      expect(other.text.endsWith("last words")).toBe(true);
      expect(logged(lab).blamed).toBe(0);
      expect(lab.app!.proxy.sessions).toBe(0);
    },
  );
});

test.each(["none", "v1", "v2"] as const)(
  "the greeting of a server that closes at once is delivered, PROXY protocol %s",
  async proxyProtocol => {
    const lab = new EmulatedLab();
    lab.backend("a", socket => socket.end("220 closed today\r\n"), { proxyProtocol });
    await lab.serve(RAW);
    const client = lab.connect();
    const received = collect(client);
    await busyWhileConnecting(lab, 2);
    await lab.clock.run({ until: () => client.closed, ms: 60_000 });

    expect(received.text).toBe("220 closed today\r\n");
    expect(lab.clock.now()).toBeLessThan(2_000); // no connect timeout
    expect(logged(lab).blamed).toBe(0);
  },
);

test.each(["tcp", "http"] as const)(
  "a backend that answers and ends at once passes its %s checks",
  async check => {
    const lab = new EmulatedLab();
    lab.backend("a", socket => dies(socket, reply("x")));
    lab.boot({ health: { check, fall: 1 } });
    for (let i = 0; i < 3; i++) {
      await busyWhileConnecting(lab, 1);
      await lab.clock.run({ until: () => lab.board.stack.connections === 0, ms: 60_000 });
    }

    const { code, up } = lab.app!.proxy.pool.backends[0].health;
    expect({ code, up }).toEqual({ code: check === "tcp" ? "L4OK" : "L7OK/200", up: true });
  },
);
