/// <reference path="./chip/gateway.d.ts" />
import Listener from "embedded:io/socket/listener";
import TCP from "embedded:io/socket/tcp";
import { openLink } from "chip/link";
import { machine } from "chip/machine";
import gateway from "gateway" with { type: "json" };
import config from "mc/config";
import { formatLine, type Report } from "./admin/event.ts";
import { announce, start } from "./app.ts";
import { ChipClock } from "./chip/clock.ts";
import { nativeCode } from "./chip/native.ts";
import { readConfig } from "./config.ts";
import type { ListenerConstructor, TCPConstructor } from "./platform.ts";
import { overlay, type Settings } from "./settings.ts";

/** The chip: real sockets, clock, Wi-Fi and console, handed to the proxy. */
export default function main(): void {
  const settings = config as unknown as Settings;
  const log = (line: string) => trace(`${line}\n`);
  // Called by XS before it gives up, so that a reboot is never silent.
  (globalThis as { abort?: unknown }).abort = (reason: string, exception: unknown) => {
    log(`XS abort: ${reason} ${exception ?? ""}`);
  };

  const clock = new ChipClock(error =>
    report({ level: "E", on: "proxy", what: "exception", error: String(error) }),
  );
  const report: Report = event => log(formatLine(clock.now(), event));

  const build = settings.build || undefined;
  announce({ ...machine, clock, log }, { build });
  const outcome = readConfig(overlay(gateway, settings));
  if ("complaints" in outcome) {
    for (const error of outcome.complaints)
      report({ level: "E", on: "config", what: "refused", error });
    return;
  }
  start(
    {
      ...machine,
      // The published typings say that read and write return nothing; they return numbers.
      TCP: TCP as unknown as TCPConstructor,
      Listener: Listener as unknown as ListenerConstructor,
      clock,
      findKeyword: nativeCode.findKeyword,
      link: openLink(clock, report, { ssid: settings.ssid, password: settings.password }),
      connectionsMax: Number(settings.connectionsMax),
      random: Math.random,
      log,
    },
    outcome,
    { token: settings.token || undefined, build },
  );
}
