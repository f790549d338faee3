import type { Host, MockSocket } from "net-mock-socket";
import { expect } from "vitest";
import { reply } from "../../backends/src/http.ts";
import { type Message, MessageReader } from "../../backends/src/http-reader.ts";
import type { LogLine } from "../../firmware/tools/log-line.ts";
import { collect, EmulatedLab } from "./emulated-lab.ts";
import { type HttpBackend, httpBackend, named } from "./http-backend.ts";

/** A client's connection, and what it understands of the answers. */
export class HttpClient {
  readonly socket: MockSocket;
  readonly received: { text: string; error: string | undefined };
  readonly reader = new MessageReader("response");
  #lab: EmulatedLab;

  constructor(lab: EmulatedLab, host?: Host) {
    this.#lab = lab;
    this.socket = lab.connect({ host });
    this.received = collect(this.socket);
    this.socket.on("data", (bytes: Buffer) => this.reader.feed(bytes));
    this.socket.on("end", () => this.reader.end());
  }

  /** Sends bytes; `methods` are those of the requests that begin in them. */
  send(text: string, ...methods: string[]): void {
    for (const method of methods) this.reader.expects(method);
    this.socket.write(Buffer.from(text, "latin1"));
  }

  /** Final responses, without interim ones. */
  get replies(): Message[] {
    return this.reader.messages.filter(({ line }) => !line.startsWith("HTTP/1.1 1"));
  }

  get statuses(): number[] {
    return this.reader.messages.map(({ line }) => Number(line.slice(9, 12)));
  }

  /** Sends a request and waits for its answer, or for the close. */
  async ask(text: string): Promise<Message> {
    const count = this.replies.length;
    this.send(text, text.slice(0, text.indexOf(" ")));
    await this.#lab.clock.run({
      until: () => this.replies.length > count || this.socket.closed,
    });
    const message = this.replies[count];
    if (message === undefined) throw new Error(`no whole answer: ${JSON.stringify(this.received)}`);
    return message;
  }

  async closed(): Promise<void> {
    await this.#lab.clock.run({ until: () => this.socket.closed });
  }
}

export const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
export const HEAD = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n";

export function get(path: string, ...fields: string[]): string {
  return [`GET ${path} HTTP/1.1`, "Host: x", ...fields, "", ""].join("\r\n");
}

export function post(body: string, ...fields: string[]): string {
  const lines = ["POST / HTTP/1.1", "Host: x", ...fields, `Content-Length: ${body.length}`];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** A lab with HTTP backends of these names, each answering with its name. */
export function labWith(...names: string[]): { lab: EmulatedLab; backends: HttpBackend[] } {
  const lab = new EmulatedLab();
  const backends = names.map(named);
  for (const [index, name] of names.entries()) lab.backend(name, backends[index].serve);
  return { lab, backends };
}

/** A lab with one backend. */
export function labOf(backend: HttpBackend): EmulatedLab {
  const lab = new EmulatedLab();
  lab.backend("a", backend.serve);
  return lab;
}

/** Every listener takes whatever comes for HTTP. */
export const HTTP_ONLY = { listeners: [{ port: 80, mode: "http" }] };

export function lines(lab: EmulatedLab): LogLine["values"][] {
  return lab.events("http", "request").map(({ values }) => values);
}

export function bodies(messages: readonly Message[]): string[] {
  return messages.map(({ body }) => body.toString("latin1"));
}

/** Nothing of the lab's traffic is left anywhere. */
export function expectNothingLeft(lab: EmulatedLab): void {
  expect(lab.board.fatal).toBeUndefined();
  expect(lab.events("session", "exception")).toEqual([]);
  expect(lab.app!.proxy.sessions).toBe(0);
  expect(lab.app!.proxy.pool.connections).toBe(0);
  expect(lab.app!.proxy.pool.backends.map(({ counters }) => counters.sessions)).toEqual(
    lab.app!.proxy.pool.backends.map(() => 0),
  );
  expect(lab.board.stack.objects).toBe(0);
  expect(lab.board.stack.connections).toBe(0);
  expect(lab.board.alarms).toBe(0);
  expect(lab.clock.pending).toBe(0);
  expect(lab.network.netstat().filter(({ state }) => state !== "listen")).toEqual([]);
}

/** A backend that answers its first `count` requests of each connection and closes at the next. */
export function closesAfter(name: string, count: number): HttpBackend {
  const served = new Map<MockSocket, number>();
  return httpBackend((_request, socket) => {
    const before = served.get(socket) ?? 0;
    served.set(socket, before + 1);
    if (before < count) return reply(name);
    socket.destroy();
    return undefined;
  });
}

/** An address from which no answer ever comes: every packet to and from there takes a day. */
export function unreachable(
  lab: EmulatedLab,
  name: string,
): { name: string; address: string; port: number } {
  const { address } = lab.network.host(name);
  lab.network.link(name, { latencyMs: 86_400_000 });
  return { name, address, port: 8080 };
}
