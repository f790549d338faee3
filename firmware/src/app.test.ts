import { Network, seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { Board } from "../../emulator/src/board.ts";
import { esp32 } from "../../emulator/src/boards/esp32.ts";
import { VirtualClock } from "../../emulator/src/clock.ts";
import { statusOf } from "./admin/status.ts";
import { type App, announce, start } from "./app.ts";
import { type Configuration, readConfig } from "./config.ts";
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
    announce(platform, { build });
    app = start(platform, outcome, { build });
  });

  const named = build === undefined ? "" : ` build=${build}`;
  const heap = kind.heapBytes;
  expect(lines[0]).toBe(`I (0) boot: version=${VERSION}${named} reset=power-on heap=${heap}`);
  expect(statusOf(app!.operator).build).toBe(build ?? null);
  app!.stop();
  board.unplug();
});
