import type { MockSocket } from "net-mock-socket";
import { expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { collect, EmulatedLab, type LabBackend } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";

const MAC = "02:00:00:00:00:01";

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

const HEALTH = { check: "tcp", intervalMs: 1_000 } as const;

/** A lab whose backend `a` runs on a machine that sleeps: its port is closed until `awake`. */
async function labOf(
  settings: { machine?: object; backend?: object } & Record<string, unknown> = {},
  serve?: (socket: MockSocket) => void,
) {
  const { machine, backend, ...rest } = settings;
  const lab = new EmulatedLab();
  const received: string[] = [];
  const http = httpBackend(({ line, body }) => {
    received.push(line + body);
    return reply(`served ${line.split(" ")[1]}`);
  });
  const a = lab.backend("a", serve ?? http.serve, { machine: "nas", health: HEALTH, ...backend });
  a.stop();
  await lab.serve({ machines: [{ name: "nas", mac: MAC, ...machine }], ...rest });
  await lab.clock.run({ ms: 3_000 });
  const client = (text: string, options = {}) => {
    const socket = lab.connect(options);
    const received = collect(socket);
    if (text !== "") socket.write(text);
    return { socket, received };
  };
  return { lab, a, received, client };
}

async function wakes(lab: EmulatedLab, a: LabBackend, ms = 3_000) {
  a.start();
  await lab.clock.run({ ms });
}

function lines(lab: EmulatedLab) {
  return lab.events("http", "request").map(({ values }) => values);
}

test("a request for a machine that sleeps is held for its boot of three minutes, and answered", async () => {
  const { lab, a, received, client } = await labOf();
  const { received: reply } = client(GET);
  await lab.clock.run({ ms: 180_000 });
  expect([reply.text, received]).toEqual(["", []]);
  await wakes(lab, a);
  expect(reply.text).toMatch(/^HTTP\/1.1 200 .*served \/$/s);
  expect(received).toEqual(["GET / HTTP/1.1"]);
  const [line] = lines(lab);
  expect(line).toMatchObject({ status: "200", state: "--", backend: "a" });
  expect(Number(line.held)).toBeGreaterThan(180_000);
  expect(Number(line.held)).toBeLessThan(182_000);
});
