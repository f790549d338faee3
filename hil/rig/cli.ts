import { ignoreBrokenPipe } from "../../firmware/tools/broken-pipe.ts";
import { hil } from "./commands.ts";
import { EXIT } from "./run.ts";

ignoreBrokenPipe();

// A scenario that was cut short may still have something open.
const code = await hil(process.argv.slice(2), process);
await new Promise(resolve => setImmediate(resolve)); // what became of the output is known by then
process.exit(code === EXIT.passed && process.exitCode !== undefined ? EXIT.rig : code);
