import type { PeerSocket } from "../lwip/peer-socket.ts";
import type { FunctionCost, Part } from "./callgrind.ts";
import { CountedBoard, Counter, type Stretch } from "./counted-board.ts";
import { traffic } from "./forwarding.ts";
import { answers, GET, withHead } from "./sessions.ts";

/**
 * Instructions of the whole program on target `lwip`: engine, firmware, its sockets in C, and lwIP. As the difference of two amounts
 * of the same work, so that its beginning and end drop out.
 */

const KIB = 1024;

/** Amounts of the two stretches that are counted, after a first one that is not. */
const AMOUNTS = {
  KiB: { warm: 32, few: 64, many: 576 },
  request: { warm: 4, few: 1, many: 4 },
  session: { warm: 4, few: 1, many: 4 },
};

type Unit = keyof typeof AMOUNTS;

export interface InstructionCount {
  /** The key of its limit in `firmware/budgets.json`. */
  readonly name: string;
  readonly unit: Unit;
  readonly instructions: number;
  /** The same by part. */
  readonly parts: Readonly<Record<Part, number>>;
  /** `undefined`: no engine. */
  readonly computrons: number | undefined;
  /** Functions, each with its share, the dearest first. */
  readonly functions: readonly FunctionCost[];
}

/** A way to send an amount of something through the board; the result is the exact amount. */
interface Work {
  readonly board: CountedBoard;
  send(amount: number): Promise<number>;
}

type Begin = (
  start: (serve: (socket: PeerSocket) => void) => Promise<CountedBoard>,
) => Promise<Work>;

/** Raw TCP from the client, with the keyword of the default settings, which does not occur. */
function raw(piece: Buffer): Begin {
  return async start => {
    let arrived = 0;
    const board = await start(socket => {
      socket.on("data", (bytes: Buffer) => {
        arrived += bytes.byteLength;
      });
    });
    const client = board.connect();
    return {
      board,
      async send(kib) {
        const bytes = Buffer.concat(Array(piecesIn(piece, kib)).fill(piece));
        const goal = arrived + bytes.byteLength;
        client.write(bytes);
        await board.until(() => arrived >= goal);
        return bytes.byteLength / KIB;
      },
    };
  };
}

/** The body of a response, in pieces of so many windows; `framed` frames the content of one. */
function body(framing: string, framed: (windowBytes: number) => Piece): Begin {
  return async start => {
    let backend: PeerSocket | undefined;
    let arrived = 0;
    const board = await start(socket => {
      backend = socket;
      socket.on("data", () => {});
    });
    const client = board.connect();
    client.on("data", (bytes: Buffer) => {
      arrived += bytes.byteLength;
    });
    client.write(GET);
    await board.until(() => backend !== undefined);
    backend!.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
    await board.until(() => arrived > 0);
    const { bytes, contentBytes } = framed(board.windowBytes);
    return {
      board,
      async send(kib) {
        const count = piecesIn(bytes, kib);
        const goal = arrived + count * contentBytes; // the board frames it otherwise
        backend!.write(Buffer.concat(Array(count).fill(bytes)));
        await board.until(() => arrived >= goal);
        return (count * bytes.byteLength) / KIB;
      },
    };
  };
}

interface Piece {
  readonly bytes: Buffer;
  readonly contentBytes: number;
}

const plain = (windowBytes: number): Piece => ({
  bytes: traffic(windowBytes),
  contentBytes: windowBytes,
});

/** Windows in a chunk with its framing: whole segments, and 5.6 KB. */
const CHUNK_WINDOWS = 2;

function chunk(windowBytes: number): Piece {
  const whole = CHUNK_WINDOWS * windowBytes;
  const contentBytes = whole - whole.toString(16).length - 6; // the size and three ends of line
  const head = `${contentBytes.toString(16)}\r\n`;
  return { bytes: Buffer.from(`${head}${traffic(contentBytes)}\r\n`), contentBytes };
}

function piecesIn(piece: Buffer, kib: number): number {
  return Math.max(1, Math.round((kib * KIB) / piece.byteLength));
}

/** Requests on one kept-alive connection. */
function requests(request: string): Begin {
  return async start => {
    const board = await start(answers);
    const client = board.connect();
    let received = "";
    client.on("data", (bytes: Buffer) => {
      received += bytes.toString("latin1");
    });
    return {
      board,
      async send(count) {
        for (let i = 0; i < count; i++) {
          received = "";
          client.write(request);
          await board.until(() => received.endsWith("\r\n\r\nok"));
        }
        return count;
      },
    };
  };
}

/** Raw sessions, one after the other, each from its connection to its end: five bytes, and their echo. */
const sessions: Begin = async start => {
  const board = await start(socket => {
    socket.on("data", (bytes: Buffer) => socket.write(bytes));
    socket.on("end", () => socket.end());
  });
  return {
    board,
    async send(count) {
      for (let i = 0; i < count; i++) {
        const client = board.connect();
        let received = 0;
        client.on("data", (bytes: Buffer) => {
          received += bytes.byteLength;
        });
        client.write("hello");
        await board.until(() => received === 5);
        client.end();
        await board.until(() => client.closed);
      }
      return count;
    },
  };
};

/** Every value, the control bytes among them: no text. */
const BINARY = Buffer.from(Array.from({ length: 256 }, (_, i) => (i * 167) % 256));

/** The ways of the table, by the names of their limits. */
const WAYS: Readonly<Record<string, { unit: Unit; begin: Begin }>> = {
  "lwip.tcp.text": { unit: "KiB", begin: raw(traffic(1024)) },
  "lwip.tcp.binary": { unit: "KiB", begin: raw(BINARY) },
  "lwip.tcp.session": { unit: "session", begin: sessions },
  "lwip.http.body": { unit: "KiB", begin: body(`Content-Length: ${2 ** 30}`, plain) },
  "lwip.http.chunked": { unit: "KiB", begin: body("Transfer-Encoding: chunked", chunk) },
  "lwip.http.get": { unit: "request", begin: requests(GET) },
  "lwip.http.head300": { unit: "request", begin: requests(withHead(300)) },
  "lwip.http.head2048": { unit: "request", begin: requests(withHead(2048)) },
};

/** Counts them all, the bare pipe first. `say` gets lines about the progress of builds. */
export async function instructions(say: (line: string) => void): Promise<InstructionCount[]> {
  const counter = new Counter(say);
  try {
    const counts = [await bare(counter)];
    for (const name of Object.keys(WAYS)) counts.push(await counted(counter, name));
    return counts;
  } finally {
    counter.end();
  }
}

async function bare(counter: Counter): Promise<InstructionCount> {
  const { warm, few, many } = AMOUNTS.KiB;
  const [, less, more] = await counter.forward(warm, few, many);
  return difference("lwip.pipe", "KiB", many - few, less, more);
}

async function counted(counter: Counter, name: string): Promise<InstructionCount> {
  const { unit, begin } = WAYS[name];
  const { warm, few, many } = AMOUNTS[unit];
  const engine = await counter.engine();
  const { board, send } = await begin(serve => new CountedBoard(counter, engine, serve).start());
  await send(warm);
  const counts: { amount: number; stretch: Stretch }[] = [];
  for (const wanted of [few, many]) {
    let amount = 0;
    const stretch = await board.stretch(async () => {
      amount = await send(wanted);
    });
    counts.push({ amount, stretch });
  }
  board.end();
  const [less, more] = counts;
  const amount = more.amount - less.amount;
  const computrons = (more.stretch.computrons - less.stretch.computrons) / amount;
  return {
    ...difference(name, unit, amount, less.stretch.functions, more.stretch.functions),
    computrons,
  };
}

/** The cost of one unit, of `amount` that `more` has done more than `less`. */
export function difference(
  name: string,
  unit: InstructionCount["unit"],
  amount: number,
  less: readonly FunctionCost[],
  more: readonly FunctionCost[],
): InstructionCount {
  const idOf = ({ name, part }: FunctionCost) => `${part} ${name}`;
  const before = new Map(less.map(cost => [idOf(cost), cost.instructions]));
  const functions = more
    .map(cost => ({
      ...cost,
      instructions: (cost.instructions - (before.get(idOf(cost)) ?? 0)) / amount,
    }))
    .sort((a, b) => b.instructions - a.instructions);
  const of = (part: Part) =>
    functions.reduce((sum, f) => sum + (f.part === part ? f.instructions : 0), 0);
  const parts = { engine: of("engine"), sockets: of("sockets"), lwip: of("lwip") };
  const instructions = parts.engine + parts.sockets + parts.lwip;
  return { name, unit, instructions, parts, computrons: undefined, functions };
}
