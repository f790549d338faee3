import { expect, test } from "vitest";
import { ScriptedMachine } from "../../backends/src/machine.ts";
import { machineHost } from "../../backends/src/testing.ts";
import { collect, EmulatedLab, says } from "../../hil/kit/emulated-lab.ts";

test("a machine is woken by one press of its power button, through a pin of the board", async () => {
  const lab = new EmulatedLab();
  const { clock, network, board } = lab;
  const backend = lab.backend("a", says("a"), { machine: "nas" });
  await backend.stop();
  const host = machineHost(network, "a");
  const parts = { name: "nas", mac: "02:00:00:00:00:01", host, clock };
  const machine = new ScriptedMachine({ ...parts, bootMs: 20_000 });
  machine.services.push({ start: async () => backend.start(), stop: () => backend.stop() });
  const levels: [number, number][] = [];
  board.pins.connect(13, level => {
    levels.push([level, clock.now()]);
    machine.button(level);
  });
  await lab.serve({
    machines: [{ name: "nas", wakeBy: { gpio: 13, pressMs: 300 } }],
    health: { check: "tcp", intervalMs: 1000, timeoutMs: 500 },
  });
  // After a power failure the machine may boot by itself, and the board waits for that.
  await clock.run({ ms: 300_000 });

  const socket = lab.connect();
  const received = collect(socket);
  socket.write("hello");
  await clock.run({ until: () => socket.closed, ms: 60_000 });
  expect(received.text).toBe("a: hello");
  expect(machine).toMatchObject({ state: "awake", presses: 1, wrongPresses: 0, magicPackets: 0 });
  expect(levels.map(([level]) => level)).toEqual([1, 0]);
  expect(levels[1][1] - levels[0][1]).toBeCloseTo(300, 0);
});
