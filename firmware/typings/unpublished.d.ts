// Modules that the SDK's build makes, or that npm's typings of the SDK lack. They are used only when types are checked
// without an SDK, and must not be narrower than the SDK's own.

declare module "embedded:storage/key-value" {
  interface Storage {
    read(key: string): ArrayBuffer | string | number | bigint | undefined;
    write(key: string, value: string): void;
    delete(key: string): void;
  }
  const storage: {
    open(options: { path: string; mode: "r+"; format: "string" }): Storage;
  };
  export default storage;
}

declare module "mc/ffi" {
  export default class FFI {
    findKeyword(
      bytes: ArrayBuffer,
      start: number,
      end: number,
      columns: ArrayBuffer,
      next: ArrayBuffer,
      state: number,
      found: number,
    ): number;
    writeLine(
      ring: ArrayBuffer,
      order: number,
      format: string,
      ...values: import("../src/platform.ts").LineValues
    ): void;
    readLines(
      notice: ArrayBuffer,
      board: ArrayBuffer,
      requests: ArrayBuffer,
      into: ArrayBuffer,
      at: number,
      bytesMax: number,
      flags: number,
    ): number;
    readHead(bytes: ArrayBuffer, from: number, end: number, words: ArrayBuffer): number;
    putTexts(
      to: ArrayBuffer,
      at: number,
      end: number,
      one: string,
      two: string,
      three: string,
      four: string,
      five: string,
    ): number;
    putBytes(
      to: ArrayBuffer,
      at: number,
      end: number,
      from: ArrayBuffer,
      start: number,
      stop: number,
    ): number;
    putValue(
      to: ArrayBuffer,
      at: number,
      end: number,
      before: string,
      from: ArrayBuffer,
      positions: ArrayBuffer,
      field: number,
      behind: string,
    ): number;
    putFields(
      to: ArrayBuffer,
      at: number,
      end: number,
      from: ArrayBuffer,
      start: number,
      stop: number,
      positions: ArrayBuffer,
      names: number,
      indexes: number,
    ): number;
    esp_get_free_heap_size(): number;
    esp_reset_reason(): number;
    esp_wifi_set_ps(mode: number): number;
  }
}

declare module "embedded:network/interface/wifi" {
  export default class WiFi {
    constructor(options: { onChanged?: (property: string) => void });
    connect(options: { SSID: string; password?: string }): void;
    disconnect(): void;
    readonly connection: number;
    readonly address: string | undefined;
    readonly RSSI: number | undefined;
  }
}
