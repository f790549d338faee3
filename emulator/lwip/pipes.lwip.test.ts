import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Keyword, Keywords } from "../../firmware/src/net/keywords.ts";
import type { LwipPeer, LwipPeerPort } from "./conformance.ts";
import { ProgramBoard } from "./program-board.ts";

/** Pipes as a program on XS has them, on real lwIP: `from` is a client's connection, `to` one to a server. */

const PORT = 80;

/**
 * A program has `note(text)`, and `line(options, started)`, which pipes the first client to the server, notes what both
 * sides' callbacks get, and calls `started(from, to)`. `events` are the names of onPiped.
 */
const prelude = (server: LwipPeerPort) => `
  const note = text => board.log(text);
  const events = ["done", "end", "from-error", "to-error", "found", "bad-framing", "too-large", "first", "binary"];
  const textOf = globalThis.textOf = buffer => buffer === undefined ? "" : String.fromCharCode(...new Uint8Array(buffer));
  const bytesOf = globalThis.bytesOf = text => Uint8Array.from(text, c => c.charCodeAt(0));
  const tried = globalThis.tried = operation => { try { return String(operation()); } catch (e) { return e.message; } };
  const noted = (name, own) => ({
    onReadable(bytes) { note(name + " readable " + bytes); own.onReadable?.call(this, bytes); },
    onWritable(room) { own.onWritable?.call(this, room); },
    onPiped(event) { note(name + " " + events[event]); own.onPiped?.call(this, events[event]); },
    onEnd() { note(name + " ended"); },
    onError(code) { note(name + " " + code); },
  });
  const connect = (own = {}) => new TCP({ address: "${server.address}", port: ${server.port}, ...noted("to", own) });
  const accept = own => new Listener({ port: ${PORT}, onReadable() {
    for (let from; (from = this.read()); ) { own.accepted(new TCP({ from, ...noted("from", own) })); }
  } });
  const line = (options, own = {}) => {
    const to = connect(own.to);
    accept({ ...own, accepted(from) {
      globalThis.from = from;
      globalThis.to = to;
      from.pipe(to, options);
    } });
  };
`;

let programs: ProgramBoard;
let server: LwipPeerPort;

beforeEach(async () => {
  programs = await ProgramBoard.boot();
  server = await programs.board.listen();
  run("");
});

afterEach(() => programs.stop());

const run = (program: string) => programs.run(`${prelude(server)} ${program}`);
/** The value of an expression, as text. */
const ask = (expression: string) => programs.ask(expression);
const lines = () => programs.board.lines.splice(0);
const quiet = () => programs.board.quiet();

/** A client of the board, and the connection to the server that it is piped to. */
async function piped(
  options: string,
  own = "{}",
): Promise<{ client: LwipPeer; backend: LwipPeer }> {
  run(`line(${options}, ${own})`);
  await quiet();
  const client = programs.board.connect(PORT);
  await quiet();
  return { client, backend: server.peers[0] };
}

/** `new Search` of such keywords, as text of a program. */
function search(...keywords: Keyword[]): string {
  const tables = (of: Keywords): string => {
    const { columns, next, found, count, start, inAny } = of;
    const rest = inAny === undefined ? "" : `, inAny: ${tables(inAny)}`;
    return `{ columns: Uint8Array.of(${columns}), next: Uint16Array.of(${next}), found: ${found}, count: ${count}, start: ${start}${rest} }`;
  };
  return `new Search(${tables(new Keywords(keywords))})`;
}

const END: Keyword = { keyword: "END", match: "anywhere", in: "text" };
const LAST_CHUNK = "0\r\n\r\n";

describe("outcomes", () => {
  test("first, then end: every byte passes, and the end is an event of both kinds", async () => {
    const { client, backend } = await piped("{}");
    client.send("one");
    await quiet();
    expect(lines()).toEqual(["from first"]);
    client.send(" two");
    client.finish();
    await quiet();
    expect(lines()).toEqual(["from end", "from ended"]);
    expect(backend.received).toBe("one two");
    expect(ask("[from.passed, from.waitsFor, from.heldBytes, from.found]")).toBe("7,0,0,");
  });

  test("done: the bytes that were asked for pass, the rest is announced and can be read", async () => {
    const { client, backend } = await piped("{ bytes: 5 }");
    client.send("hello world");
    await quiet();
    expect(lines()).toEqual(["from first", "from done", "from readable 6"]);
    expect(backend.received).toBe("hello");
    expect(ask("textOf(from.read())")).toBe(" world");
    expect(ask("to.write(bytesOf(', by hand')) > 0")).toBe("true");
    await quiet();
    expect(backend.received).toBe("hello, by hand");
  });

  test("from-error behind the bytes before it, with the code of the reset", async () => {
    const { client, backend } = await piped("{}");
    client.send("cut");
    await quiet();
    client.reset();
    await quiet();
    expect(lines()).toEqual(["from first", "from from-error", "from reset"]);
    expect(backend.received).toBe("cut");
  });

  test("to-error leaves the other direction, and what the sender sends on, readable", async () => {
    const { client, backend } = await piped(
      "{}",
      `{ onReadable() { note(textOf(this.read())); } }`,
    );
    backend.reset();
    await quiet();
    expect(lines().sort()).toEqual(["from to-error", "to reset"]);
    client.send("late");
    await quiet();
    expect(lines()).toEqual(["from readable 4", "late"]);
    expect(ask("from.write(bytesOf('sorry')) > 0")).toBe("true");
    await quiet();
    expect(client.received).toBe("sorry");
  });

  test("what the receiver has said before it reset is still readable", async () => {
    const { client, backend } = await piped("{}");
    client.send("question");
    await quiet();
    backend.send("early answer");
    await quiet();
    backend.reset();
    await quiet();
    expect(lines()).toEqual(["from first", "to readable 12", "from to-error"]);
    expect(ask("textOf(to.read())")).toBe("early answer");
    await quiet();
    expect(lines()).toEqual(["to reset"]);
  });

  test("found: its last byte is the last one passed, with the index of the keyword", async () => {
    const STOP: Keyword = { keyword: "STOP", match: "line", in: "any" };
    const { client, backend } = await piped(`{ search: ${search(END, STOP)} }`);
    client.send("a STOP b\nSTO");
    client.send("P\nrest");
    await quiet();
    expect(lines()).toEqual(["from first", "from found", "from readable 4"]);
    expect(backend.received).toBe("a STOP b\nSTOP\n");
    expect(ask("[from.found, from.passed]")).toBe("1,14");
  });

  test("binary: the search ends, the bytes pass on", async () => {
    const { client, backend } = await piped(`{ search: ${search(END)} }`);
    client.send("EN");
    await quiet();
    expect(ask("typeof from.searchState")).toBe("number");
    client.send("\0END");
    await quiet();
    expect(lines()).toEqual(["from first", "from binary"]);
    expect(backend.received).toBe("EN\0END");
    expect(ask("from.searchState")).toBe("undefined");
  });

  test("behind a control byte the keywords of any stream are still found", async () => {
    const STOP: Keyword = { keyword: "STOP", match: "anywhere", in: "any" };
    const { client, backend } = await piped(`{ search: ${search(END, STOP)} }`);
    client.send("\0END STOP.");
    await quiet();
    expect(lines()).toEqual(["from first", "from found", "from readable 1"]);
    expect(backend.received).toBe("\0END STOP");
    expect(ask("from.found")).toBe("1");
  });

  test("chunked to chunked: extensions and trailers stay behind", async () => {
    const { client, backend } = await piped(
      `{ fromFraming: "chunked", toFraming: "chunked", bytes: 100 }`,
    );
    client.send("5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\nGET");
    await quiet();
    expect(lines()).toEqual(["from first", "from done", "from readable 3"]);
    expect(backend.received).toBe(`6\r\nhello!\r\n${LAST_CHUNK}`);
    expect(ask("from.passed")).toBe("6");
  });

  test("bad-framing and too-large, with what came before", async () => {
    const { client, backend } = await piped(`{ fromFraming: "chunked", bytes: 5 }`);
    client.send("3\r\nabc\r\n3\r\nabc\r\n");
    await quiet();
    expect(lines()).toEqual([
      "from first",
      "from too-large",
      expect.stringMatching(/^from readable/),
    ]);
    expect(backend.received).toBe("abc");
    ask("(from.read(), from.pipe(to, { fromFraming: 'chunked', toFraming: 'chunked' }))");
    client.send("nonsense");
    await quiet();
    expect(lines()).toEqual(["from bad-framing", "from readable 8"]);
  });

  test("a stream until its end becomes a body with its last chunk", async () => {
    const { client, backend } = await piped(`{ toFraming: "chunked" }`);
    client.send("hello");
    await quiet();
    client.finish();
    await quiet();
    expect(lines()).toEqual(["from first", "from end", "from ended"]);
    expect(backend.received).toBe(`5\r\nhello\r\n${LAST_CHUNK}`);
  });
});

test("a pipe is stopped and taken over, with the exact number of bytes passed", async () => {
  const { client, backend } = await piped(`{ search: ${search(END)} }`);
  client.send("12E");
  await quiet();
  expect(ask("[from.unpipe(), from.passed, from.searchState > 0]")).toBe(",3,true");
  expect(lines()).toEqual(["from first"]);
  client.send("ND6");
  await quiet();
  expect(lines()).toEqual(["from readable 3"]);
  expect(ask("textOf(from.read(1))")).toBe("N");
  expect(ask("from.unread(bytesOf('N'))")).toBe("true");
  expect(ask("from.readable")).toBe("3");
  ask(`from.pipe(to, { search: ${search(END)}, state: from.searchState })`);
  await quiet();
  expect(lines()).toEqual(["from first", "from found", "from readable 1"]);
  expect(ask("from.passed")).toBe("2");
  expect(backend.received).toBe("12END");
});

test("both directions, 256 KiB each way, byte for byte", async () => {
  const { client, backend } = await piped("{}");
  ask("to.pipe(from, {})");
  const sent = Array.from({ length: 256 * 1024 }, (_, i) =>
    String.fromCharCode((i * 31 + (i >> 8)) & 0xff),
  ).join("");
  client.send(sent);
  backend.send(sent);
  client.finish();
  await programs.board.until("the bytes", () => client.received.length === sent.length);
  await quiet();
  expect(client.received === sent && backend.received === sent).toBe(true);
  expect(ask("[from.passed, to.passed]")).toBe(`${sent.length},${sent.length}`);
  expect(lines().sort()).toEqual(["from end", "from ended", "from first", "to first"]);
});

test("bytes that were read and put back are passed first", async () => {
  run(`
    const to = connect();
    accept({ accepted() {}, onReadable(bytes) {
      globalThis.head ??= textOf(this.read(4));
      this.unread(bytesOf("+"));
      this.unread(new Uint8Array(0));
      this.pipe(to, {});
    } });
  `);
  await quiet();
  const client = programs.board.connect(PORT);
  await quiet();
  client.send("GET /");
  client.finish();
  await quiet();
  expect(server.peers[0].received).toBe("+/");
  expect(lines()).toEqual(["from readable 5", "from first", "from end", "from ended"]);
  expect(ask("head")).toBe("GET ");
});

test("a deadline can tell which side the pipe waits for, and how much the board holds", async () => {
  const { client, backend } = await piped("{}");
  expect(ask("[from.waitsFor, from.heldBytes]")).toBe("0,0");
  backend.hold();
  client.send("x".repeat(20_000));
  for (let i = 0; i < 5; i++) await quiet();
  expect(ask("from.waitsFor")).toBe("1");
  expect(Number(ask("from.heldBytes"))).toBeGreaterThan(1_000);
  // The sender is lost behind bytes that wait for room: still the receiver's fault.
  client.reset();
  await quiet();
  expect(ask("from.waitsFor")).toBe("1");
  expect(lines()).toEqual(["from first"]);
});

test("while a pipe runs nothing is read or written by hand", async () => {
  const { client } = await piped("{}");
  client.send("x");
  await quiet();
  expect(
    ask(`[
      tried(() => from.read()), tried(() => to.write(bytesOf("y"))), tried(() => from.unread(bytesOf("y"))),
      tried(() => from.pipe(to, {})), from.readable, to.writable, to.write.length,
    ].join()`),
  ).toBe("undefined,would block,in use,in use,0,0,1");
});

test("callbacks of a pipe may close both sides, or begin another pipe", async () => {
  run(`line({ bytes: 2 }, { onPiped(event) {
    if (event === "done" && this.passed === 2) this.pipe(to, { bytes: 3 });
    else if (event === "done") { to.close(); this.close(); }
  } })`);
  await quiet();
  const client = programs.board.connect(PORT);
  await quiet();
  client.send("1234567");
  await quiet();
  expect(server.peers[0].received).toBe("12345");
  expect(lines()).toEqual(["from first", "from done", "from first", "from done"]);
  expect(programs.board.objects).toBe(0);
});

test("closing the receiver ends the pipe, closing the sender frees the receiver", async () => {
  const { client, backend } = await piped("{}");
  client.send("x");
  await quiet();
  ask("to.close()");
  await quiet();
  expect(lines()).toEqual(["from first", "from to-error"]);
  ask("(globalThis.to = undefined, from.close())");
  expect(backend.received).toBe("x");
  expect(programs.board.objects).toBe(0);
});

test("an object that takes the connection over gets the events of its pipe", async () => {
  const { client } = await piped("{}");
  client.send("x");
  await quiet();
  expect(lines()).toEqual(["from first"]);
  ask(`new TCP({ from, onPiped(event) { board.log("other " + event + " " + this.passed); } })`);
  client.send("y");
  client.finish();
  await quiet();
  expect(lines()).toEqual(["other 1 2"]);
});

describe("what is refused, with the name of what is wrong", () => {
  const refusals = [
    ["bytes: 0", "invalid bytes"],
    ["bytes: -1", "invalid bytes"],
    ["bytes: 1.5", "invalid bytes"],
    ["bytes: NaN", "invalid bytes"],
    ["bytes: 2 ** 60", "invalid bytes"],
    ["bytes: null", "invalid bytes"],
    [`fromFraming: "gzip"`, "invalid fromFraming"],
    ["toFraming: {}", "invalid toFraming"],
    ["search: {}", "invalid search"],
    ["search: 1", "invalid search"],
    ["search: from", "invalid search"],
    ["state: 0", "invalid state"],
    [`search: ${search(END)}, state: 1`, "invalid state"],
    [`search: ${search(END)}, state: -1`, "invalid state"],
    [`search: ${search(END)}, state: 65536`, "invalid state"],
    [`get bytes() { throw new Error("mine") }`, "mine"],
  ];

  test("options of a pipe", async () => {
    const { client, backend } = await piped("{}");
    ask("from.unpipe()");
    for (const [options, error] of refusals) {
      expect([options, ask(`tried(() => from.pipe(to, { ${options} }))`)]).toEqual([
        options,
        error,
      ]);
    }
    // And nothing has begun.
    client.send("x");
    await quiet();
    expect(lines()).toEqual(["from readable 1"]);
    expect(backend.received).toBe("");
  });

  test("sides of a pipe", async () => {
    await piped("{}");
    ask("from.unpipe()");
    expect(
      ask(`[
        tried(() => from.pipe(from, {})), tried(() => from.pipe({}, {})), tried(() => from.pipe(undefined, {})),
        tried(() => from.pipe(new TCP(), {})), tried(() => new TCP().pipe(to, {})), tried(() => from.pipe(to)),
        tried(() => from.pipe(to, { get bytes() { to.close(); return 1; } })), tried(() => new TCP().passed),
      ].join()`),
    ).toBe(
      "invalid to,invalid to,invalid to,invalid to,invalid,invalid options,invalid to,undefined",
    );
    ask("(globalThis.from.close())");
    programs.machine.collectGarbage();
  });

  test("tables of a search", async () => {
    const right = `{ columns: new Uint8Array(256), next: new Uint16Array(1), found: 1, count: 1, start: 0 }`;
    const tables = [
      ["columns: undefined", "invalid columns"],
      ["columns: new Uint8Array(255)", "invalid columns"],
      ["columns: new Uint8Array(256).fill(1)", "invalid columns"],
      ["next: new Uint16Array(0)", "invalid next"],
      ["next: 7", "invalid next"],
      ["next: { buffer: 7, byteOffset: 0, byteLength: 2 }", "invalid next"],
      ["next: Uint16Array.of(1)", "invalid next"],
      ["found: 0", "invalid found"],
      ["found: 65536", "invalid found"],
      ["found: 1.5", "invalid found"],
      ["count: 65535", "invalid count"],
      ["count: -1", "invalid count"],
      ["start: 1", "invalid start"],
      ["inAny: null", "Cannot coerce"],
      [`inAny: { ...right, count: 2 }`, "invalid inAny"],
      [`inAny: { ...right, next: Uint16Array.of(2) }`, "invalid next"],
    ];
    expect(ask(`typeof new Search(${right})`)).toBe("object");
    for (const [wrong, error] of tables) {
      const said = ask(`(right => tried(() => new Search({ ...right, ${wrong} })))(${right})`);
      expect([wrong, said.toLowerCase()]).toEqual([
        wrong,
        expect.stringContaining(error.toLowerCase()),
      ]);
    }
    // Offsets of views that lie about their buffer stay within it.
    expect(
      ask(
        `tried(() => new Search({ ...${right}, next: { buffer: new ArrayBuffer(2), byteOffset: 2, byteLength: 2 } }))`,
      ),
    ).toContain("byteLength");
  });
});

test("a search lives as long as a pipe needs it, whatever is collected", async () => {
  const { client, backend } = await piped(`{ search: ${search(END)} }`);
  programs.machine.collectGarbage();
  client.send("and END.");
  await quiet();
  expect(lines()).toEqual(["from first", "from found", "from readable 1"]);
  programs.machine.collectGarbage();
  expect(backend.received).toBe("and END");
});
