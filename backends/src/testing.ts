import { type MockSocket, Network } from "net-mock-socket";
import { VirtualClock } from "../../emulator/src/clock.ts";
import type { Behaviour } from "./behaviour.ts";
import type { MachineHost } from "./machine.ts";
import { serve } from "./serve.ts";

/** Time from a client to the backend. */
export const LATENCY_MS = 1;

/** A backend `a` on a network in memory, in virtual time. For tests only. */
export async function play(behaviour: Behaviour) {
  const clock = new VirtualClock();
  const network = new Network({ clock, latencyMs: LATENCY_MS });
  const host = network.host("backend");
  const serving = serve({ name: "a", port: 80, behaviour, clock, network: host });
  await clock.run();
  const connect = () =>
    network.host("client").connect({ host: "backend", port: 80, allowHalfOpen: true });
  return { clock, network, host, server: await serving, connect };
}

/** The bytes that a socket receives. */
export interface Heard {
  /** The received bytes, one character each. */
  text: string;
  ended: boolean;
  /** Code of the error that ended it. */
  error: string | undefined;
}

export function hear(socket: MockSocket): Heard {
  const heard: Heard = { text: "", ended: false, error: undefined };
  socket.on("data", (bytes: Buffer) => {
    heard.text += bytes.toString("latin1");
  });
  socket.on("end", () => {
    heard.ended = true;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    heard.error = error.code;
  });
  return heard;
}

/** The text of a request. */
export function request(line: string, headers: Record<string, string> = {}, body = ""): string {
  const lines = Object.entries({ Host: "a", ...headers }).map(([key, value]) => `${key}: ${value}`);
  return `${[`${line} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n${body}`;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Splits `text` into answers, by their Content-Length; those to HEAD have no body. */
export function answers(text: string, { head = false } = {}): Answer[] {
  const found: Answer[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\r\n\r\n", at);
    if (end < 0) throw new Error(`half an answer: ${text.slice(at, at + 200)}`);
    const [first, ...lines] = text.slice(at, end).split("\r\n");
    const headers = Object.fromEntries(
      lines.map(line => {
        const [, key, value] = /^([^:]+): (.*)$/.exec(line)!;
        return [key.toLowerCase(), value];
      }),
    );
    const length = head ? 0 : Number(headers["content-length"]);
    const body = text.slice(end + 4, end + 4 + length);
    found.push({ status: Number(first.split(" ")[1]), headers, body });
    at = end + 4 + length;
  }
  return found;
}

/** A host of a network in memory as the computer of a machine. */
export function machineHost(network: Network, name: string): MachineHost {
  return {
    net: network.host(name),
    silence: onReceived => network.sleep(name, onReceived),
    powerOff: () => network.crash(name)(),
  };
}
