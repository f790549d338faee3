/// <reference path="./chip/gateway.d.ts" />
import "./chip/abort.ts"; // before all modules that may throw
import { openLink } from "chip/link";
import { machine } from "chip/machine";
import { restart } from "chip/restart";
import { resetConnections, sockets } from "chip/sockets";
import gateway from "gateway" with { type: "json" };
import config from "mc/config";
import { type App, logBoot, start } from "./app.ts";
import { atAbort } from "./chip/abort.ts";
import { ChipClock } from "./chip/clock.ts";
import { nativeCode } from "./chip/native.ts";
import { overlay, type Settings } from "./config/build-settings.ts";
import { readConfig } from "./config/config.ts";
import { formatLine, type Report } from "./log/event.ts";
import { exceptionText } from "./text/exception.ts";

/** The program on the chip: `start` with the platform's sockets, clock, Wi-Fi and serial port. */
export default function main(): void {
  const settings = config as unknown as Settings;
  const log = (line: string) => trace(line, "\n");

  const clock = new ChipClock(error =>
    report({ level: "E", on: "proxy", what: "exception", error: exceptionText(error) }),
  );
  clock.keepCounting();
  let app: App | undefined;
  atAbort.flushLog = () => app?.flushLog();
  atAbort.resetConnections = resetConnections;
  const report: Report = event => {
    if (app === undefined) log(formatLine(clock.now(), event));
    else app.report(event);
  };

  const build = settings.build || undefined;
  logBoot({ ...machine, clock, log }, { build });
  const { backends, port, token } = settings;
  const outcome = readConfig(overlay(gateway, settings));
  if ("complaints" in outcome) {
    for (const error of outcome.complaints)
      report({ level: "E", on: "config", what: "refused", error });
    return;
  }
  app = start(
    {
      ...machine,
      ...sockets,
      clock,
      findKeyword: nativeCode.findKeyword,
      writeLine: nativeCode.writeLine,
      readHead: nativeCode.readHead,
      putTexts: nativeCode.putTexts,
      putBytes: nativeCode.putBytes,
      putValue: nativeCode.putValue,
      putFields: nativeCode.putFields,
      readLines: nativeCode.readLines,
      restart: restart && restartNow,
      link: openLink(clock, report, { ssid: settings.ssid, password: settings.password }),
      connectionsMax: Number(settings.connectionsMax),
      random: Math.random,
      log,
    },
    outcome,
    { backends, port, token, build },
  );

  function restartNow(): never {
    app?.flushLog();
    resetConnections?.();
    return restart!();
  }
}
