/** Entries of 32 bytes on a page of 4 KB, without its header and its table of states (nvs_page.hpp). */
const PAGE_ENTRIES = 126;
const ENTRY_BYTES = 32;

/** A string with its end mark, and a piece of a blob: what fits one page (nvs_page.hpp: CHUNK_MAX_SIZE). */
const STRING_BYTES_MAX = 4000;

/** The duration of one step in flash, for a W25Q32 as on the DevKit: typical times of its data sheet. */
const PROGRAM_256_BYTES_MS = 0.4;
const ERASE_PAGE_MS = 45;

/** Something in the log. A blob is its pieces, then the index that makes them valid. */
export interface Item {
  readonly kind: "namespace" | "string" | "piece" | "index";
  readonly space: string;
  readonly key: string;
  /** Entries that it takes. */
  readonly span: number;
  readonly bytes: Uint8Array;
  /** 0 and 1 in turn, so that an old and a new value can be stored at the same time. */
  readonly version: number;
  /** The number of a piece; for an index, how many pieces there are. */
  readonly number: number;
}

export interface Page {
  items: Item[];
  /** Entries written since the last erase, those of erased items included. */
  used: number;
  /** Order in which the pages were begun; 0: empty. */
  sequence: number;
  /** The page's items are being moved to the newest page, then it is erased. */
  freeing: boolean;
  erases: number;
}

/**
 * ESP-IDF's key-value store in flash (components/nvs_flash), as far as a program can observe: a log on
 * pages that can only be erased as a whole. A new value is appended, then the old one is marked as
 * erased; when the pages are full, the one with the most waste is moved together and erased. One
 * page always stays empty for this.
 *
 * Before each step in flash `step` is called with its time in ms; it may throw, because the power fails.
 * After `recover`, which runs at boot, each key has its old value or its new one.
 */
export class Nvs {
  readonly pages: Page[];
  #step: (ms: number) => void;

  constructor(pages: Page[], step: (ms: number) => void) {
    this.pages = pages;
    this.#step = step;
  }

  find(space: string, key: string): { kind: "string" | "blob"; bytes: Uint8Array } | undefined {
    const found = this.#live(space, key).find(({ kind }) => kind !== "piece");
    if (found === undefined) return undefined;
    if (found.kind === "string") return { kind: "string", bytes: found.bytes };
    const pieces = this.#pieces(found);
    return { kind: "blob", bytes: Buffer.concat(pieces.map(({ bytes }) => bytes)) };
  }

  keys(space: string): string[] {
    const shown = this.#items().filter(
      item => item.space === space && (item.kind === "string" || item.kind === "index"),
    );
    return shown.map(({ key }) => key);
  }

  has(space: string): boolean {
    return this.#items().some(item => item.kind === "namespace" && item.key === space);
  }

  /** Makes a namespace, which is never removed. */
  make(space: string): void {
    const none = { space: "", bytes: new Uint8Array(), version: 0, number: 0 };
    this.#append({ ...none, kind: "namespace", key: space, span: 1 });
  }

  /** A value of another kind is replaced, as IDF does from v5.2 on (Storage::writeItem). */
  writeString(space: string, key: string, bytes: Uint8Array): void {
    if (bytes.byteLength + 1 > STRING_BYTES_MAX) throw new Error("ESP_ERR_NVS_VALUE_TOO_LONG");
    const old = this.#live(space, key);
    if (old.some(item => item.kind === "string" && same(item.bytes, bytes))) return; // an equal value is not written
    const span = 1 + Math.ceil((bytes.byteLength + 1) / ENTRY_BYTES);
    const version = old[0]?.version === 0 ? 1 : 0;
    this.#append({ kind: "string", space, key, span, bytes, version, number: 0 });
    this.#erase(old);
  }

  writeBlob(space: string, key: string, bytes: Uint8Array): void {
    const known = this.find(space, key);
    if (known?.kind === "blob" && same(known.bytes, bytes)) return; // an equal value is not written
    const old = this.#live(space, key);
    const version = old.find(({ kind }) => kind === "index")?.version === 0 ? 1 : 0;
    const written: Item[] = [];
    const put = (item: Omit<Item, "space" | "key" | "version">) => {
      const whole = { ...item, space, key, version };
      this.#append(whole);
      written.push(whole);
    };
    try {
      let number = 0;
      for (let at = 0; at < bytes.byteLength; ) {
        if (this.#room() < 2) this.#turnPage();
        const fits = Math.min((this.#room() - 1) * ENTRY_BYTES, STRING_BYTES_MAX);
        if (fits <= 0) throw notEnough();
        const piece = bytes.slice(at, at + fits);
        const span = 1 + Math.ceil(piece.byteLength / ENTRY_BYTES);
        put({ kind: "piece", span, bytes: piece, number: number++ });
        at += piece.byteLength;
      }
      put({ kind: "index", span: 1, bytes: new Uint8Array(), number });
    } catch (error) {
      if (isNotEnough(error)) this.#erase(written);
      throw error;
    }
    this.#erase(old);
  }

  erase(space: string, key: string): void {
    this.#erase(this.#live(space, key));
  }

  /** Puts in order what a power cut has left, as nvs_flash_init does. */
  recover(): void {
    const freeing = this.pages.find(page => page.freeing);
    if (freeing !== undefined) {
      const copy = this.#newest();
      if (copy !== freeing) this.#wipe(copy); // it has nothing but copies
      this.#move(freeing);
    }
    const seen = new Set<string>();
    for (const page of this.#ordered().reverse()) {
      for (const item of [...page.items].reverse()) {
        const name = `${item.kind === "string" || item.kind === "index"} ${item.space} ${item.key}`;
        if (item.kind === "piece") continue;
        if (seen.has(name)) this.#erase([item]);
        seen.add(name);
      }
    }
    for (const item of this.#items()) {
      if (item.kind === "index" && this.#pieces(item).length < item.number) this.#erase([item]);
    }
    const orphans = this.#items().filter(
      item =>
        item.kind === "piece" &&
        !this.#live(item.space, item.key).some(
          ({ kind, version }) => kind === "index" && version === item.version,
        ),
    );
    this.#erase(orphans);
  }

  #items(): Item[] {
    return this.#ordered().flatMap(({ items }) => items);
  }

  #live(space: string, key: string): Item[] {
    return this.#items().filter(
      item => item.kind !== "namespace" && item.space === space && item.key === key,
    );
  }

  #pieces({ space, key, version }: Item): Item[] {
    return this.#live(space, key)
      .filter(item => item.kind === "piece" && item.version === version)
      .sort((a, b) => a.number - b.number);
  }

  #ordered(): Page[] {
    return this.pages.filter(page => page.sequence > 0).sort((a, b) => a.sequence - b.sequence);
  }

  #newest(): Page {
    const newest = this.#ordered().at(-1);
    return newest ?? this.#begin(this.pages[0]);
  }

  #room(): number {
    return PAGE_ENTRIES - this.#newest().used;
  }

  #append(item: Item): void {
    if (this.#room() < item.span) this.#turnPage();
    if (this.#room() < item.span) throw notEnough();
    this.#step(((item.span * ENTRY_BYTES) / 256) * PROGRAM_256_BYTES_MS);
    const page = this.#newest();
    page.items.push(item);
    page.used += item.span;
  }

  #erase(items: Item[]): void {
    for (const item of items) {
      this.#step(PROGRAM_256_BYTES_MS); // its state is overwritten
      for (const page of this.pages) page.items = page.items.filter(other => !isSame(item, other));
    }
  }

  /** Goes on on an empty page; when only one is left, tidies up another page onto it. */
  #turnPage(): void {
    const empty = this.pages.filter(({ sequence }) => sequence === 0);
    if (empty.length > 1) {
      this.#begin(empty[0]);
      return;
    }
    const waste = (page: Page) => PAGE_ENTRIES - sum(page.items);
    const worst = this.#ordered().sort((a, b) => waste(b) - waste(a))[0];
    if (waste(worst) === 0) throw notEnough();
    this.#step(PROGRAM_256_BYTES_MS);
    worst.freeing = true;
    this.#move(worst);
  }

  #move(from: Page): void {
    const empty = this.pages.find(({ sequence }) => sequence === 0);
    if (empty === undefined) throw new Error("the flash has no empty page");
    const to = this.#begin(empty);
    for (const item of from.items) {
      this.#step(((item.span * ENTRY_BYTES) / 256) * PROGRAM_256_BYTES_MS);
      to.items.push({ ...item });
      to.used += item.span;
    }
    this.#wipe(from);
  }

  #begin(page: Page): Page {
    page.sequence = 1 + Math.max(...this.pages.map(({ sequence }) => sequence));
    return page;
  }

  #wipe(page: Page): void {
    this.#step(ERASE_PAGE_MS);
    Object.assign(page, { ...emptyPage(), erases: page.erases + 1 });
  }
}

export function emptyPage(): Page {
  return { items: [], used: 0, sequence: 0, freeing: false, erases: 0 };
}

const NOT_ENOUGH = "ESP_ERR_NVS_NOT_ENOUGH_SPACE";

function notEnough(): Error {
  return new Error(NOT_ENOUGH);
}

function isNotEnough(error: unknown): boolean {
  return error instanceof Error && error.message === NOT_ENOUGH;
}

function sum(items: Item[]): number {
  return items.reduce((entries, { span }) => entries + span, 0);
}

/** True for the same item, also at another place in flash. */
function isSame(a: Item, b: Item): boolean {
  const { kind, space, key, version, number } = a;
  return (
    kind === b.kind &&
    space === b.space &&
    key === b.key &&
    version === b.version &&
    number === b.number
  );
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
