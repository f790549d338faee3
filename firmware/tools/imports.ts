import { runCommand } from "./command-line.ts";
import { drawingOf, PARTS, violationsOf } from "./floors.ts";
import { sourcesBelow } from "./sources.ts";

await runCommand(
  {
    name: "imports",
    usage: ["[--help]"],
    about: `
Draws which folder imports from which, for firmware/src, emulator and hil: a table each, the top
floor first. A file may import from its own floor and from those below, from no higher one, not
even a type. Tests and declarations are left out.
Ends with 1 where a file imports upward, or imports go in a circle.`,
    options: {},
  },
  () => {
    const parts = PARTS.map(part => ({ part, sources: sourcesBelow(part.folder) }));
    for (const { part, sources } of parts) process.stdout.write(`${drawingOf(part, sources)}\n`);
    const violations = parts.flatMap(({ part, sources }) => violationsOf(part, sources));
    if (violations.length === 0) {
      process.stdout.write("No import upward, no circle.\n");
    } else {
      process.stderr.write(violations.map(violation => `imports: ${violation}\n`).join(""));
      process.exitCode = 1;
    }
  },
);
