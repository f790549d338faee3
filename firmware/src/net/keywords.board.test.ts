import type { MockSocket } from "net-mock-socket";
import { seeded } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { collect, EmulatedLab, echoes, mass } from "../../../hil/kit/emulated-lab.ts";

/** The first bytes of TLS, SSH and databases. */
function noise(length: number, seed: number): Buffer {
  const random = seeded(seed);
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

/** As the session has them. */
const ANSWER_SILENCE_MS = 300;
const ANSWER_TIMEOUT_MS = 2_000;

describe("a keyword is text", () => {
  const length = mass(256 * 1024);
  const stream = Buffer.concat([
    Buffer.from([0x16, 3, 1]),
    noise(length / 2, 1),
    Buffer.from("\r\nEND\r\n"),
    noise(length / 2, 2),
  ]);

  test("a binary stream that contains one passes whole, both ways, and is logged once", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", echoes);
    await lab.serve({ inspect: [{ keyword: "END", from: "both" }] });
    const client = lab.connect();
    const pieces: Buffer[] = [];
    client.on("data", (bytes: Buffer) => pieces.push(bytes));
    client.write(stream);
    await lab.clock.run({ ms: 30_000 });
    expect(Buffer.concat(pieces).equals(stream)).toBe(true);
    expect(client.closed).toBe(false);
    const notes = lab.events("session", "binary").map(({ values }) => values);
    expect(notes).toEqual([
      { id: "1", from: "client" },
      { id: "1", from: "backend" },
    ]);
  });

  test("a binary answer leaves a text client its keyword", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socket => socket.on("data", () => socket.write("\0\x01END")));
    await lab.serve({ inspect: [{ keyword: "END", from: "both" }] });
    const client = lab.connect();
    client.resume();
    client.write("hello");
    await lab.clock.run({ ms: 1_000 });
    expect(client.closed).toBe(false);
    client.write("END");
    await lab.clock.run({ ms: 1_000 });
    expect(client.closed).toBe(true);
  });

  test("one in `any` stream ends a binary one, too", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", echoes);
    await lab.serve({ inspect: [{ keyword: "END", match: "line", in: "any" }] });
    const client = lab.connect();
    const received = collect(client);
    client.write(stream);
    await lab.clock.run({ ms: 30_000 });
    expect(client.closed).toBe(true);
    expect(received.text).toBe(stream.subarray(0, stream.indexOf("END") + 5).toString("latin1"));
    expect(lab.events("session", "binary")).toEqual([]);
  });

  test.each([
    ["in one piece", ["END\0tail"]],
    ["byte by byte", [..."END\0tail"]],
    ["cut behind it", ["END", "\0tail"]],
  ])("one that was complete before the first control byte counts, %s", async (_, pieces) => {
    const lab = new EmulatedLab();
    let got = "";
    lab.backend("a", socket => socket.on("data", (bytes: Buffer) => (got += bytes)));
    await lab.serve();
    const client = lab.connect();
    for (const piece of pieces) {
      client.write(piece);
      await lab.clock.run({ ms: 5 });
    }
    await lab.clock.run({ ms: 1_000 });
    expect(got).toBe("END");
    expect(lab.events("session", "end").map(({ values }) => values.why)).toEqual(["keyword"]);
  });
});

describe("after a client's keyword", () => {
  /** The bytes that a client receives that sends `text` to such a backend, and when its connection ends. */
  async function played(
    serve: (socket: MockSocket, lab: EmulatedLab) => void,
    text = "hello\nEND\n",
  ) {
    const lab = new EmulatedLab();
    lab.backend("a", socket => serve(socket, lab));
    await lab.serve();
    const client = lab.connect();
    const received = collect(client);
    await lab.clock.run({ ms: 10 });
    client.write(text);
    const start = lab.clock.now();
    await lab.clock.run({ until: () => client.closed, ms: 10_000 });
    const ms = lab.clock.now() - start;
    await lab.settle();
    expect(lab.app!.proxy.sessions).toBe(0);
    expect(lab.board.stack.connections).toBe(0);
    expect(lab.events("session", "end").map(({ values }) => values.why)).toEqual(["keyword"]);
    return { ms, received };
  }

  const answers = (ms: number) => (socket: MockSocket, lab: EmulatedLab) => {
    socket.on("data", (bytes: Buffer) => {
      lab.clock.after(ms, () => socket.write(bytes));
    });
    socket.on("end", () => socket.end());
  };

  test.each([0, 100, ANSWER_SILENCE_MS - 50])(
    "what a backend answers within %i ms is delivered",
    async ms => {
      const { received } = await played(answers(ms));
      expect(received).toEqual({ text: "hello\nEND", error: undefined });
    },
  );

  test("silence of 300 ms ends it, whatever would come then", async () => {
    const { ms, received } = await played(answers(ANSWER_SILENCE_MS + 50));
    expect(received).toEqual({ text: "", error: undefined });
    expect(ms).toBeGreaterThan(ANSWER_SILENCE_MS);
    expect(ms).toBeLessThan(ANSWER_SILENCE_MS + 50);
  });

  test("an answer in pieces is delivered to its end", async () => {
    const { ms, received } = await played((socket, lab) => {
      socket.once("data", () => {
        for (let i = 1; i <= 5; i++) lab.clock.after(200 * i, () => socket.write(`${i} `));
      });
    });
    expect(received).toEqual({ text: "1 2 3 4 5 ", error: undefined });
    expect(ms).toBeGreaterThan(1_000 + ANSWER_SILENCE_MS);
    expect(ms).toBeLessThan(1_000 + ANSWER_SILENCE_MS + 50);
  });

  test("a backend that closes ends it at once, with all that it said", async () => {
    const { ms, received } = await played(socket => socket.once("data", () => socket.end("bye")));
    expect(received).toEqual({ text: "bye", error: undefined });
    expect(ms).toBeLessThan(100);
  });

  test("a backend that never falls silent is cut after two seconds", async () => {
    const { ms, received } = await played((socket, lab) => {
      const more = () => {
        if (!socket.writable) return;
        socket.write("more ");
        lab.clock.after(50, more);
      };
      socket.once("data", more);
    });
    expect(ms).toBeGreaterThan(ANSWER_TIMEOUT_MS);
    expect(ms).toBeLessThan(ANSWER_TIMEOUT_MS + 100);
    expect(received.error).toBeUndefined();
    expect(received.text.length).toBeGreaterThan((ANSWER_TIMEOUT_MS / 50 - 3) * 5);
  });

  test("a large answer reaches a client that reads slowly", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socket => socket.once("data", () => socket.end("x".repeat(40_000))));
    await lab.serve();
    lab.network.host("client");
    lab.network.link("client", { bytesPerSecond: 30_000 });
    const client = lab.connect();
    const received = collect(client);
    client.write("END");
    await lab.clock.run({ until: () => client.closed, ms: 10_000 });
    expect([received.text.length, received.error]).toEqual([40_000, undefined]);
  });

  test("a client that stops reading is closed after its two seconds, and two for the written bytes", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socket => socket.once("data", () => socket.write("x".repeat(100_000))));
    await lab.serve();
    const client = lab.connect();
    client.on("error", () => {});
    client.pause();
    client.write("END");
    await lab.clock.run({ ms: ANSWER_TIMEOUT_MS - 100 });
    expect(lab.app!.proxy.sessions).toBe(1);
    await lab.clock.run({ ms: 2_300 });
    expect(lab.app!.proxy.sessions).toBe(0);
  });

  test("nothing more of the client's is forwarded, and the answer survives it", async () => {
    let got = "";
    const { received } = await played(
      (socket, lab) => {
        socket.on("data", (bytes: Buffer) => {
          if (got === "") lab.clock.after(200, () => socket.write("answer"));
          got += bytes;
        });
      },
      `first END${"x".repeat(50_000)}`,
    );
    expect(got).toBe("first END");
    expect(received).toEqual({ text: "answer", error: undefined });
  });

  test("a keyword of the backend in the answer ends it there", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socket => socket.once("data", () => socket.write("bye STOP and no more")));
    await lab.serve({ inspect: [{ keyword: "END" }, { keyword: "STOP", from: "backend" }] });
    expect(await lab.ask("END")).toBe("bye STOP");
  });

  test("the answer counts for its backend as any other: the client is sent there again", async () => {
    const lab = new EmulatedLab();
    for (const name of ["a", "b"]) {
      lab.backend(name, socket => socket.on("data", () => socket.write(name)));
    }
    await lab.serve({ sticky: "source" });
    expect([await lab.ask("END"), await lab.ask("END")]).toEqual(["a", "a"]);
  });

  test("its slot goes to a client that waits for one", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socket => socket.on("data", (bytes: Buffer) => socket.write(bytes)));
    await lab.serve({ sessionsMax: 1, queueMax: 0 });
    const first = lab.connect();
    const received = collect(first);
    first.write("hello END");
    await lab.clock.run({ ms: 50 });
    const second = lab.connect();
    const next = collect(second);
    second.write("next");
    await lab.clock.run({ ms: 50 });
    expect(received).toEqual({ text: "hello END", error: undefined });
    expect([first.closed, next.text]).toEqual([true, "next"]);
    const ends = lab.events("session", "end").map(({ values }) => values.why);
    expect(ends).toEqual(["keyword"]);
  });

  test("a board that stops delivers the bytes received so far", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socket => socket.on("data", (bytes: Buffer) => socket.write(bytes)));
    await lab.serve();
    const client = lab.connect();
    const received = collect(client);
    client.write("hello END");
    await lab.clock.run({ ms: 20 });
    lab.app!.proxy.stop();
    await lab.clock.run({ ms: 100 });
    expect(received).toEqual({ text: "hello END", error: undefined });
    expect(client.closed).toBe(true);
  });
});
