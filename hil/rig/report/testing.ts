import { SaxesParser } from "saxes";
import type { Run, ScenarioResult } from "../run.ts";

/** A passed scenario, with changes. */
export function aResult(changes: Partial<ScenarioResult> = {}): ScenarioResult {
  return {
    theme: "sharing",
    title: "each backend has its turn",
    verdict: "passed",
    atMs: 0,
    ms: 1000,
    incidents: [],
    sessions: {},
    ...changes,
  };
}

/** A short passed run, with changes. */
export function aRun(changes: Partial<Run> = {}): Run {
  return {
    format: 1,
    board: { kind: "emulated", identity: "24:0a:c4:00:00:01" },
    startedAt: "2026-01-01T00:00:00.000Z",
    ms: 2000,
    node: "v20.19.0",
    platform: "linux x64",
    exitCode: 0,
    results: [aResult()],
    measurements: [],
    series: [],
    moments: [],
    ...changes,
  };
}

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  text: string;
}

/** The elements of an XML document; throws if it is not well-formed. */
export function parsed(xml: string): Element[] {
  const elements: Element[] = [];
  const open: Element[] = [];
  const parser = new SaxesParser();
  parser.on("error", error => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    const element = { name, attributes: attributes as Record<string, string>, text: "" };
    elements.push(element);
    open.push(element);
  });
  parser.on("text", text => {
    const element = open.at(-1);
    if (element !== undefined) element.text += text;
  });
  parser.on("closetag", () => open.pop());
  parser.write(xml).close();
  return elements;
}
