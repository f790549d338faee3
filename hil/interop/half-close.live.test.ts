import { once } from "node:events";
import net from "node:net";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ourBoard } from "../../emulator/proxy/firmware-board.ts";
import { type LiveBoard, startBoard } from "../kit/live-board.ts";
import { missing } from "./reference-proxies.ts";
import { FILE, sha256 } from "./test-site.ts";

// Programs that end their sending side and wait, and programs that tell a reset from an end, through a board with the
// firmware's own sockets.

/** Pause before a slow answer, and before a reset. */
const PAUSE_MS = 300;

const stops: (() => unknown)[] = [];
let board: LiveBoard;

beforeAll(async () => {
  const server = net.createServer({ allowHalfOpen: true }, serve);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stops.push(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  board = await startBoard([port], { inspect: [] }, undefined, ourBoard("own"));
  stops.push(() => board.stop());
});

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

/**
 * One answer for each connection. Over raw TCP it comes, when the client has ended, with the digest of what was received, and
 * a file.
 */
function serve(socket: net.Socket): void {
  const pieces: Buffer[] = [];
  socket.on("error", () => {});
  socket.on("data", (piece: Buffer) => {
    pieces.push(piece);
    const [, path] = /^GET (\S+)/.exec(pieces[0].toString("latin1")) ?? [];
    if (path !== undefined && pieces.length === 1) answer(socket, path);
  });
  socket.on("end", () => {
    if (pieces.length === 0 || pieces[0].toString("latin1").startsWith("GET ")) socket.end();
    else socket.end(Buffer.concat([Buffer.from(sha256(Buffer.concat(pieces))), FILE]));
  });
}

function answer(socket: net.Socket, path: string): void {
  const later = (task: () => void) => setTimeout(task, PAUSE_MS);
  if (path === "/slow") {
    later(() => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"));
  } else {
    socket.write("HTTP/1.1 200 OK\r\n\r\nthe answer");
    later(() => (path === "/cut" ? socket.resetAndDestroy() : socket.end()));
  }
}

async function run(program: string, args: readonly string[], input: Buffer | string = "") {
  const { exitCode, stdout } = await execa(program, args, {
    reject: false,
    input,
    encoding: "buffer",
    stripFinalNewline: false,
    timeout: 20_000,
  });
  return { exitCode, bytes: Buffer.from(stdout) };
}

function absence(program: string): string {
  return missing(program).length > 0 ? ` (skipped: ${program} is not installed)` : "";
}

describe.skipIf(absence("nc"))(`nc -N${absence("nc")}`, () => {
  const nc = (input: Buffer | string) =>
    run("nc", ["-N", "-w", "10", "127.0.0.1", String(board.port)], input);

  test("sends a file over raw TCP, and gets the whole answer to it", async () => {
    const { exitCode, bytes } = await nc(FILE);
    const digest = sha256(FILE);
    expect(exitCode).toBe(0);
    expect(bytes.subarray(0, digest.length).toString()).toBe(digest);
    expect(sha256(bytes.subarray(digest.length))).toBe(digest);
    expect(board.lines.join("\n")).toMatch(/session: end .* protocol=raw .* why=client-closed/);
  });

  test("sends a request, and gets its answer, though that takes its time", async () => {
    const { bytes } = await nc("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(bytes.toString("latin1")).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nslow$/);
  });

  test("is told what is wrong with half a request", async () => {
    const { bytes } = await nc("GET / HTTP/1.1\r\nHost: x\r\n");
    expect(bytes.toString("latin1")).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe.skipIf(absence("curl"))(`curl${absence("curl")}`, () => {
  /** CURLE_PARTIAL_FILE and CURLE_RECV_ERROR of curl's manual. */
  const CUT = { "--http1.0": 56, "--http1.1": 18 };

  test.each(["--http1.0", "--http1.1"] as const)(
    "%s takes an answer without length for whole only if it is",
    async version => {
      const curl = (path: string) =>
        run("curl", [
          "-q",
          "-s",
          "--noproxy",
          "*",
          version,
          `http://127.0.0.1:${board.port}${path}`,
        ]);
      const whole = await curl("/whole");
      const cut = await curl("/cut");
      expect([whole.exitCode, whole.bytes.toString()]).toEqual([0, "the answer"]);
      expect([cut.exitCode, cut.bytes.toString()]).toEqual([CUT[version], "the answer"]);
      const [last] = board.requests.slice(-1);
      expect(last.values.state).toBe("SD");
    },
  );
});
