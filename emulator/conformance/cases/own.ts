import type { Listener, TCP, TCPOptions } from "../../src/platform.ts";
import { bytes, dialled, listening, PORT, same, text, throws } from "../stage.ts";
import type { Case, Target } from "../target.ts";

const SOCKETS = "firmware/native/sockets.h";
const BINDING = "firmware/native/binding.h";

/** Notes the events of a socket that half-closes but `onWritable`: `readable 3`, `end`, `error reset`. */
function noted(own: Partial<TCPOptions> = {}) {
  const events: string[] = [];
  const callbacks: Partial<TCPOptions> = {
    onReadable(this: TCP, count) {
      events.push(`readable ${count}`);
      own.onReadable?.call(this, count);
    },
    onEnd(this: TCP) {
      events.push("end");
      own.onEnd?.call(this);
    },
    onError(this: TCP, code) {
      events.push(`error ${code}`);
      own.onError?.call(this, code);
    },
    ...(own.onWritable && { onWritable: own.onWritable }),
  };
  return { events, callbacks };
}

/** The board accepts every client at once, each with the same callbacks. */
function serving(target: Target, own: Partial<TCPOptions> = {}) {
  const { events, callbacks } = noted(own);
  const clients: TCP[] = [];
  const listener: Listener = new target.Listener({
    port: PORT,
    onReadable() {
      for (;;) {
        const from = listener.read();
        if (from === undefined) return;
        clients.push(new target.TCP({ from, ...callbacks }));
      }
    },
  });
  return { listener, clients, events };
}

/** Features of the firmware's own sockets that the SDK's lack. */
export const own: Case[] = [
  {
    name: "after the peer's FIN the program writes on, and end() sends FIN behind it",
    sockets: "own",
    source: `${SOCKETS}: connectionEnd`,
    async run(target) {
      let request = "";
      const { events } = serving(target, {
        onReadable(this: TCP) {
          request += text(this.read() as ArrayBuffer);
        },
        onEnd(this: TCP) {
          this.write(bytes(`you said ${request}`));
          this.end!();
        },
      });
      const peer = target.connect(PORT);
      peer.send("hello");
      peer.finish();
      await target.until("the answer", () => peer.ending === "finished");
      await target.quiet();
      same([peer.received, events], ["you said hello", ["readable 5", "end"]], "received, events");
      same([target.objects, target.connections], [1, 0], "objects, connections");
    },
  },
  {
    name: "end() leaves reading open, for as long as the peer does not close",
    sockets: "own",
    source: `${SOCKETS}: connectionEnd`,
    async run(target) {
      const { address, port, peers } = await target.listen();
      let answer: string | undefined;
      const { events, callbacks } = noted({
        onReadable(this: TCP) {
          answer = text(this.read() as ArrayBuffer);
        },
      });
      const tcp = new target.TCP({ address, port, ...callbacks });
      tcp.end!(); // before it is connected, too
      await target.until("FIN", () => peers[0]?.ending === "finished");
      await target.quiet();
      peers[0].send("answer");
      await target.until("the answer", () => answer !== undefined);
      peers[0].finish();
      await target.until("the end", () => events.includes("end"));
      same([answer, events], ["answer", ["readable 6", "end"]], "answer, events");
      tcp.close();
      same(target.objects, 0, "objects");
    },
  },
  {
    name: "end() sends what was written before it, and a write after it returns undefined",
    sockets: "own",
    source: `${SOCKETS}: connectionWrite`,
    async run(target) {
      const { tcp, peer } = await dialled(target);
      tcp.write(bytes("good"));
      tcp.write(bytes("bye"));
      tcp.end!();
      tcp.end!();
      same(tcp.write(bytes("x")), undefined, "write");
      await target.until("the end", () => peer.ending !== "none");
      same([peer.received, peer.ending], ["goodbye", "finished"], "received, ending");
    },
  },
  {
    name: "onEnd is called behind the last byte, once, and the program writes until then and after",
    sockets: "own",
    source: `${SOCKETS}: EVENT_END`,
    async run(target) {
      const { clients, events } = serving(target);
      const peer = target.connect(PORT);
      await target.until("a client", () => clients.length === 1);
      peer.send("last words");
      peer.finish();
      await target.until("bytes", () => events.length > 0);
      await target.quiet();
      clients[0].write(bytes("a"));
      await target.until("a byte", () => peer.received === "a");
      clients[0].read(5);
      await target.quiet();
      same(events, ["readable 10"], "events");
      clients[0].read(5);
      await target.until("the end", () => events.length > 1);
      clients[0].write(bytes("b"));
      await target.until("a byte", () => peer.received === "ab");
      await target.quiet();
      same(events, ["readable 10", "end"], "events");
    },
  },
  {
    name: "without onEnd the peer's FIN is onError, with the code end",
    sockets: "own",
    source: `${BINDING}: onEnd`,
    async run(target) {
      const codes: (string | undefined)[] = [];
      const { listener } = listening(target);
      const peer = target.connect(PORT);
      await target.quiet();
      const tcp = new target.TCP({
        from: listener.read(),
        onError: code => codes.push(code),
      });
      peer.finish();
      await target.until("an error", () => codes.length > 0);
      same(codes, ["end"], "codes");
      throws(() => tcp.write(bytes("x")), "Error", "not ready");
    },
  },
  {
    name: "onError has the code refused, or reset",
    sockets: "own",
    source: `${SOCKETS}: SocketError`,
    async run(target) {
      const refused = noted();
      new target.TCP({ ...(await target.refusing()), ...refused.callbacks });
      await target.until("the refusal", () => refused.events.length > 0);
      same(refused.events, ["error refused"], "events");

      const { events } = serving(target);
      const peer = target.connect(PORT);
      await target.quiet();
      peer.reset();
      await target.until("the reset", () => events.length > 0);
      same(events, ["error reset"], "events");
    },
  },
  {
    name: "onError has the code timeout for an address that does not answer",
    sockets: "own",
    source: `${SOCKETS}: SocketError`,
    not: {
      loopback: "it would leave the network of the host",
      chip: "it would leave the network of the host",
    },
    async run(target) {
      const { events, callbacks } = noted();
      new target.TCP({ address: "10.0.0.77", port: 1, ...callbacks });
      await target.until("the time-out", () => events.length > 0);
      same(events, ["error timeout"], "events");
    },
  },
  {
    name: "a reset is reported behind the last byte, and writes return undefined until then",
    sockets: "own",
    source: `${SOCKETS}: EVENT_ERROR`,
    async run(target) {
      const { clients, events } = serving(target);
      const peer = target.connect(PORT);
      await target.until("a client", () => clients.length === 1);
      peer.send("last words");
      await target.until("bytes", () => events.length > 0);
      const { port } = peer;
      peer.reset();
      await target.quiet();
      same(clients[0].write(bytes("x")), undefined, "write");
      same(events, ["readable 10"], "events before all is read");
      same(text(clients[0].read()), "last words", "read");
      await target.until("the reset", () => events.length > 1);
      same(events, ["readable 10", "error reset"], "events");
      same(clients[0].remotePort, port, "port of the peer, afterwards");
      clients[0].close();
      same([target.objects, target.fatal ?? "none"], [0, "none"], "objects, fatal");
    },
  },
  {
    name: "a reset after the peer's FIN is reported, too",
    sockets: "own",
    source: `${SOCKETS}: SOCKET_RESET`,
    not: { loopback: "after FIN only a write finds the reset" },
    async run(target) {
      const { clients, events } = serving(target);
      const peer = target.connect(PORT);
      await target.until("a client", () => clients.length === 1);
      peer.finish();
      await target.until("the end", () => events.length > 0);
      peer.reset();
      await target.until("the reset", () => events.length > 1);
      same(events, ["end", "error reset"], "events");
      clients[0].close();
      same([target.objects, target.fatal ?? "none"], [0, "none"], "objects, fatal");
    },
  },
  {
    name: "a write finds a reset after the peer's FIN",
    sockets: "own",
    source: `${SOCKETS}: SOCKET_RESET`,
    async run(target) {
      const { clients, events } = serving(target);
      const peer = target.connect(PORT);
      await target.until("a client", () => clients.length === 1);
      peer.finish();
      await target.until("the end", () => events.length > 0);
      peer.reset();
      await target.quiet();
      await target.until("the reset", () => {
        if (events.length === 1) clients[0].write(bytes("x"));
        return events.length > 1;
      });
      same(events, ["end", "error reset"], "events");
    },
  },
  {
    name: "close(true) sends RST and drops what was not sent, close() sends FIN",
    sockets: "own",
    source: `${SOCKETS}: connectionReset`,
    async run(target) {
      serving(target, {
        onReadable(this: TCP) {
          this.close(text(this.read() as ArrayBuffer) === "reset");
        },
      });
      const [one, other] = [target.connect(PORT), target.connect(PORT)];
      one.send("reset");
      other.send("close");
      await target.until("both ends", () => one.ending !== "none" && other.ending !== "none");
      same([one.ending, other.ending, target.objects], ["reset", "finished", 0], "ends, objects");
    },
  },
  {
    name: "bytes and FIN that arrive before a connection is accepted are kept",
    sockets: "own",
    source: `${SOCKETS}: listenerAccept`,
    async run(target) {
      const { listener } = listening(target);
      const peer = target.connect(PORT);
      peer.send("first, ");
      await target.quiet();
      peer.send("second");
      peer.finish();
      await target.quiet();
      const { events, callbacks } = noted();
      const tcp = new target.TCP({ from: listener.read(), ...callbacks });
      await target.until("bytes", () => events.length > 0);
      same([events, text(tcp.read())], [["readable 13"], "first, second"], "events, read");
      await target.until("the end", () => events.includes("end"));
      tcp.write(bytes("answer"));
      tcp.close();
      await target.until("the answer", () => peer.ending === "finished");
      same(peer.received, "answer", "received");
    },
  },
  {
    name: "a client that resets before it is accepted is forgotten",
    sockets: "own",
    source: `${SOCKETS}: listenerWaiting`,
    async run(target) {
      const { listener, announced } = listening(target);
      const gone = target.connect(PORT);
      await target.until("a client", () => announced.length === 1);
      gone.send("x");
      await target.quiet();
      gone.reset();
      await target.quiet();
      const client = target.connect(PORT);
      await target.until("a client", () => announced.length === 2);
      same([announced, target.objects], [[1, 1], 0], "announced, objects");
      same(listener.read()!.remotePort, client.port, "port of the client");
      same(listener.read(), undefined, "read past the end");
      same([target.objects, target.fatal ?? "none"], [1, "none"], "objects, fatal");
    },
  },
  {
    name: "an end that was reported to the first object is reported to the second one",
    sockets: "own",
    source: `${SOCKETS}: connectionSetOwner`,
    async run(target) {
      const { clients, events } = serving(target);
      const peer = target.connect(PORT);
      await target.until("a client", () => clients.length === 1);
      peer.finish();
      await target.until("the end", () => events.length > 0);
      const second = noted();
      const tcp = new target.TCP({ from: clients[0], ...second.callbacks });
      await target.until("the end", () => second.events.length > 0);
      tcp.write(bytes("answer"));
      tcp.close();
      await target.until("the answer", () => peer.ending === "finished");
      same([second.events, peer.received], [["end"], "answer"], "events, received");
    },
  },
  {
    name: "a listener is closed and opened again on its port, connections live on meanwhile, and clients that wait are reset",
    sockets: "own",
    source: `${SOCKETS}: listenerClose`,
    async run(target) {
      const { listener, clients } = serving(target, {
        onReadable(this: TCP) {
          this.write(this.read() as ArrayBuffer);
        },
      });
      const old = target.connect(PORT);
      await target.until("a client", () => clients.length === 1);
      listener.close();

      const again = listening(target);
      const waiting = target.connect(PORT);
      await target.until("a client", () => again.announced.length === 1);
      again.listener.close(); // over a client that waits
      await target.until("a reset", () => waiting.ending === "reset");

      const anew = listening(target);
      const peer = target.connect(PORT);
      await target.until("a client", () => anew.announced.length === 1);
      anew.listener.read()!.write(bytes("anew"));
      old.send("still here");
      await target.until("both", () => old.received !== "" && peer.received !== "");
      same([old.received, peer.received], ["still here", "anew"], "received");
      same(target.fatal, undefined, "fatal");
    },
  },
  {
    name: "a listener is closed while its announcement is queued",
    sockets: "own",
    source: `${SOCKETS}: listenerClose`,
    async run(target) {
      const { clients } = serving(target, {
        onReadable(this: TCP) {
          this.read();
          other.close();
        },
      });
      const announced: number[] = [];
      const other = new target.Listener({ port: PORT + 1, onReadable: n => announced.push(n) });
      const peer = target.connect(PORT);
      await target.until("a client", () => clients.length === 1);
      peer.send("x");
      target.connect(PORT + 1);
      await target.quiet();
      same(target.fatal, undefined, "fatal");
    },
  },
  {
    name: "a callback may close any socket, one whose events wait too",
    sockets: "own",
    source: `${SOCKETS}: socketsNext`,
    async run(target) {
      const { clients, events } = serving(target, {
        onReadable() {
          for (const client of clients) client.close();
        },
      });
      const peers = [target.connect(PORT), target.connect(PORT), target.connect(PORT)];
      await target.until("clients", () => clients.length === 3);
      for (const peer of peers) peer.send("x");
      await target.quiet();
      same([events, target.objects], [["readable 1"], 0], "events, objects");
    },
  },
  {
    name: "a write takes all the room that the write before it returned",
    sockets: "own",
    source: `${SOCKETS}: connectionWritable`,
    async run(target) {
      const { tcp, peer } = await dialled(target);
      let room = 0;
      for (let i = 0; i < 20; i++) room = tcp.write(bytes("a"))!;
      same(room > 0, true, "room");
      const taken = tcp.write(new Uint8Array(room));
      same(typeof taken, "number", "the second write");
      await target.until("all of it", () => peer.received.length === 20 + room);
    },
  },
  {
    name: "unread bytes are read again, before all that follow",
    sockets: "own",
    source: `${BINDING}: unread`,
    async run(target) {
      const { clients, events } = serving(target);
      const peer = target.connect(PORT);
      await target.until("a client", () => clients.length === 1);
      const [tcp] = clients;
      peer.send("head and body");
      await target.until("bytes", () => events.length > 0);
      const head = tcp.read(8) as ArrayBuffer;
      same(tcp.unread!(new Uint8Array(head).subarray(4)), true, "unread");
      same(text(tcp.read()), " and body", "read");
      same(tcp.unread!(bytes("again")), true, "unread of all");
      peer.send("!");
      await target.quiet();
      same(text(tcp.read()), "again!", "read");
      peer.finish();
      await target.until("the end", () => events.includes("end"));
    },
  },
  {
    name: "closing over bytes that were put back is a reset",
    sockets: "own",
    source: `${BINDING}: unread`,
    async run(target) {
      const { clients, events } = serving(target);
      const peer = target.connect(PORT);
      await target.until("a client", () => clients.length === 1);
      peer.send("head");
      await target.until("bytes", () => events.length > 0);
      clients[0].unread!(new Uint8Array(clients[0].read() as ArrayBuffer));
      clients[0].close();
      await target.until("the end", () => peer.ending !== "none");
      same(peer.ending, "reset", "ending");
    },
  },
  {
    name: "a conversion of an argument may close the socket",
    sockets: "own",
    source: `${BINDING}: write`,
    async run(target) {
      const { address, port } = await target.listen();
      const [one, other] = [0, 1].map(() => new target.TCP({ address, port, format: "number" }));
      await target.quiet();
      const closing = (tcp: TCP, value: unknown) => () => {
        tcp.close();
        return value;
      };
      throws(
        () => {
          one.format = { toString: closing(one, "buffer") } as never;
        },
        "SyntaxError",
        "",
      );
      throws(() => other.write({ valueOf: closing(other, 65) } as never), "SyntaxError", "");
      same(target.objects, 0, "objects");
    },
  },
  {
    name: "a setter of target may close the object, or throw: no socket is left",
    sockets: "own",
    source: `${BINDING}: target`,
    async run(target) {
      const { address, port } = await target.listen();
      const outcomes: string[] = [];
      const made = (make: () => unknown) => {
        try {
          make();
          outcomes.push("made");
        } catch (error) {
          outcomes.push((error as Error).message);
        }
      };
      const closes = {
        set(this: TCP | Listener) {
          this.close();
        },
      };
      const refuses = {
        set() {
          throw new Error("no target");
        },
      };
      for (const setter of [closes, refuses]) {
        class OwnTCP extends target.TCP {}
        Object.defineProperty(OwnTCP.prototype, "target", setter);
        class OwnListener extends target.Listener {}
        Object.defineProperty(OwnListener.prototype, "target", setter);
        made(() => new OwnTCP({ address, port, target: 1 }));
        made(() => new OwnListener({ port: PORT, target: 1 }));
      }
      new target.Listener({ port: PORT }).close();
      same(outcomes, ["made", "made", "no target", "no target"], "outcomes");
      same(target.objects, 0, "objects");
    },
  },
  {
    name: "options of the firmware's own sockets are checked, and what was refused holds nothing",
    sockets: "own",
    source: `${BINDING}: keepalive`,
    async run(target) {
      const { address, port } = await target.listen();
      const options = { address, port };
      throws(() => new target.TCP({ ...options, onEnd: 1 as never }), "Error", "not a function");
      throws(
        () => new target.TCP({ ...options, keepalive: -1 }),
        "RangeError",
        "invalid keepalive",
      );
      const throwing = Object.defineProperty({ ...options }, "nodelay", {
        get() {
          throw new Error("mine");
        },
      });
      throws(() => new target.TCP(throwing), "Error", "mine");
      same([target.objects, target.connections], [0, 0], "objects, connections");
    },
  },
  {
    name: "256 KiB come back byte for byte over many segments, and then the end",
    sockets: "own",
    source: `${SOCKETS}: connectionRead`,
    async run(target) {
      const pour = (tcp: TCP, state: State) => {
        for (;;) {
          if (state.held.byteLength === 0) {
            const read = tcp.read() as ArrayBuffer | undefined;
            if (read === undefined) break;
            state.held = new Uint8Array(read);
          }
          if (state.room === 0) return;
          const piece = state.held.subarray(0, Math.min(state.room, state.held.byteLength));
          state.room = tcp.write(piece) ?? 0;
          state.held = state.held.subarray(piece.byteLength);
        }
        if (state.over) tcp.end!();
      };
      interface State {
        held: Uint8Array;
        room: number;
        over: boolean;
      }
      const state: State = { held: new Uint8Array(0), room: 0, over: false };
      serving(target, {
        onReadable(this: TCP) {
          pour(this, state);
        },
        onWritable(this: TCP, room) {
          state.room = room;
          pour(this, state);
        },
        onEnd(this: TCP) {
          state.over = true;
          pour(this, state);
        },
      });
      const sent = Array.from({ length: 256 * 1024 }, (_, i) =>
        String.fromCharCode((i * 31 + (i >> 8)) & 0xff),
      ).join("");
      const peer = target.connect(PORT);
      peer.send(sent);
      peer.finish();
      await target.until("the end", () => peer.ending === "finished");
      same(peer.received === sent, true, "the same bytes");
    },
  },
];
