import { Network } from "net-mock-socket";
import { expect, test } from "vitest";
import { VirtualClock } from "../../emulator/src/clock.ts";
import { type MachineOptions, ScriptedMachine } from "./machine.ts";
import { wakes } from "./magic-packet.ts";
import { serve } from "./serve.ts";
import { SleepServer } from "./sleep-server.ts";
import { steady } from "./steady.ts";
import { hear, machineHost, request } from "./testing.ts";

const MAC = "24:0a:c4:00:00:01";

/** Packet by hand: six ff, sixteen addresses, the password. */
function magic(mac = MAC, secureOn = ""): Buffer {
  const hex = (text: string) => text.replaceAll(":", "");
  return Buffer.from("ff".repeat(6) + hex(mac).repeat(16) + hex(secureOn), "hex");
}

/** A machine with a server on port 80, and a client beside it. */
function world(options: Partial<MachineOptions> = {}) {
  const clock = new VirtualClock();
  const network = new Network({ clock, latencyMs: 1 });
  const notes: string[] = [];
  const machine = new ScriptedMachine({
    name: "nas",
    mac: MAC,
    host: machineHost(network, "nas"),
    clock,
    bootMs: 3000,
    networkMs: 1000,
    onNote: what => notes.push(`${Math.round(clock.now())} ${what}`),
    ...options,
  });
  let running: Awaited<ReturnType<typeof serve>> | undefined;
  machine.services.push({
    async start() {
      const [behaviour, name] = [steady(), "a"];
      running = await serve({ name, port: 80, behaviour, clock, network: network.host("nas") });
    },
    stop: () => running?.stop(),
  });
  const client = network.host("client");
  const sender = client.createSocket("udp4");
  sender.bind(0);
  sender.setBroadcast(true);
  const send = (bytes: Buffer, port = 9, to = "255.255.255.255") => sender.send(bytes, port, to);
  /** The answer, or the code of the error. */
  const ask = async (line = "GET /", port = 80) => {
    const socket = client.connect({ host: "nas", port, allowHalfOpen: true });
    const heard = hear(socket);
    socket.write(request(line, { Connection: "close" }));
    await clock.run({ until: () => socket.closed || heard.ended, ms: 500 });
    const { closed } = socket;
    socket.destroy();
    return heard.error ?? (closed || heard.ended ? heard.text.split("\r\n")[0] : "no answer");
  };
  return { clock, network, machine, notes, client, send, ask };
}

test("asleep, its ports are silent; from a magic packet on it boots, refuses, then serves", async () => {
  const { clock, machine, notes, send, ask } = world();
  expect(await ask()).toBe("no answer");
  expect(machine.receivedAsleep).toBeGreaterThan(0);

  send(magic());
  await clock.run({ ms: 400 });
  expect(machine.state).toBe("booting");
  expect(await ask()).toBe("no answer");
  await clock.run({ ms: 500 });
  expect(await ask()).toBe("ECONNREFUSED");
  await clock.run({ ms: 3000 });
  expect(await ask()).toBe("HTTP/1.1 200 OK");
  expect(notes).toEqual(["501 is booting", "3501 is awake"]);
  expect(machine).toMatchObject({ boots: 1, magicPackets: 1, otherPackets: 0, presses: 0 });
});

test.each([
  { what: "for another computer", bytes: magic("24:0a:c4:00:00:02") },
  { what: "cut short", bytes: magic().subarray(0, 101) },
  { what: "of the wrong beginning", bytes: magic().fill(0xfe, 0, 1) },
  { what: "on another port", bytes: magic(), port: 10, others: 0 },
  { what: "to its own address, for which ARP has no answer", bytes: magic(), to: "nas", others: 0 },
])("a packet $what wakes nothing", async ({ bytes, port = 9, to, others = 1 }) => {
  const { clock, machine, send } = world();
  send(bytes, port, to);
  await clock.run({ ms: 10_000 });
  expect(machine).toMatchObject({ state: "asleep", boots: 0, otherPackets: others });
});

test("port 7 wakes it, too, and the magic may stand behind other bytes", async () => {
  const { clock, machine, send } = world();
  send(Buffer.concat([Buffer.from("hello"), magic()]), 7);
  await clock.run({ ms: 10_000 });
  expect(machine.state).toBe("awake");
});

test("with a SecureOn password only a packet with it wakes the machine", async () => {
  const { clock, machine, send } = world({ secureOn: "01:02:03:04:05:06" });
  send(magic());
  send(magic(MAC, "01:02:03:04:05:07"));
  await clock.run({ ms: 10_000 });
  expect(machine).toMatchObject({ state: "asleep", otherPackets: 2 });
  send(magic(MAC, "01:02:03:04:05:06"));
  await clock.run({ ms: 10_000 });
  expect(machine).toMatchObject({ state: "awake", magicPackets: 1 });
  expect(() => wakes(magic(), "24-0a")).toThrow('"24-0a": wanted pairs of hexadecimal digits');
});

test("a press of 50 ms wakes it, and a shorter one does not", async () => {
  const { clock, machine } = world();
  machine.button(1);
  await clock.run({ ms: 49 });
  machine.button(0);
  await clock.run({ ms: 10_000 });
  expect(machine).toMatchObject({ state: "asleep", presses: 0 });
  machine.button(1);
  await clock.run({ ms: 200 });
  machine.button(0);
  await clock.run({ ms: 10_000 });
  expect(machine).toMatchObject({ state: "awake", presses: 1, wrongPresses: 0 });
});

test("a second press while it boots switches it off, as does one that is held for four seconds", async () => {
  const { clock, machine } = world();
  for (let press = 0; press < 2; press++) {
    machine.button(1);
    await clock.run({ ms: 100 });
    machine.button(0);
    await clock.run({ ms: 100 });
  }
  expect(machine).toMatchObject({ state: "asleep", presses: 2, wrongPresses: 1 });
  machine.button(1);
  await clock.run({ ms: 3999 });
  expect(machine.state).toBe("awake");
  await clock.run({ ms: 10_000 });
  expect(machine.state).toBe("asleep");
});

test("asleep it refuses connections if it answers ARP, and is not ready", async () => {
  const { machine, ask } = world({ answersArp: true });
  expect(await ask()).toBe("ECONNREFUSED");
  expect(machine.state).toBe("asleep");
});

test("it fails to wake: it ignores packets and presses, or it hangs before its services listen", async () => {
  const { clock, machine, send, ask } = world();
  machine.fault = "ignores-wake";
  send(magic());
  machine.button(1);
  await clock.run({ ms: 1000 });
  machine.button(0);
  expect(machine).toMatchObject({ state: "asleep", magicPackets: 1, presses: 1, boots: 0 });

  machine.fault = "hangs";
  send(magic());
  await clock.run({ ms: 60_000 });
  expect(machine).toMatchObject({ state: "booting", boots: 1 });
  expect(await ask()).toBe("ECONNREFUSED");
});

test("put to sleep it closes its connections, and boots again at the next packet", async () => {
  const { clock, machine, client, send, ask } = world();
  send(magic());
  await clock.run({ ms: 5000 });
  const socket = client.connect({ host: "nas", port: 80 });
  const heard = hear(socket);
  await clock.run({ ms: 100 });
  machine.sleep();
  await clock.run({ ms: 100 });
  expect(heard.ended).toBe(true);
  expect(await ask()).toBe("no answer");
  send(magic());
  await clock.run({ ms: 5000 });
  expect(await ask()).toBe("HTTP/1.1 200 OK");
  expect(machine.boots).toBe(2);
});

test("suspended it says nothing, keeps its connections, and answers on them when it wakes", async () => {
  const { clock, machine, client, send } = world({ suspends: true });
  send(magic());
  await clock.run({ ms: 5000 });
  const socket = client.connect({ host: "nas", port: 80 });
  const heard = hear(socket);
  await clock.run({ ms: 100 });
  machine.sleep();
  socket.write("hello\n");
  await clock.run({ ms: 10_000 });
  expect(heard).toEqual({ text: "", ended: false, error: undefined });
  send(magic());
  await clock.run({ ms: 60_000 });
  expect(heard.text).toBe("a: hello\n");
});

test("without power nothing wakes it and its peers hear nothing; with power back it may boot by itself", async () => {
  const { clock, machine, client, send } = world();
  send(magic());
  await clock.run({ ms: 5000 });
  const socket = client.connect({ host: "nas", port: 80 });
  const heard = hear(socket);
  await clock.run({ ms: 100 });
  machine.cutPower();
  send(magic());
  machine.button(1);
  await clock.run({ ms: 10_000 });
  machine.button(0);
  expect(machine.state).toBe("off");
  expect(heard).toEqual({ text: "", ended: false, error: undefined });

  machine.restorePower();
  expect(machine.state).toBe("asleep");
  machine.cutPower();
  machine.restorePower({ boots: true });
  await clock.run({ ms: 5000 });
  expect(machine.state).toBe("awake");
  socket.write("still there?\n");
  await clock.run({ ms: 5000 });
  expect(heard.error).toBe("ECONNRESET");
});

test("power that fails while it boots ends the boot", async () => {
  const { clock, machine, send } = world();
  send(magic());
  await clock.run({ ms: 1500 });
  machine.cutPower();
  machine.restorePower();
  await clock.run({ ms: 60_000 });
  expect(machine).toMatchObject({ state: "asleep", boots: 1 });
});

test("its sleep server puts it to sleep at the right request, after the answer", async () => {
  const { clock, network, machine, ask, send } = world();
  const sleep = () => machine.sleep();
  const parts = { network: network.host("nas"), clock, sleep, delayMs: 200 };
  const server = new SleepServer({ ...parts, port: 8000, header: "Connection: close" });
  machine.services.push(server);
  send(magic());
  await clock.run({ ms: 5000 });

  expect(await ask("GET /suspend", 8000)).toBe("HTTP/1.1 405 Method Not Allowed");
  expect(await ask("POST /", 8000)).toBe("HTTP/1.1 404 Not Found");
  server.status = "500 Internal Server Error";
  expect(await ask("POST /suspend", 8000)).toBe("HTTP/1.1 500 Internal Server Error");
  await clock.run({ ms: 1000 });
  expect(machine.state).toBe("awake");
  server.status = "204 No Content";
  expect(await ask("POST /suspend", 8000)).toBe("HTTP/1.1 204 No Content");
  expect(machine.state).toBe("awake");
  await clock.run({ ms: 300 });
  expect(machine.state).toBe("asleep");
  expect(server.requests).toHaveLength(4);
});
