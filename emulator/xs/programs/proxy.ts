import { type App, type StartOptions, start } from "../../../firmware/src/app.ts";
import { ChipClock } from "../../../firmware/src/chip/clock.ts";
import { readConfig } from "../../../firmware/src/config/config.ts";
import type {
  DigitalPin,
  Link,
  ListenerConstructor,
  NetworkSettings,
  Platform,
  SerialConstructor,
  SerialPort,
  TCPConstructor,
  UDPConstructor,
} from "../../../firmware/src/platform.ts";
import { MEMORY_FULL } from "../../../firmware/src/text/exception.ts";
import type { EngineNetworkState } from "../firmware.ts";
import type { Path, RemoteValue } from "../remote.ts";
import { host } from "./host.ts";

/** The firmware on XS: what `main.ts` is on the chip, with the emulated board around it. */

type Network = EngineNetworkState;

const COMMANDS: Record<string, (value: never) => unknown> = {
  start: (value: {
    document: unknown;
    options: StartOptions;
    network: Network;
    connectionsMax: number;
    closesListeners: boolean;
    multicast: boolean;
  }) => {
    const outcome = readConfig(value.document);
    if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
    network = value.network;
    app = start(platform(value), outcome, value.options);
  },
  network: (value: Network) => {
    network = value;
    changed();
  },
  /** This number of bytes has arrived at the serial port, or it takes so many. */
  "serial-readable": (bytes: number) => readable(bytes),
  "serial-writable": (bytes: number) => writable(bytes),
  /** A request from outside to the running app: see remote.ts. */
  look: ({ path, args, whole }: { path: Path; args?: unknown[]; whole?: boolean }): RemoteValue => {
    let owner: unknown;
    let value: unknown = app;
    for (const name of path) {
      owner = value;
      value = (owner as Record<string, unknown>)[name];
    }
    if (whole) return { value };
    if (args !== undefined) return { value: Reflect.apply(value as () => unknown, owner, args) };
    return seen(value);
  },
};

const FREE_HEAP = '["free-heap"]';

let app: App | undefined;
let network: Network = { address: undefined, rssi: 0, isConfigurable: false };
let changed = () => {};
let readable = (_bytes: number) => {};
let writable = (_bytes: number) => {};

/** The board's serial port; received bytes cross as the characters of a text. */
class Serial implements SerialPort {
  constructor(options: ConstructorParameters<SerialConstructor>[0]) {
    readable = bytes => options.onReadable.call(this, bytes);
    writable = bytes => options.onWritable.call(this, bytes);
    ask("serial-open", JSON.stringify(options));
  }

  read(into: Uint8Array): number | undefined {
    const text = ask("serial-read", String(into.byteLength));
    for (let i = 0; i < text.length; i++) into[i] = text.charCodeAt(i);
    return text === "" ? undefined : text.length;
  }

  write(bytes: ArrayBuffer | Uint8Array): void {
    host.board.write(bytes);
  }
}

/** A pin of the board that the program drives. */
class Digital implements DigitalPin {
  static readonly Output = 8;
  private readonly pin: string;

  constructor({ pin, mode, initialValue }: { pin: number; mode: number; initialValue: 0 | 1 }) {
    this.pin = String(pin);
    ask("pin-open", this.pin, String(mode), String(initialValue));
  }

  write(level: 0 | 1): void {
    ask("pin-write", this.pin, String(level));
  }

  close(): void {
    ask("pin-close", this.pin);
  }
}

/** The network as the board's process knows it. Its members are of the class, as those of the chip's link are: they take no memory. */
class EngineLink implements Link {
  get address() {
    return network.address;
  }
  get kind() {
    return network.kind;
  }
  get mac() {
    return network.mac;
  }
  get interfaceState() {
    return network.interfaceState;
  }
  get rssi() {
    return network.rssi;
  }
  get ssid() {
    return network.ssid;
  }
  get dnsServers() {
    return network.dnsServers;
  }
  watch(task: () => void) {
    changed = task;
  }
  rejoin() {
    ask("rejoin");
  }
}

class ConfigurableLink extends EngineLink {
  configure(settings: NetworkSettings) {
    ask("configure", JSON.stringify(settings));
  }
}

function seen(value: unknown): RemoteValue {
  if (typeof value === "function") return { kind: "function" };
  if (Array.isArray(value)) return { kind: "array", items: value.map(seen) };
  return typeof value === "object" && value !== null ? { kind: "object" } : { value };
}

function platform({
  connectionsMax,
  closesListeners,
  multicast,
}: Pick<Platform, "connectionsMax" | "closesListeners" | "multicast">): Platform {
  return {
    TCP: host.TCP as unknown as TCPConstructor,
    Listener: host.Listener as unknown as ListenerConstructor,
    UDP: host.UDP as unknown as UDPConstructor,
    clock: new ChipClock(error => {
      throw error;
    }),
    link: network.isConfigurable ? new ConfigurableLink() : new EngineLink(),
    connectionsMax,
    closesListeners,
    multicast,
    vitals: {
      get resetReason() {
        return ask("reset-reason");
      },
      // Called often: the request is a constant.
      get freeHeapBytes() {
        return Number(host.board.ask(FREE_HEAP));
      },
      get storageBytes() {
        return Number(ask("storage-bytes"));
      },
    },
    storage: {
      open: ({ path }) => ({
        read: key => JSON.parse(ask("read", path, key)) ?? undefined,
        write: (key, value) => void ask("write", path, key, value),
        delete: key => void ask("delete", path, key),
      }),
    },
    Serial,
    Digital,
    findKeyword: host.findKeyword,
    writeLine: host.writeLine,
    readHead: host.readHead,
    putTexts: host.putTexts,
    putBytes: host.putBytes,
    putValue: host.putValue,
    putFields: host.putFields,
    readLines: host.readLines,
    Search: host.Search,
    random: () => Number(ask("random")),
    log: line => host.board.log(line),
  };
}

const { abort } = host;

host.abort = (reason, exception) => {
  if (reason !== MEMORY_FULL) app?.flushLog();
  abort(reason, exception);
};

function ask(...words: string[]): string {
  return host.board.ask(JSON.stringify(words));
}

host.command = text => {
  const [name, value] = JSON.parse(text);
  return JSON.stringify(COMMANDS[name](value as never));
};
