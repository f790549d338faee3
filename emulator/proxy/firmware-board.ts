import { readFileSync } from "node:fs";
import { type App, logBoot, type StartOptions, start } from "../../firmware/src/app.ts";
import { type Configuration, readConfig } from "../../firmware/src/config/config.ts";
import { TextStore } from "../../firmware/src/config/storage.ts";
import { openEthernet } from "../../firmware/src/link/ethernet-link.ts";
import { openWifi } from "../../firmware/src/link/wifi-link.ts";
import { formatLine, type Report } from "../../firmware/src/log/event.ts";
import type { Link } from "../../firmware/src/platform.ts";
import { abortLine } from "../../firmware/src/text/exception.ts";
import { Board, type BoardOptions, type Firmware } from "../src/board.ts";
import { esp32 } from "../src/boards/esp32.ts";
import type { BoardKind, LinkKind, SocketKind } from "../src/boards/kind.ts";
import { RealClock } from "../src/clock.ts";
import { computerWire, SERVICES_ADDRESS } from "../src/io/computer-wire.ts";
import type { BoardPlatform } from "../src/platform.ts";

/** The firmware on one engine: what a board boots, and what runs then. */
export interface Program {
  readonly boot: Firmware;
  /** Logs an event of the board's link; absent where the program must not be called inside its own requests. */
  readonly report?: Report;
  readonly app: App | undefined;
}

/** Makes the program of a build: its configuration, and what else the build was given. */
export type Engine = (configuration: Configuration, given: StartOptions) => Program;

/** The engine of this process. */
const node: Engine = (configuration, given) => {
  let app: App | undefined;
  return {
    boot(platform) {
      app = undefined;
      // As chip/abort.ts and main.ts do it on the chip.
      platform.onAbort((reason, exception) => {
        app?.flushLog();
        platform.log(abortLine(reason, exception));
      });
      const { restart } = platform;
      Object.assign(platform, {
        restart: () => {
          app?.flushLog();
          return restart();
        },
      });
      app = start(platform, configuration, given);
    },
    report: event => app?.report(event),
    get app() {
      return app;
    },
  };
};

/** The Wi-Fi that a board with a DHCP server joins. */
const EMULATED_NETWORK = { ssid: "emulated", password: "" };

/** A program that does nothing, until there is one. */
const NO_PROGRAM: Program = { boot: () => {}, app: undefined };

/** By default real time and the computer's own network. */
export type FirmwareBoardOptions = Omit<BoardOptions, "clock" | "wire"> &
  Partial<BoardOptions> & {
    /** Called after each boot, with what runs now. */
    onBooted?: (app: App) => void;
  };

/** An emulated board that runs our firmware: the one way to boot it. */
export class FirmwareBoard extends Board {
  /** The program of each boot. To replace the firmware by a broken one, set it before the boot. */
  firmware: Firmware = () => {};
  /** The platform of the running program. */
  platform: BoardPlatform | undefined;
  #program = NO_PROGRAM;
  #onBooted: (app: App) => void;

  constructor({ onBooted = () => {}, wire, ...options }: FirmwareBoardOptions) {
    const network = wire ? { wire } : { wire: computerWire(), dnsServers: [SERVICES_ADDRESS] };
    super({ clock: new RealClock(), ...network, ...options });
    this.#onBooted = onBooted;
  }

  /** The app since the last boot; on XS an object that asks the engine. */
  get app(): App | undefined {
    return this.#program.app;
  }

  /**
   * Power on, with a build of the firmware. Where the build has a name, the first line of each boot is
   * logged as `main.ts` does it.
   */
  bootFirmware(configuration: Configuration, given: StartOptions = {}, engine = node): void {
    const program = engine(configuration, given);
    this.#program = program;
    this.firmware = platform => {
      if (given.build !== undefined) logBoot(platform, given);
      program.boot(platform);
      this.#onBooted(program.app!);
    };
    this.powerOn();
  }

  /** The firmware's own link, as `chip/esp32/link.ts` or `ethernet-link.ts` opens it; that of the board where it joins by itself. */
  #link(platform: BoardPlatform): Link {
    const { clock, WiFi, Ethernet } = platform;
    const report: Report = event => {
      const { app, report } = this.#program;
      if (app === undefined || report === undefined) platform.log(formatLine(clock.now(), event));
      else report(event);
    };
    const state = () => this.interfaceState;
    if (Ethernet !== undefined) return openEthernet({ Ethernet, clock, report, state });
    if (WiFi === undefined) return platform.link;
    const store = TextStore.open(platform.storage, "wifi", report);
    return openWifi({ WiFi, clock, report, store, state, stayAwake: () => {} }, EMULATED_NETWORK);
  }

  /** Power on, with the firmware that was booted before. */
  powerOn(): void {
    this.boot(platform => {
      this.platform = platform;
      platform.link = this.#link(platform);
      this.firmware(platform);
    });
  }
}

/** Reads a document that the caller knows to be good; throws the complaints. */
export function configurationOf(document: object): Configuration {
  const outcome = readConfig(document);
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  return outcome;
}

/** Places of the event queue that the SDK's sockets need: each of a board's connections may have several events in it. */
const SDK_EVENTS_MAX = 128;

/** The manifest and the settings of ESP-IDF that the firmware for a board has. */
export function buildFiles(link: LinkKind): { sdkconfig: string; manifest: string } {
  const read = (name: string) =>
    readFileSync(new URL(`../../firmware/${name}`, import.meta.url), "utf8");
  const manifest = read("manifest.json");
  if (link === "wifi") return { sdkconfig: read("sdkconfig/sdkconfig.defaults"), manifest };
  const { creation, config } = JSON.parse(read("manifest-ethernet.json"));
  const common = JSON.parse(manifest);
  const merged = { ...common, creation, config: { ...common.config, ...config } };
  const sdkconfig = read("sdkconfig/ethernet/sdkconfig.defaults");
  return { sdkconfig, manifest: JSON.stringify(merged) };
}

/**
 * An ESP32 with our build settings, and the sockets that the firmware brings, or those of the SDK. The manifest's event queue is that
 * for the former.
 */
export function ourBoard(sockets: SocketKind = "own", link: LinkKind = "wifi"): BoardKind {
  const kind = esp32({ ...buildFiles(link), sockets, link });
  return sockets === "sdk" ? { ...kind, eventQueueLength: SDK_EVENTS_MAX } : kind;
}

/** A WT32-ETH01 with our build settings. */
export function ourEthernetBoard(sockets: SocketKind = "own"): BoardKind {
  return ourBoard(sockets, "ethernet");
}

/**
 * The product's board, or one with the SDK's sockets. Those do not end the board where they follow pointers to freed
 * memory: no program in JavaScript can keep them from it, and about every tenth world of the campaign would end there.
 */
export function mendedBoard(sockets: SocketKind = "own"): BoardKind {
  return { ...ourBoard(sockets), socketsMended: true };
}
