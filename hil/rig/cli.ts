import { ignoreBrokenPipe } from "../../firmware/tools/broken-pipe.ts";
import { hil } from "./commands.ts";
import { EXIT } from "./run.ts";

ignoreBrokenPipe();

// An interrupted scenario may still have something open.
const code = await hil(process.argv.slice(2), process);
await new Promise(resolve => setImmediate(resolve)); // by then errors of the output have been reported
process.exit(code === EXIT.passed && process.exitCode !== undefined ? EXIT.rig : code);
