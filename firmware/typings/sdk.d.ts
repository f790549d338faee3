// Signatures of the parts of Moddable SDK 8.2.3 that the chip's code uses: facts, no text of the SDK. With them a
// computer without an SDK finds code of the chip, or a declaration of ours, that expects more than the SDK promises.
// The SDK's files, in typings/ and xs/includes/, are named above each part.

// xs.d.ts
declare class HostBuffer {
  readonly byteLength: number;
  private readonly host: true;
}
type ByteBuffer = HostBuffer | Uint8Array | Uint8ClampedArray | Int8Array | DataView;
declare const trace: (...words: (string | number | boolean)[]) => void;

// global.d.ts, embedded_io/system.d.ts
declare const System: {
  restart(): void;
  resolve(name: string, resolved: (name: string, address: string) => void): void;
};

// time.d.ts
declare module "time" {
  const Time: {
    ticks: number;
  };
  export default Time;
}

// timer.d.ts
declare module "timer" {
  class Timer {
    private constructor();
    private readonly host: true;
    static set: (task: (timer: Timer) => void, ms?: number, repeatMs?: number) => Timer;
    static repeat: (task: (timer: Timer) => void, ms: number) => Timer;
    static schedule: (timer: Timer, ms?: number, repeatMs?: number) => void;
    static clear: (timer: Timer | undefined | null) => void;
  }
  export default Timer;
}

// preference.d.ts
declare module "preference" {
  type Value = string | boolean | number | ArrayBuffer;
  const Preference: {
    get: (domain: string, key: string) => Value | undefined;
    set: (domain: string, key: string, value: Value) => void;
    delete: (domain: string, key: string) => void;
  };
  export default Preference;
}

// mc/config.d.ts
declare module "mc/config" {
  const Config: { file: { root: string } } & Record<string, unknown>;
  export default Config;
}

// Written by tools/ffi.js from the manifest: `uint8_t*` and the like are an ArrayBuffer, all else is a number.
declare module "mc/ffi" {
  export default class FFI {
    constructor();
    findKeyword(
      arg0: ArrayBuffer,
      arg1: number,
      arg2: number,
      arg3: ArrayBuffer,
      arg4: ArrayBuffer,
      arg5: number,
      arg6: number,
    ): number;
    readLines(
      arg0: ArrayBuffer,
      arg1: ArrayBuffer,
      arg2: ArrayBuffer,
      arg3: ArrayBuffer,
      arg4: number,
      arg5: number,
      arg6: number,
    ): number;
    writeLine(
      arg0: ArrayBuffer,
      arg1: number,
      arg2: string,
      arg3: string,
      arg4: string,
      arg5: string,
      arg6: string,
      arg7: string,
      arg8: string,
      arg9: string,
      arg10: number,
      arg11: number,
      arg12: number,
      arg13: number,
      arg14: number,
      arg15: number,
      arg16: number,
      arg17: number,
      arg18: number,
      arg19: number,
      arg20: number,
      arg21: number,
    ): void;
    readHead(arg0: ArrayBuffer, arg1: number, arg2: number, arg3: ArrayBuffer): number;
    putTexts(
      arg0: ArrayBuffer,
      arg1: number,
      arg2: number,
      arg3: string,
      arg4: string,
      arg5: string,
      arg6: string,
      arg7: string,
    ): number;
    putBytes(
      arg0: ArrayBuffer,
      arg1: number,
      arg2: number,
      arg3: ArrayBuffer,
      arg4: number,
      arg5: number,
    ): number;
    putValue(
      arg0: ArrayBuffer,
      arg1: number,
      arg2: number,
      arg3: string,
      arg4: ArrayBuffer,
      arg5: ArrayBuffer,
      arg6: number,
      arg7: string,
    ): number;
    putFields(
      arg0: ArrayBuffer,
      arg1: number,
      arg2: number,
      arg3: ArrayBuffer,
      arg4: number,
      arg5: number,
      arg6: ArrayBuffer,
      arg7: number,
      arg8: number,
    ): number;
    esp_get_free_heap_size(): number;
    esp_reset_reason(): number;
    nvs_get_stats(arg0: number, arg1: ArrayBuffer): number;
    esp_netif_get_handle_from_ifkey(arg0: string): number;
    esp_netif_get_ip_info(arg0: number, arg1: ArrayBuffer): number;
    esp_netif_get_dns_info(arg0: number, arg1: number, arg2: ArrayBuffer): number;
  }
}

// embedded/storage/key-value.d.ts
declare module "embedded:storage/key-value" {
  type Format = ("buffer" | "string") | `${"" | "u"}int${8 | 16 | 32 | 64}`;
  class Storage {
    close(): void;
    delete(key: string): void;
    read(key: string): ArrayBuffer | string | number | bigint;
    read(key: string, into: ByteBuffer): number;
    write(key: string, value: ByteBuffer | string | number | bigint): void;
    [Symbol.iterator](): IterableIterator<string>;
    format: Format;
  }
  const KeyValueStorage: {
    open(options: { path: string; mode?: "r" | "r+"; format?: Format }): Storage;
  };
  export default KeyValueStorage;
}

// embedded_network/interface/wifi.d.ts
declare module "embedded:network/interface/wifi" {
  class WiFi {
    constructor(options: {
      port?: number;
      onChanged?: (property: "connection" | "address") => void;
    });
    close(): void;
    connect(options: { SSID: string; password?: string }): void;
    disconnect(): void;
    configure(options: {
      hostname?: string;
      static?: { address: string; mask: string; gateway: string } | false;
    }): void;
    readonly connection: number;
    readonly address: string | undefined;
    readonly MAC: string | undefined;
    readonly SSID: string | undefined;
    readonly RSSI: number | undefined;
  }
  export default WiFi;
}

// embedded_network/interface/ethernet.d.ts
declare module "embedded:network/interface/ethernet" {
  class Ethernet {
    constructor(options: {
      port?: number;
      onChanged?: (property: "connection" | "address") => void;
    });
    close(): void;
    connect(): void;
    disconnect(): void;
    configure(options: {
      hostname?: string;
      static?: { address: string; mask: string; gateway: string } | false;
    }): void;
    readonly connection: number;
    readonly address: string | undefined;
    readonly MAC: string | undefined;
  }
  export default Ethernet;
}

// embedded_io/digital.d.ts
declare module "embedded:io/digital" {
  class Digital {
    static readonly Output: unknown;
    constructor(options: { pin: number; mode: unknown; initialValue?: 0 | 1 });
    write(value: 0 | 1): void;
    close(): void;
  }
  export default Digital;
}

// embedded_io/serial.d.ts; it spells `receive` wrong where only `transmit` must be given
declare module "embedded:io/serial" {
  type Pins = { receive: number; transmit?: number } | { recevice?: number; transmit: number };
  class Serial {
    constructor(
      options: Pins & {
        baud: number;
        port: number;
        format?: "number" | "buffer";
        target?: unknown;
        onReadable?: (this: Serial, bytes: number) => void;
        onWritable?: (this: Serial, bytes: number) => void;
      },
    );
    close(): void;
    read(): number | ArrayBuffer | undefined;
    read(byteLength: number): ArrayBuffer | undefined;
    read(into: ByteBuffer): number | undefined;
    write(value: number | ByteBuffer): void;
    format: "number" | "buffer";
  }
  export default Serial;
}

// embedded_io/socket/tcp.d.ts
declare module "embedded:io/socket/tcp" {
  export default class TCP {
    constructor(
      options: ((({ address: string } | { host: string }) & { port: number }) | { from: TCP }) & {
        nodelay?: boolean;
        format?: "number" | "buffer";
        target?: unknown;
        onReadable?: (this: TCP, bytes: number) => void;
        onWritable?: (this: TCP, bytes: number) => void;
        onError?: (this: TCP) => void;
      },
    );
    readonly remoteAddress: string | undefined;
    readonly remotePort: number | undefined;
    read(byteLength?: number): number | ArrayBuffer;
    read(into: ByteBuffer): void;
    write(value: number | ByteBuffer): void;
    close(): void;
    format: "number" | "buffer";
  }
}

// embedded_io/socket/udp.d.ts
declare module "embedded:io/socket/udp" {
  class UDP {
    constructor(options: {
      port?: number;
      address?: string;
      format?: "buffer";
      target?: unknown;
      onReadable?: (this: UDP, packets: number) => void;
      onError?: () => void;
      multicast?: string;
      timeToLive?: number;
    });
    read(): ArrayBuffer & { address: string; port: number };
    write(buffer: ByteBuffer, address: string, port: number): void;
    get format(): "buffer";
    set format(format: "buffer");
  }
  export default UDP;
}

// embedded_io/socket/listener.d.ts
declare module "embedded:io/socket/listener" {
  import type TCP from "embedded:io/socket/tcp";

  class Listener {
    constructor(options: {
      port?: number;
      address?: string;
      format?: "socket/tcp";
      target?: unknown;
      onReadable?: (this: Listener, requests: number) => void;
    });
    read(): TCP | undefined;
    readonly port: number;
    format: "socket/tcp";
  }
  export default Listener;
}
