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
    readonly findKeyword: import("../src/platform.ts").FindKeyword;
    readonly writeLine: import("../src/platform.ts").WriteLine;
    readonly readLines: import("../src/platform.ts").ReadLines;
    readonly readHead: import("../src/platform.ts").ReadHead;
    readonly putTexts: import("../src/platform.ts").PutTexts;
    readonly putBytes: import("../src/platform.ts").PutBytes;
    readonly putValue: import("../src/platform.ts").PutValue;
    readonly putFields: import("../src/platform.ts").PutFields;
    esp_get_free_heap_size(): number;
    esp_reset_reason(): number;
    nvs_get_stats(partition: number, stats: ArrayBuffer): number;
    esp_netif_get_handle_from_ifkey(key: string): number;
    esp_netif_get_ip_info(handle: number, info: ArrayBuffer): number;
    esp_netif_get_dns_info(handle: number, kind: number, info: ArrayBuffer): number;
  }
}

declare module "embedded:network/interface/wifi" {
  export default class WiFi {
    constructor(options: { onChanged?: (property: string) => void });
    connect(options: { SSID: string; password?: string }): void;
    disconnect(): void;
    configure(options: {
      hostname?: string;
      static?: { address: string; mask: string; gateway: string } | false;
    }): void;
    close(): void;
    readonly connection: number;
    readonly address: string | undefined;
    readonly MAC: string | undefined;
    readonly RSSI: number | undefined;
  }
}

declare module "embedded:network/interface/ethernet" {
  export default class Ethernet {
    constructor(options: { onChanged?: (property: string) => void });
    configure(options: {
      hostname?: string;
      static?: { address: string; mask: string; gateway: string } | false;
    }): void;
    close(): void;
    readonly connection: number;
    readonly address: string | undefined;
    readonly MAC: string | undefined;
  }
}
