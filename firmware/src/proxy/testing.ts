import type { MockSocket } from "net-mock-socket";
import { expect } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import type { Message } from "../../../backends/src/http-reader.ts";
import type { BoardKind } from "../../../emulator/src/boards/kind.ts";
import {
  type BackendSettings,
  collect,
  EmulatedLab,
  type LabBackend,
} from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";

/** Settings of a lab with a machine that sleeps; all other keys are those of the configuration. */
interface SleepSettings extends Record<string, unknown> {
  readonly machine?: object;
  readonly backend?: BackendSettings;
  /** Serves a connection of the backend; without it, that answers HTTP. */
  readonly serve?: (socket: MockSocket) => void;
  /** The default is a board with memory without end. */
  readonly board?: BoardKind;
  /** Another backend, `b`. */
  readonly other?: BackendSettings & { readonly serve: (socket: MockSocket) => void };
}

export const HEALTH = { check: "tcp", intervalMs: 1_000 } as const;

/** A lab whose backend `a` runs on the machine `nas`, which sleeps: its port is closed until the test says `ready`. */
export async function asleep({
  machine: ofMachine,
  backend,
  serve,
  other,
  board,
  ...rest
}: SleepSettings = {}) {
  const lab = new EmulatedLab(board);
  const requests: Message[] = [];
  const http = httpBackend(request => {
    requests.push(request);
    return reply(`served ${request.line.split(" ")[1]}`);
  });
  const settings = { machine: "nas", health: HEALTH, ...backend };
  const a: LabBackend = lab.backend("a", serve ?? http.serve, settings);
  a.stop();
  let b: LabBackend | undefined;
  if (other !== undefined) {
    const { serve: serveOther, ...ofOther } = other;
    b = lab.backend("b", serveOther, { health: HEALTH, ...ofOther });
    if (ofOther.machine !== undefined) b.stop();
  }
  await lab.serve({ machines: [{ name: "nas", mac: "02:00:00:00:00:01", ...ofMachine }], ...rest });
  await lab.clock.run({ ms: 3_000 });
  const { proxy } = lab.app!;
  const machine = proxy.pool.machines![0];
  return {
    lab,
    a,
    b,
    machine,
    refusals: proxy.admission.refusals,
    /** The received requests, by their first lines. */
    get received() {
      return requests.map(({ line }) => line);
    },
    requests,
    /** Another client, which sends `text`. */
    client(text: string, options: { host?: string } = {}) {
      const host = options.host === undefined ? undefined : lab.network.host(options.host);
      const socket = lab.connect({ host });
      const received = collect(socket);
      if (text !== "") socket.write(Buffer.from(text, "latin1"));
      return { socket, received };
    },
    /** The machine's service is ready; time for its check, and for what follows. */
    async ready(ms = 3_000) {
      a.start();
      await lab.clock.run({ ms });
    },
    /** The machine falls asleep again, which the board's checks find out. */
    async sleeps() {
      a.stop();
      await lab.clock.run({ until: () => machine.state === "asleep", ms: 60_000 });
    },
    /** No client is left, and nothing of one. */
    async expectNothingHeld() {
      await lab.clock.run({ ms: 10_000 });
      const { pool, sessions, shared } = proxy;
      expect([sessions, pool.queue.length, pool.connections]).toEqual([0, 0, 0]);
      expect(shared.longHeadMemory.heldBytes).toBe(0);
      expect(pool.machines!.map(({ held }) => held)).toEqual([0]);
    },
    /** The values of the lines of requests, and of sessions. */
    get lines() {
      return lab.events("http", "request").map(({ values }) => values);
    },
    get ends() {
      return lab.events("session", "end").map(({ values }) => values);
    },
  };
}
