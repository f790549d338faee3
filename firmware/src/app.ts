import { Console } from "./admin/console.ts";
import { formatLine, type Report } from "./admin/event.ts";
import { Operator } from "./admin/operator.ts";
import { Recent } from "./admin/recent.ts";
import { Revisions } from "./admin/revisions.ts";
import { type Beginning, RunningConfig } from "./admin/running-config.ts";
import { AdminServer } from "./admin/server.ts";
import { type Configuration, readConfig } from "./config.ts";
import { abortLine } from "./exception.ts";
import { Listeners } from "./listeners.ts";
import type { Platform } from "./platform.ts";
import { ReverseProxy } from "./proxy.ts";
import { TextStore } from "./storage.ts";
import { VERSION } from "./version.ts";

/** The running firmware. */
export interface App {
  readonly proxy: ReverseProxy;
  readonly operator: Operator;
  /** Ends all sessions and closes the listeners. For emulators and tests: a chip is switched off. */
  stop(): void;
}

/** Where the firmware keeps things; a namespace of NVS. */
const STORAGE_PATH = "hot-potato";

export interface StartOptions {
  /** The admin port's token, given at build time; one that was set later counts instead. */
  readonly token?: string | undefined;
  /** Which build of the firmware this is, where whoever built it has said so. */
  readonly build?: string | undefined;
}

/** The first line after every reset: what runs, and why it started. */
export function announce(
  { clock, vitals, log }: Pick<Platform, "clock" | "vitals" | "log">,
  { build }: Pick<StartOptions, "build"> = {},
): void {
  const { resetReason: reset, freeHeapBytes: heap } = vitals;
  log(formatLine(clock.now(), { level: "I", on: "boot", version: VERSION, build, reset, heap }));
}

/**
 * Puts the parts together, with the configuration that was kept last, or else the one given. The proxy
 * listens from the first network address on; its listeners stay open when the network goes, because
 * the chip cannot close and reopen them safely.
 */
export function start(
  platform: Platform,
  given: Configuration,
  { token, build }: StartOptions = {},
): App {
  const { clock, link } = platform;
  platform.onAbort?.((reason, exception) => platform.log(abortLine(reason, exception)));
  const recent = new Recent();
  let operator: Operator | undefined;
  const report: Report = event => {
    const line = formatLine(clock.now(), event);
    platform.log(line);
    recent.add(event, line);
    if ("what" in event && event.what === "exception") operator?.running.fault();
  };
  const store = TextStore.open(platform.storage, STORAGE_PATH, report);
  const revisions = store && new Revisions(store);
  const beginning = begin(revisions, given, platform.vitals.resetReason, report);
  report({ level: "I", on: "config", what: "in-force", source: beginning.source });

  const proxy = new ReverseProxy(platform, beginning.config, report);
  const listeners = new Listeners(platform, report, (port, connection) => {
    if (running.isAdmin(port)) server.accept(port, connection);
    else proxy.accept(port, connection);
  });
  const parts = { platform, proxy, revisions, report };
  const running = new RunningConfig({ ...parts, listeners, beginning });
  operator = new Operator({ ...parts, recent, store, running, token, build });
  const server = new AdminServer(platform, operator, report);
  const console = new Console(platform, operator, report);

  let listening = false;
  const changed = () => {
    const { address, rssi } = link;
    proxy.online = address !== undefined;
    if (address === undefined) return;
    report({ level: "I", on: "net", ip: address, rssi });
    if (listening) return;
    listening = true;
    running.start();
  };
  link.watch(changed);
  changed();
  const stop = () => {
    listeners.stop();
    running.stop();
    proxy.stop();
    server.stop();
    operator.stop();
    console.stop();
  };
  return { proxy, operator, stop };
}

/** The configuration to start with, by what flash keeps. */
function begin(
  revisions: Revisions | undefined,
  given: Configuration,
  reset: string | undefined,
  report: Report,
): Beginning {
  const kept = revisions?.start();
  let rolledBack: string | undefined;
  if (kept?.fellBack) {
    rolledBack = "restarts";
    report({ level: "W", on: "config", what: "rolled-back", why: rolledBack });
  }
  if (kept?.dropped !== undefined) {
    rolledBack = kept.dropped;
    report({ level: "W", on: "config", what: "dropped", why: rolledBack, reset });
  }
  const flash = checked(kept?.document, report);
  const standing: Beginning = {
    ...(flash ?? given),
    source: flash ? "flash" : "built-in",
    rolledBack,
  };
  if (kept?.next === undefined) return standing;
  revisions!.keepNext(undefined); // whatever comes of it, it is tried once
  const next = checked(kept.next, report);
  if (next === undefined) return standing;
  return { ...next, source: "trial", before: standing, rolledBack };
}

/** A document from flash, if it still is a configuration. */
function checked(document: object | undefined, report: Report): Configuration | undefined {
  if (document === undefined) return undefined;
  const outcome = readConfig(document);
  if ("config" in outcome) return outcome;
  // An earlier firmware has written it.
  for (const error of outcome.complaints) {
    report({ level: "E", on: "config", what: "refused", error });
  }
  return undefined;
}
