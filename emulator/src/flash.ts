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

/** Pages of 4 KB in the partition `nvs`: 24 KB (xsProj-esp32/partitions.csv). */
const PAGES = 6;

/** How a page is to be erased at most, over the years (data sheet of W25Q32: 100,000). */
export const ERASES_MAX = 100_000;

/** A token and a Wi-Fi password may be in it. */
const OWNER_ONLY = 0o600;

/** The power has failed in the middle of a step. What called does not go on. */
export class PowerLost extends Error {}

/**
 * The flash of a board: what it keeps without power. In memory, or also in a file that the caller
 * names, which is replaced as a whole after each change.
 */
export class Flash {
  readonly nvs: Nvs;
  /** What the last call has cost, in ms: meanwhile nothing runs on the chip. */
  costMs = 0;
  /** Told when the power fails in the middle of a write. */
  onPowerLost: () => void = () => {};
  /** Told when the file cannot be replaced; what was written is kept in memory, and saved with the next change. */
  onSaveFailed: (error: Error) => void = error => {
    throw error;
  };
  #file: string | undefined;
  #stepsToCut = Number.POSITIVE_INFINITY;

  /** Throws when `file` is there and is not a flash, or could not be replaced. */
  constructor(file?: string) {
    if (file !== undefined) requirePlace(file);
    this.#file = file;
    this.nvs = new Nvs(file === undefined ? emptyFlash() : load(file), ms => this.#step(ms));
  }

  /** What `file` holds now, in memory: what is written there changes no file. */
  static copyOf(file: string): Flash {
    const copy = new Flash(file);
    copy.#file = undefined;
    return copy;
  }

  /** How often the page that has suffered most was erased; `ERASES_MAX` wear it out. */
  get erases(): number {
    return Math.max(...this.nvs.pages.map(({ erases }) => erases));
  }

  /** The power fails at the step `steps` from now, from 1; the step itself does not happen. */
  cutPowerAt(steps: number): void {
    this.#stepsToCut = steps;
  }

  /** Runs something that may change the flash. Returns how long the chip stands still for it. */
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

  /** First beside it, then in its place: the file is an old or a new one, too. */
  #save(file: string): void {
    const beside = `${file}.new`;
    try {
      rmSync(beside, { force: true }); // one that was left has the rights that it had
      const text = `${JSON.stringify({ nvs: this.nvs.pages.map(toText) })}\n`;
      writeFileSync(beside, text, { mode: OWNER_ONLY, flag: "wx" });
      renameSync(beside, file);
    } catch (error) {
      this.onSaveFailed(error as Error);
    }
  }
}

/** A program that runs cannot be told that its flash has no place. */
function requirePlace(file: string): void {
  const folder = dirname(file);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`there is no folder ${folder}`);
  }
  const there = statSync(file, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile()) throw new Error(`${file} is not a regular file`);
  accessSync(folder, constants.W_OK); // it is replaced by another file, written beside it
}

function emptyFlash(): Page[] {
  return Array.from({ length: PAGES }, emptyPage);
}

function toText(page: Page) {
  const text = (item: Item) => ({ ...item, bytes: Buffer.from(item.bytes).toString("base64") });
  return { ...page, items: page.items.map(text) };
}

function load(file: string): Page[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return emptyFlash();
    throw error;
  }
  try {
    const pages: ReturnType<typeof toText>[] = JSON.parse(text).nvs;
    if (pages.length !== PAGES) throw new Error(`${pages.length} pages instead of ${PAGES}`);
    const item = (kept: ReturnType<typeof toText>["items"][number]): Item => ({
      ...kept,
      bytes: Uint8Array.from(Buffer.from(kept.bytes, "base64")),
    });
    return pages.map(page => ({ ...page, items: page.items.map(item) }));
  } catch (error) {
    throw new Error(`${file} is no flash of an emulated board (${(error as Error).message})`);
  }
}
