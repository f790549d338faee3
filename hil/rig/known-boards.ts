import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { describeFound, type Found, placeOf } from "./discovery.ts";
import { EMULATED_PATH } from "./emulated-port.ts";
import type { ChipIdentity } from "./loader.ts";

/** Boards that are stored; the one not seen for longest is dropped. */
const BOARDS_MAX = 50;

interface Remembered extends ChipIdentity {
  /** The adapter that was in this USB port: another adapter is another board. */
  readonly adapter: string;
}

/**
 * Which chip was found at which USB port, in a file of the user's. Asking a chip resets its board, so it is
 * asked when that does no harm. Another board of the same kind in the same port is not noticed: this is for
 * display only.
 */
export class KnownBoards {
  #file: string;
  #boards: Map<string, Remembered>;

  constructor(file = join(cacheFolder(), "hot-potato", "boards.json")) {
    this.#file = file;
    this.#boards = new Map(Object.entries(readBoards(file)));
  }

  find(board: Found): ChipIdentity | undefined {
    const known = this.#boards.get(placeOf(board));
    if (known === undefined || known.adapter !== adapterOf(board)) return undefined;
    return { chip: known.chip, mac: known.mac };
  }

  remember(board: Found, { chip, mac }: ChipIdentity): void {
    const place = placeOf(board);
    this.#boards.delete(place);
    this.#boards.set(place, { chip, mac, adapter: adapterOf(board) });
    const kept = [...this.#boards].slice(-BOARDS_MAX);
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(this.#file, `${JSON.stringify(Object.fromEntries(kept), undefined, 2)}\n`);
  }
}

/** The text of `--list`: one line for each board, the emulated one last. */
export function listBoards(found: readonly Found[], known: KnownBoards): string {
  const boards = found.filter(({ adapter }) => adapter !== undefined);
  return [
    ...boards.map(board => describeFound(board, known.find(board))),
    `${EMULATED_PATH}  no hardware, always there  (--board ${EMULATED_PATH})`,
  ].join("\n");
}

function adapterOf({ usb, serialNumber }: Found): string {
  return `${usb ?? "-"} ${serialNumber ?? "-"}`;
}

/** A missing or unreadable file means no boards; it is written again with the next chip. */
function readBoards(file: string): Record<string, Remembered> {
  try {
    const boards: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof boards === "object" && boards !== null
      ? (boards as Record<string, Remembered>)
      : {};
  } catch {
    return {};
  }
}

/** The user's cache folder. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === "win32" && LOCALAPPDATA) return LOCALAPPDATA;
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches");
  return XDG_CACHE_HOME || join(homedir(), ".cache");
}
