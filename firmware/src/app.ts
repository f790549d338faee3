import { formatLine, type Report } from "./admin/event.ts";
import type { Config } from "./config.ts";
import type { Platform } from "./platform.ts";
import { ReverseProxy } from "./proxy.ts";

/** The firmware's version, as its first log line tells it. */
export const VERSION = "0.1.0";

/** The running firmware. */
export interface App {
  readonly proxy: ReverseProxy;
  /** Ends all sessions and closes the listeners. For emulators and tests: a chip is switched off. */
  stop(): void;
}

/**
 * Puts the parts together. The proxy listens from the first network address on; its listeners stay
 * open when the network goes, because the chip cannot close and reopen them safely.
 */
export function start(platform: Platform, config: Config): App {
  const { clock, link } = platform;
  const report: Report = event => platform.log(formatLine(clock.now(), event));
  const proxy = new ReverseProxy(platform, config, report);
  let listening = false;

  const changed = () => {
    const { address, rssi } = link;
    proxy.online = address !== undefined;
    if (address === undefined) return;
    report({ level: "I", on: "net", ip: address, rssi });
    if (listening) return;
    listening = true;
    proxy.listen();
  };
  link.watch(changed);
  changed();
  return { proxy, stop: () => proxy.stop() };
}
