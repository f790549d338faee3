import type { Flash } from "../flash.ts";
import type { Nvs } from "../nvs.ts";
import type { KeyValue, Storage, StorageOptions } from "../platform.ts";
import { viewOf } from "./arguments.ts";
import { HostObject } from "./host-object.ts";

/** NVS_KEY_NAME_MAX_SIZE less the end mark; the same for namespaces. */
const NAME_LENGTH_MAX = 15;

/** The port's variables for names. */
const NAME_BUFFER_BYTES = 64;

const INTEGERS = /^u?int(8|16|32|64)$/;

/** The flash of a board, and how it is changed. */
interface Store {
  readonly flash: Flash;
  change(work: (nvs: Nvs) => void): void;
}

/**
 * `embedded:storage/key-value` as the ESP32 port behaves. Read from
 * modules/io/storage/esp32/storage-esp32.c @ 48ee02d.
 *
 * Of the two ways to NVS this is the one for a configuration: a blob may span pages, so 8 KB are
 * fine, and it is replaced in one step. `preference` erases the old value before it writes the new
 * one (ERASE_KEY in modPreference.c), so a power cut between the two leaves neither.
 */
class EmulatedStorage extends HostObject implements Storage {
  #store: Store;
  #space: string;
  #readOnly: boolean;
  #format: string;

  constructor(store: Store, space: string, readOnly: boolean, format: string) {
    super(EmulatedStorage);
    this.#store = store;
    this.#space = space;
    this.#readOnly = readOnly;
    this.#format = format;
  }

  get format(): string {
    checkOpen(this);
    return this.#format;
  }

  set format(format: string) {
    checkOpen(this);
    this.#format = checkFormat(format);
  }

  read(key: string): ArrayBuffer | string | undefined {
    checkOpen(this);
    const found = this.#store.flash.nvs.find(this.#space, checkName(key));
    if (found === undefined) return undefined;
    if ((found.kind === "string") !== (this.#format === "string")) throw new TypeError("mismatch");
    if (found.kind === "string") return new TextDecoder().decode(found.bytes);
    return Uint8Array.from(found.bytes).buffer;
  }

  write(key: string, value: ArrayBuffer | Uint8Array | string): void {
    checkOpen(this);
    const space = this.#writable();
    checkName(key);
    if (this.#format === "string") {
      const bytes = new TextEncoder().encode(String(value));
      this.#store.change(nvs => nvs.writeString(space, key, bytes));
    } else {
      const bytes = Uint8Array.from(viewOf(value));
      this.#store.change(nvs => nvs.writeBlob(space, key, bytes));
    }
  }

  delete(key: string): void {
    checkOpen(this);
    const space = this.#writable();
    checkName(key);
    this.#store.change(nvs => nvs.erase(space, key));
  }

  close(): void {
    HostObject.release(this, EmulatedStorage);
  }

  [Symbol.iterator](): Iterator<string> {
    checkOpen(this);
    return this.#store.flash.nvs.keys(this.#space)[Symbol.iterator]();
  }

  #writable(): string {
    if (this.#readOnly) throw new Error("read-only");
    return this.#space;
  }
}

/** `stall` is called with the time for which the chip stalls during a write. */
export function defineKeyValue(flash: Flash, stall: (ms: number) => void): KeyValue {
  const store: Store = { flash, change: work => stall(flash.change(work)) };
  return Object.freeze({
    open(options: StorageOptions) {
      if (!("path" in options)) throw new Error("no path");
      const space = String(options.path).replace(/\/$/, "");
      if (options.path === "") throw new Error("invalid");
      const { mode = "r+" } = options;
      if (mode !== "r" && mode !== "r+") throw new Error("invalid mode");
      const format = checkFormat(options.format || "buffer");
      checkName(space);
      if (!flash.nvs.has(space)) {
        if (mode === "r") throw new Error("ESP_ERR_NVS_NOT_FOUND");
        store.change(nvs => nvs.make(space));
      }
      return new EmulatedStorage(store, space, mode === "r", format);
    },
  }) as KeyValue; // with the format `string` it reads strings
}

function checkOpen(receiver: unknown): asserts receiver is EmulatedStorage {
  HostObject.validate(receiver, EmulatedStorage);
}

function checkFormat(format: string): string {
  if (INTEGERS.test(format)) throw new Error(`not emulated: storage format "${format}"`);
  if (format !== "buffer" && format !== "string") throw new RangeError("unsupported");
  return format;
}

function checkName(name: string): string {
  const bytes = new TextEncoder().encode(String(name)).byteLength;
  if (bytes === 0) throw new Error("not emulated: an empty name in storage");
  if (bytes >= NAME_BUFFER_BYTES) throw new RangeError("cannot buffer string");
  if (bytes > NAME_LENGTH_MAX) throw new Error("ESP_ERR_NVS_KEY_TOO_LONG");
  return name;
}
