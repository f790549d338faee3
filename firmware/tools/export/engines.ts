import type { Configuration } from "../../src/config/config.ts";
import { VERSION } from "../../src/version.ts";
import { type Finding, Findings } from "./findings.ts";
import { exportedFrom } from "./groups.ts";
import { exportHaproxy } from "./haproxy.ts";
import { type AutoMode, exportNginx } from "./nginx.ts";

export const ENGINES = Object.freeze(["haproxy", "nginx"] as const);

export type Engine = (typeof ENGINES)[number];

/** A configuration of another engine. */
export interface Export {
  /** The file's text: ASCII, or what the document's texts hold. */
  readonly text: string;
  readonly findings: readonly Finding[];
}

/** The document as a configuration of `engine`, with the findings as comments at its beginning. `auto`: for nginx, the mode of listeners in `auto`. */
export function exportDocument(
  engine: Engine,
  { config, document }: Configuration,
  auto: AutoMode = "http",
): Export {
  const findings = new Findings(document);
  const exported = exportedFrom(config);
  const text =
    engine === "haproxy"
      ? exportHaproxy(exported, findings)
      : exportNginx(exported, findings, auto);
  const all = findings.all;
  const comments = [
    `# ${engine}, from a configuration of Hot Potato ${VERSION}`,
    ...commented(
      "Left out:",
      all.filter(({ isLoss }) => isLoss),
    ),
    ...commented(
      "Different:",
      all.filter(({ isLoss }) => !isLoss),
    ),
  ];
  return { text: `${comments.join("\n")}\n\n${text}`, findings: all };
}

function commented(title: string, findings: readonly Finding[]): string[] {
  if (findings.length === 0) return [];
  return ["#", `# ${title}`, ...findings.map(({ key, text }) => `# - ${key}: ${text}.`)];
}
