import { Network, seeded } from "net-mock-socket";
import { Board, type BoardOptions } from "./board.ts";
import { esp32 } from "./boards/esp32.ts";
import { VirtualClock } from "./clock.ts";
import type { BoardPlatform } from "./platform.ts";

/** An emulated ESP32 on a network in memory, and what its present program was given. */
export function onBench(options: Partial<BoardOptions> = {}) {
  const clock = new VirtualClock();
  const network = new Network({ clock, latencyMs: 1, random: seeded(1) });
  const lines: string[] = [];
  const given: BoardPlatform[] = [];
  const wire = network.host("board");
  const board = new Board({
    kind: esp32(),
    clock,
    wire,
    address: wire.address,
    random: seeded(1),
    onLine: line => lines.push(line),
    ...options,
  });
  return {
    clock,
    network,
    board,
    lines,
    /** Each time that the board has booted, with its platform. */
    given,
    boot(program: (platform: BoardPlatform) => void = () => {}): BoardPlatform {
      board.boot(platform => {
        given.push(platform);
        program(platform);
      });
      return given[given.length - 1];
    },
    /** Boots, and waits until the Wi-Fi has joined. */
    async online(program?: (platform: BoardPlatform) => void): Promise<BoardPlatform> {
      const platform = this.boot(program);
      await clock.run({ until: () => platform.link.address !== undefined });
      return platform;
    },
  };
}

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0));
}

export function text(bytes: ArrayBuffer | Uint8Array | number | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const view = typeof bytes === "number" ? [bytes] : new Uint8Array(bytes);
  return Buffer.from(view).toString("latin1");
}
