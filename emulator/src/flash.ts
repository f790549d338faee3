import {
  accessSync,
  constants,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { emptyPage, type Item, Nvs, type Page } from "./nvs.ts";

/** Pages of 4 KB in the partition `nvs`: 72 KB (firmware/partitions.csv). */
const PAGES = 18;

/** Pages of a board that was flashed with the partition table of the SDK (xsProj-esp32/partitions.csv): 24 KB. */
export const SDK_PAGES = 6;

const PAGE_BYTES = 4096;

/** Erases that a page endures (data sheet of W25Q32: 100,000). */
export const ERASES_MAX = 100_000;

/** A token and a Wi-Fi password may be in it. */
const OWNER_ONLY = 0o600;

/** The power failed in the middle of a step: the caller must not continue. */
export class PowerLost extends Error {}

/**
 * The flash of a board, which keeps its content without power. In memory, or also in a file that the caller
 * names, which is replaced as a whole after each change.
 */
export class Flash {
  readonly nvs: Nvs;
  /** Time of the last change, in ms: nothing runs on the chip meanwhile. */
  costMs = 0;
  /** Called when the power fails in the middle of a write. */
  onPowerLost: () => void = () => {};
  /** Called when the file cannot be replaced; the change is kept in memory, and saved with the next one. */
  onSaveFailed: (error: Error) => void = error => {
    throw error;
  };
  #file: string | undefined;
  #stepsToCut = Number.POSITIVE_INFINITY;

  /** `pages`: of a new one. Throws when `file` exists and is not a flash, or could not be replaced. */
  constructor(file?: string, pages = PAGES) {
    if (file !== undefined) requirePlace(file);
    this.#file = file;
    const content = (file === undefined ? undefined : load(file)) ?? emptyFlash(pages);
    this.nvs = new Nvs(content, ms => this.#step(ms));
  }

  /** A copy of `file` in memory: changes to it are not saved. */
  static copyOf(file: string): Flash {
    const copy = new Flash(file);
    copy.#file = undefined;
    return copy;
  }

  /** The size of the partition. */
  get bytes(): number {
    return this.nvs.pages.length * PAGE_BYTES;
  }

  /** Erases of the most worn page; `ERASES_MAX` wear it out. */
  get erases(): number {
    return Math.max(...this.nvs.pages.map(({ erases }) => erases));
  }

  /** The power fails at the step `steps` from now, from 1; the step itself does not happen. */
  cutPowerAt(steps: number): void {
    this.#stepsToCut = steps;
  }

  /** Runs something that may change the flash. Returns how long the chip stalls for it, in ms. */
  change(work: (nvs: Nvs) => void): number {
    this.costMs = 0;
    try {
      work(this.nvs);
    } finally {
      if (this.#file !== undefined && this.costMs > 0) this.#save(this.#file);
    }
    return this.costMs;
  }

  #step(ms: number): void {
    this.costMs += ms;
    if (--this.#stepsToCut > 0) return;
    this.#stepsToCut = Number.POSITIVE_INFINITY;
    this.onPowerLost();
    throw new PowerLost();
  }

  /** Writes a new file, then renames it: after a crash the file is the old one or the new one. */
  #save(file: string): void {
    const beside = `${file}.new`;
    try {
      rmSync(beside, { force: true }); // a leftover one would keep its permissions
      const text = `${JSON.stringify({ nvs: this.nvs.pages.map(toText) })}\n`;
      writeFileSync(beside, text, { mode: OWNER_ONLY, flag: "wx" });
      renameSync(beside, file);
    } catch (error) {
      this.onSaveFailed(error as Error);
    }
  }
}

/** A missing folder is an error now: later there is no way to report it to a running program. */
function requirePlace(file: string): void {
  const folder = dirname(file);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`there is no folder ${folder}`);
  }
  const there = statSync(file, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile()) throw new Error(`${file} is not a regular file`);
  accessSync(folder, constants.W_OK); // a new file is written there, then renamed
}

function emptyFlash(pages: number): Page[] {
  return Array.from({ length: pages }, emptyPage);
}

function toText(page: Page) {
  const text = (item: Item) => ({ ...item, bytes: Buffer.from(item.bytes).toString("base64") });
  return { ...page, items: page.items.map(text) };
}

/** `undefined` where there is no such file. */
function load(file: string): Page[] | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const pages: ReturnType<typeof toText>[] = JSON.parse(text).nvs;
    if (pages.length !== PAGES && pages.length !== SDK_PAGES) {
      throw new Error(`${pages.length} pages instead of ${PAGES} or ${SDK_PAGES}`);
    }
    const item = (kept: ReturnType<typeof toText>["items"][number]): Item => ({
      ...kept,
      bytes: Uint8Array.from(Buffer.from(kept.bytes, "base64")),
    });
    return pages.map(page => ({ ...page, items: page.items.map(item) }));
  } catch (error) {
    throw new Error(`${file} is no flash of an emulated board (${(error as Error).message})`);
  }
}
