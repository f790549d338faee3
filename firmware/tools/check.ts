import { fileURLToPath } from "node:url";
import { runCommand, UsageError } from "./command-line.ts";
import {
  checkTypes,
  FIRMWARE,
  manifestsOf,
  noteVersion,
  readTarget,
  requireSdk,
  versionOf,
} from "./moddable.ts";

const PROGRAMS = [
  { name: "firmware", folder: FIRMWARE },
  {
    name: "conformance",
    folder: fileURLToPath(new URL("../../emulator/conformance", import.meta.url)),
  },
];

await runCommand(
  {
    name: "firmware:check",
    usage: ["esp32|wt32-eth01|lin"],
    about: `
Type-checks every module of the firmware, and of the conformance cases, with the typings of your Moddable
SDK, as its build does. Takes seconds, builds nothing, and needs no ESP-IDF. The exit code is 1 if the
compiler reports an error.`,
    options: {},
    word: text => text,
  },
  async ({ words }) => {
    const { platform, board } = readTarget(words[0]);
    if (words.length > 1) throw new UsageError(`"${words[1]}": wanted a target and nothing else`);
    const version = versionOf(requireSdk().sdk);
    noteVersion();
    for (const { name, folder } of PROGRAMS) {
      const manifests = folder === FIRMWARE ? manifestsOf(board) : undefined;
      const modules = await checkTypes(folder, platform, manifests);
      if (modules === undefined) {
        process.stdout.write(`${name}: type errors, see above\n`);
        process.exitCode = 1;
      } else {
        process.stdout.write(`${name}: ${modules} modules pass (${words[0]}, SDK ${version})\n`);
      }
    }
  },
);
