import { readConfig } from "../src/config/config.ts";
import { runCommand, UsageError } from "./command-line.ts";
import { readDocumentFile } from "./document-file.ts";
import { ENGINES, exportDocument } from "./export/engines.ts";

/** Exit code of an export that leaves something out. */
const LOSS_EXIT_CODE = 3;

await runCommand(
  {
    name: "export",
    usage: ["haproxy [--config FILE]", "nginx [--config FILE] [--raw]"],
    about: `
Prints a configuration of HAProxy or nginx that does what a configuration of the board does. Comments at its
beginning say what is different and what is left out; what is left out is said on standard error, too.

Exit codes: 0, all of it; 3, something was left out; 2, the configuration or the command line is wrong.`,
    options: {
      config: {
        value: "FILE",
        default: "firmware/gateway.json",
        help: "the board's configuration",
      },
      raw: { help: "nginx: a listener in mode auto serves raw TCP, not HTTP" },
    },
    word: text => {
      const engine = ENGINES.find(known => known === text);
      if (engine === undefined) throw new UsageError(`wanted ${ENGINES.join(" or ")}`);
      return engine;
    },
  },
  ({ values: { config: file, raw }, words }) => {
    const [engine, second] = words;
    if (engine === undefined) throw new UsageError(`wanted ${ENGINES.join(" or ")}`);
    if (second !== undefined)
      throw new UsageError(`"${second}": wanted one engine and nothing else`);
    if (raw && engine !== "nginx") throw new UsageError("--raw: only nginx needs it");
    const { text, findings } = exportDocument(engine, readFile(file), raw ? "tcp" : "http");
    process.stdout.write(text);
    for (const { key, text: why, isLoss } of findings) {
      if (isLoss) process.stderr.write(`left out: ${key}: ${why}\n`);
    }
    if (findings.some(({ isLoss }) => isLoss)) process.exitCode = LOSS_EXIT_CODE;
  },
);

function readFile(file: string) {
  let parsed: ReturnType<typeof readDocumentFile>;
  try {
    parsed = readDocumentFile(file);
  } catch (error) {
    throw new UsageError(`--config: ${(error as Error).message}`);
  }
  if ("complaint" in parsed) throw new UsageError(`${file}: ${parsed.complaint}`);
  const outcome = readConfig(parsed.value);
  if ("complaints" in outcome) {
    throw new UsageError(...outcome.complaints.map(complaint => `${file}: ${complaint}`));
  }
  return outcome;
}
