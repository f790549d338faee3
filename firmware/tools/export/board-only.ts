import { isDeepStrictEqual } from "node:util";
import { readConfig } from "../../src/config/config.ts";
import type { Config } from "../../src/config/settings.ts";
import type { Findings } from "./findings.ts";

/** The keywords of a document without `inspect`. */
function defaultKeywords(): Config["inspect"] {
  const outcome = readConfig({ backends: [{ address: "192.0.2.1", port: 80 }] });
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  return outcome.config.inspect;
}

/** Adds what neither engine does. `engine` is its name in a sentence. */
export function findBoardOnly(config: Config, findings: Findings, engine: string): void {
  const { inspect, bytesPerSecondMin, machines, explain, sessionsMax } = config;
  if (inspect.length > 0) {
    const text = `${engine} does not close a connection at a keyword`;
    if (isDeepStrictEqual(inspect, defaultKeywords())) findings.note("inspect", text);
    else findings.loss("inspect", text);
  }
  if (bytesPerSecondMin > 0) {
    findings.lossIfGiven(
      "bytesPerSecondMin",
      `${engine} does not end slow connections while others wait`,
    );
  }
  if (machines.length > 0) findings.loss("machines", `${engine} does not wake machines`);
  if (explain > 0) findings.loss("explain", `${engine} does not log why it has picked a server`);
  if (config.backends.some(({ settleMs }) => settleMs > 0)) {
    findings.loss("backends[].settleMs", `${engine} makes no pause between two connections`);
  }
  if (sessionsMax === undefined) {
    findings.note("sessionsMax", `the board's limit is its memory; ${engine} has its own`);
  }
  for (const key of ["network", "time"] as const) {
    if (findings.isGiven(key)) findings.note(key, "the operating system has these settings");
  }
}
