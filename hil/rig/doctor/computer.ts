import { join } from "node:path";
import { IDF_INSTALL, SDK_INSTALL, toolsOf } from "../../../firmware/tools/moddable.ts";
import type { DoctorParts, Finding, Step } from "./step.ts";

/** `engines` of package.json. */
const NODE_MIN = [20, 19] as const;

/** Checks of the computer that need no board. */
export const COMPUTER_STEPS: readonly Step[] = [
  { name: "Node.js", look: node },
  { name: "ports for the backends", look: backendPorts },
];

/** The programs that building the firmware needs; last, because a board that has it needs none of that. */
export const SDK_STEPS: readonly Step[] = [
  {
    name: "Moddable SDK",
    look: ({ environment, exists }, { isOurs }) =>
      tool({
        variable: "MODDABLE",
        folder: environment.MODDABLE,
        proof: toolsOf,
        install: SDK_INSTALL,
        needed: isOurs !== true,
        exists,
      }),
  },
  {
    name: "ESP-IDF",
    look: ({ environment, exists }, { isOurs }) =>
      tool({
        variable: "IDF_PATH",
        folder: environment.IDF_PATH,
        proof: folder => join(folder, "tools", "idf.py"),
        install: IDF_INSTALL,
        needed: isOurs !== true,
        exists,
      }),
  },
];

function node({ nodeVersion }: DoctorParts): Finding {
  const [major, minor] = nodeVersion.replace(/^v/, "").split(".").map(Number);
  const [majorMin, minorMin] = NODE_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return { ok: nodeVersion };
  return {
    bad: `${nodeVersion} is too old`,
    help: [`Version ${majorMin}.${minorMin} or later is needed: https://nodejs.org`],
  };
}

async function backendPorts({ backendPorts, platform, taken }: DoctorParts): Promise<Finding> {
  for (const port of backendPorts) {
    const why = await taken(port);
    if (why === undefined) continue;
    const asks =
      platform === "win32"
        ? `  Get-Process -Id (Get-NetTCPConnection -LocalPort ${port}).OwningProcess`
        : `  lsof -nP -iTCP:${port} -sTCP:LISTEN`;
    return {
      bad: `port ${port} is not free: ${why}`,
      help: ["Another program listens there; end it. Which one it is:", asks],
    };
  }
  return { ok: `${backendPorts.join(" and ")} are free` };
}

function tool(options: {
  variable: string;
  folder: string | undefined;
  /** A path that exists in a complete installation. */
  proof(folder: string): string;
  install: string;
  needed: boolean;
  exists(path: string): boolean;
}): Finding {
  const { variable, folder, proof, install, needed, exists } = options;
  const help = [`  ${install}`, "Then open a new terminal, which has the variable."];
  if (folder && exists(proof(folder))) return { ok: `${variable}=${folder}` };
  if (folder) return { bad: `${variable}="${folder}", and there is no ${proof(folder)}`, help };
  if (needed) return { bad: `${variable} is not set`, help };
  return { skipped: `${variable} is not set, and only building the firmware would need it` };
}
