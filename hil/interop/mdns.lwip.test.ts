import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { buildTapBoard } from "../../emulator/lwip/board.ts";
import { BOARD_ADDRESS, PEER_ADDRESS } from "../../emulator/lwip/engine-network.ts";
import type { NetworkNamespace } from "../../emulator/lwip/network-namespace.ts";
import type { Engine } from "../../emulator/xs/engine.ts";
import { PATIENCE_MS } from "../kit/patience.ts";
import { makeTapNamespace, TapBoard } from "../kit/tap-board.ts";

// The board's name by multicast DNS on the chip's TCP stack, found by the npm package multicast-dns over the kernel's sockets.

const BACKENDS = [{ address: PEER_ADDRESS, port: 9 }];

// Bound to one address, a socket of Linux gets no multicast.

/** Asks until an answer of the wanted type has come, and prints its data; or prints nothing after a while. */
const ASK = `
  const mdns = require("multicast-dns")({ interface: process.argv[1], bind: "0.0.0.0" });
  const [, , name, type, patienceMs] = process.argv;
  const ask = () => mdns.query({ questions: [{ name, type }] });
  mdns.on("response", ({ answers }) => {
    const found = answers.find(answer => answer.type === type && answer.name === name);
    if (found === undefined) return;
    console.log(JSON.stringify(found.data));
    process.exit();
  });
  mdns.on("ready", ask);
  setInterval(ask, 1000);
  setTimeout(() => process.exit(), Number(patienceMs));
`;

/** Has a name, and defends it, until its standard input ends. */
const OWN = `
  const mdns = require("multicast-dns")({ interface: process.argv[1], bind: "0.0.0.0" });
  const [, address, name] = process.argv;
  const answers = [{ name, type: "A", ttl: 120, flush: true, data: address }];
  mdns.on("query", ({ questions }) => {
    if (questions.some(question => question.name === name)) mdns.respond({ answers });
  });
  mdns.on("ready", () => console.log("ready"));
  process.stdin.on("end", () => process.exit()).resume();
`;

const cannotStart = inject("noTap") ?? (process.env.CI ? undefined : inject("noLwip"));

describe.skipIf(cannotStart)("the board's name on the chip's TCP stack", () => {
  let namespace: NetworkNamespace;
  let engine: Engine;

  beforeAll(async () => {
    namespace = await makeTapNamespace();
    engine = await buildTapBoard("memory", () => {});
  });

  afterAll(() => namespace.close());

  async function start(): Promise<TapBoard> {
    const board = await TapBoard.start(engine, namespace, { backends: BACKENDS }, true);
    onTestFinished(() => board.stop());
    return board;
  }

  /** The data of the first answer; `undefined` if there is none. */
  async function ask(name: string, type: string): Promise<unknown> {
    const words = [PEER_ADDRESS, name, type, String(PATIENCE_MS)];
    const [program, args] = namespace.command(process.execPath, "-e", ASK, ...words);
    const { stdout } = await execa(program, args);
    return stdout === "" ? undefined : JSON.parse(stdout);
  }

  test("is found, with its page and its proxy as services", async () => {
    const board = await start();
    await board.journal.until({ on: "mdns", what: "claimed" });
    expect(await ask("hot-potato.local", "A")).toBe(BOARD_ADDRESS);
    expect(await ask("_http._tcp.local", "PTR")).toBe("hot-potato._http._tcp.local");
    expect(await ask("hot-potato._http._tcp.local", "SRV")).toMatchObject({
      port: 8404,
      target: "hot-potato.local",
    });
    expect(await ask("_hot-potato._tcp.local", "PTR")).toBe("hot-potato._hot-potato._tcp.local");
  });

  test("is another one where a host has it already, which keeps it", async () => {
    const words = [PEER_ADDRESS, "hot-potato.local"];
    const [program, args] = namespace.command(process.execPath, "-e", OWN, ...words);
    const owner = execa(program, args);
    onTestFinished(async () => {
      owner.stdin?.end();
      await owner;
    });
    await new Promise(resolve => owner.stdout?.once("data", resolve));
    const board = await start();
    await board.journal.until({ on: "mdns", what: "claimed" });
    expect(await ask("hot-potato-2.local", "A")).toBe(BOARD_ADDRESS);
    expect(await ask("hot-potato.local", "A")).toBe(PEER_ADDRESS);
  });
});
