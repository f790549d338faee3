import { readFileSync } from "node:fs";
import { creationOf, XS_SDK } from "../src/boards/chip-memory.ts";
import type { Creation, SocketKind } from "../src/boards/kind.ts";
import { bundle } from "./bundle.ts";
import type { Engine } from "./engine.ts";
import { type HeapLimit, type HeapSize, Machine, type Surroundings } from "./machine.ts";

const MANIFEST = new URL("../../firmware/manifest.json", import.meta.url);

/** The heap that the firmware's manifest reserves on a board with Wi-Fi. */
const CREATION = creationOf(JSON.parse(readFileSync(MANIFEST, "utf8")).creation);

/** The part of it that is left to the firmware, and the steps in which it takes memory of the board. */
function limitOf(creation: Creation): HeapLimit {
  const slots = creation.slots - XS_SDK.slots;
  return { ...creation, slots, chunkBytes: creation.chunkBytes - XS_SDK.chunkBytes };
}

/** Enough to load the firmware. A larger heap takes longer at each collection. */
const LOADING: HeapSize = { slots: 20_000, chunkBytes: 512 * 1024 };

/** Engines that have loaded a program: a fork of one takes a millisecond. */
const loaded = new Map<string, Machine>();

/**
 * A fork of a machine that has loaded a program of the folder `programs`, with everything frozen and the stack as short as
 * on the chip. With the heap of the "chip" it has as much as the manifest gives, whose `creation` may be that of another board; any other grows as it must. Without an
 * engine it is that of this process. Its TCP objects have the methods of the `sockets`.
 */
export function machineWith(
  program: string,
  surroundings: Surroundings,
  heap?: HeapSize | "chip",
  engine?: Engine,
  sockets: SocketKind = "sdk",
  creation = CREATION,
): Machine {
  const key = JSON.stringify([program, heap, engine, sockets, creation]);
  let origin = loaded.get(key);
  if (origin === undefined) {
    origin = new Machine(NOWHERE, heap === "chip" ? LOADING : heap, engine).keep();
    if (sockets === "sdk") origin.evaluate(SDK_SOCKETS);
    origin.evaluate(bundle(program));
    origin.freeze(creation.stackSlots, heap === "chip" ? limitOf(creation) : undefined);
    loaded.set(key, origin);
  }
  return new Machine(surroundings, origin);
}

/** Removes what the SDK's classes lack. */
const SDK_SOCKETS =
  "delete TCP.prototype.end; delete TCP.prototype.unread; delete UDP.prototype.port; delete UDP.prototype.dropped";

/** Programs use the board from `start` on: a module that does while it loads has a bug. */
const NOWHERE: Surroundings = {
  now: () => 0,
  answer: ([word]) => {
    throw new Error(`${word}: requested while the program was loaded`);
  },
};
