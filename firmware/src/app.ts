import { BoardName } from "./admin/board-name.ts";
import { BoardTime } from "./admin/board-time.ts";
import { Console } from "./admin/console.ts";
import { RunningConfig } from "./admin/running-config.ts";
import { RuntimeApi } from "./admin/runtime-api.ts";
import { AdminServer } from "./admin/server.ts";
import { startConfigOf } from "./admin/start-config.ts";
import { addressSource } from "./admin/status.ts";
import type { GivenSettings } from "./config/build-settings.ts";
import type { Configuration } from "./config/config.ts";
import { ConfigStore } from "./config/config-store.ts";
import { DOCUMENT_BYTES_MAX, documentBytesMax } from "./config/document-parts.ts";
import { TextStore } from "./config/storage.ts";
import { formatLine, type Report } from "./log/event.ts";
import { Log } from "./log/log.ts";
import { Listeners } from "./net/listeners.ts";
import type { Platform } from "./platform.ts";
import { ReverseProxy } from "./proxy/reverse-proxy.ts";
import { VERSION } from "./version.ts";

/** The running firmware. */
export interface App {
  readonly proxy: ReverseProxy;
  readonly runtime: RuntimeApi;
  /** Writes an event of the board to the log and to the recent events. */
  readonly report: Report;
  /** Writes the lines of the log that wait for the serial port, and waits for it. Call it before a restart. */
  flushLog(): void;
  /** Ends all sessions and closes the listeners. For emulators and tests: a chip is switched off. */
  stop(): void;
}

/** The namespace of NVS that the firmware uses. */
export const STORAGE_PATH = "hot-potato";

/** Build settings, already merged into the configuration. A token that was saved at run time takes precedence. */
export interface StartOptions extends GivenSettings {
  /** Which build of the firmware this is, if it was given a name. */
  readonly build?: string | undefined;
}

/** The first line after every reset: version, build and reset reason. */
export function logBoot(
  { clock, vitals, log }: Pick<Platform, "clock" | "vitals" | "log">,
  { build }: Pick<StartOptions, "build"> = {},
): void {
  const { resetReason: reset, freeHeapBytes: heap } = vitals;
  log(formatLine(clock.now(), { level: "I", on: "boot", version: VERSION, build, reset, heap }));
}

function reportStorage({ storageBytes: bytes }: Platform["vitals"], report: Report): void {
  const bytesMax = documentBytesMax(bytes);
  if (bytes === undefined || bytesMax === DOCUMENT_BYTES_MAX) return;
  report({ level: "W", on: "storage", what: "small", bytes, documentBytesMax: bytesMax });
}

/**
 * Puts the parts together, with the configuration that `startConfigOf` chooses. The ports are opened when the network
 * is up for the first time, and stay open when it is lost.
 */
export function start(
  platform: Platform,
  builtIn: Configuration,
  { build, ...given }: StartOptions = {},
): App {
  const { link } = platform;
  let runtime: RuntimeApi | undefined;
  const log = new Log(platform, platform.log);
  const report: Report = event => {
    log.report(event);
    if ("what" in event && event.what === "exception") runtime?.running.countException();
  };
  const store = TextStore.open(platform.storage, STORAGE_PATH, report);
  const configStore = store && new ConfigStore(store);
  const reset = platform.vitals.resetReason;
  reportStorage(platform.vitals, report);
  const startConfig = startConfigOf({
    store,
    configStore,
    builtIn,
    given,
    reset,
    report,
    link: link.kind,
  });
  const { source, rolledBack } = startConfig;
  report({ level: "I", on: "config", what: "in-force", source, rolledBack });

  const proxy = new ReverseProxy(platform, startConfig.config, log, report);
  const listeners = new Listeners(platform, report, (port, connection) => {
    if (running.isAdmin(port)) server.accept(port, connection);
    else proxy.accept(port, connection);
  });
  const parts = { platform, proxy, store, configStore, report };
  const name = new BoardName(parts, build);
  const time = new BoardTime(parts);
  proxy.shared.timeOfDay = time;
  const running = new RunningConfig(
    { ...parts, listeners, builtIn: builtIn.document, name, time },
    startConfig,
  );
  runtime = new RuntimeApi({ ...parts, log, running, build, token: given.token, name, time });
  const server = new AdminServer(runtime);

  let listening = false;
  const changed = () => {
    const { address: ip, rssi } = link;
    proxy.online = ip !== undefined;
    if (ip === undefined) {
      name.update();
      time.update();
      return;
    }
    const { hostname, address: fixed } = proxy.config.network;
    if (link.kind === undefined) report({ level: "I", on: "net", ip, rssi });
    else
      report({
        level: "I",
        on: "net",
        ip,
        name: hostname || undefined,
        by: addressSource(fixed),
        rssi,
      });
    if (proxy.config.adminPort === 0) link.confirm?.(); // no request can do it
    if (!listening) {
      listening = true;
      running.start();
    }
    name.update();
    time.update();
  };
  link.watch(changed);
  changed();
  link.configure?.(startConfig.config.network);
  const console = new Console(runtime);
  const flushLog = () => console.flush();
  const stop = () => {
    name.stop();
    time.stop();
    listeners.stop();
    running.stop();
    proxy.stop();
    server.stop();
    runtime.token.stop();
    console.stop();
  };
  return { proxy, runtime, report, flushLog, stop };
}
