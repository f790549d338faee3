import { Network, seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { Board } from "../../emulator/src/board.ts";
import { esp32 } from "../../emulator/src/boards/esp32.ts";
import { VirtualClock } from "../../emulator/src/clock.ts";
import { statusOf } from "./admin/status.ts";
import { type App, logBoot, start } from "./app.ts";
import { type Configuration, readConfig } from "./config/config.ts";
import { VERSION } from "./version.ts";

test.each(["1f09c2ab", undefined])("the first line and the status name the build: %s", build => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const outcome = readConfig({ backends: [{ address: "10.0.0.2", port: 80 }] }) as Configuration;
  let app: App | undefined;
  const kind = esp32();
  const board = new Board({
    kind,
    clock,
    wire: new Network({ clock }).host("board"),
    random: seeded(1),
    onLine: line => lines.push(line),
  });
  board.boot(platform => {
    logBoot(platform, { build });
    app = start(platform, outcome, { build });
  });

  const named = build === undefined ? "" : ` build=${build}`;
  const heap = kind.heapBytes;
  expect(lines[0]).toBe(`I (0) boot: version=${VERSION}${named} reset=power-on heap=${heap}`);
  expect(statusOf(app!.runtime).build).toBe(build ?? null);
  app!.stop();
  board.unplug();
});

test.each([80, 8404])(
  "an exception while port %i accepts a client is reported, and the board serves the next",
  async port => {
    const clock = new VirtualClock();
    const network = new Network({ clock });
    const lines: string[] = [];
    const outcome = readConfig({ backends: [{ address: "10.0.0.9", port: 80 }] }) as Configuration;
    const board = new Board({
      kind: esp32(),
      clock,
      wire: network.host("board"),
      random: seeded(1),
      onLine: line => lines.push(line),
    });
    let failures = 1;
    board.boot(platform => {
      class Listener extends platform.Listener {
        override read() {
          const accepted = super.read();
          if (this.port !== port || failures-- <= 0) return accepted;
          accepted?.close();
          throw new Error("no memory");
        }
      }
      start({ ...platform, Listener }, outcome);
    });
    await clock.run({ until: () => lines.some(line => line.includes("proxy: ready")) });

    const answers: string[] = [];
    for (let i = 0; i < 2; i++) {
      const socket = network.host("client").connect({ host: "board", port });
      let heard = "";
      socket.on("error", () => {});
      socket.on("data", (bytes: Buffer) => {
        heard += bytes;
      });
      socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
      await clock.run({ until: () => socket.closed || heard !== "", ms: 30_000 });
      answers.push(heard.slice(0, 8));
    }
    expect(answers).toEqual(["", "HTTP/1.1"]);
    expect(
      lines.filter(line => / exception error="Error: no memory at read/.test(line)),
    ).toHaveLength(1);
    expect(board.fatal).toBe(undefined);
  },
);

test.each([
  ["confirmed by a request with the token", 8404, "right-token-1", "right-token-1", 1],
  ["not confirmed by one with a wrong token", 8404, "right-token-1", "wrong-token-1", 0],
  ["not confirmed by one without a token", 8404, "right-token-1", "", 0],
  ["confirmed by any request if no token is set", 8404, undefined, "", 1],
  ["confirmed if no request is possible", 0, "right-token-1", undefined, 1],
])("the network is %s", async (_, adminPort, boardToken, token, confirmed) => {
  const clock = new VirtualClock();
  const network = new Network({ clock });
  const backends = [{ address: "10.0.0.9", port: 80 }];
  const outcome = readConfig({ backends, adminPort }) as Configuration;
  const kind = esp32();
  const board = new Board({ kind, clock, wire: network.host("board"), random: seeded(1) });
  let confirmations = 0;
  board.boot(platform => {
    const link = Object.create(platform.link, { confirm: { value: () => confirmations++ } });
    start({ ...platform, link }, outcome, { token: boardToken });
  });
  await clock.run({ ms: 2000 });
  if (token !== undefined) {
    const socket = network.host("operator").connect({ host: "board", port: adminPort });
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    await clock.run({ ms: 5000 });
  }
  expect(confirmations).toBe(confirmed);
});
