import type { Trouble } from "./step.ts";

/** Why a port does not open, and what would help. `reason` is the system's reason. */
export function refused(path: string, reason: string, platform: NodeJS.Platform): Trouble {
  if (/no such file|file not found|ENOENT/i.test(reason)) {
    return {
      bad: `there is no serial port ${path} (${reason})`,
      help: [
        "npm run hil -- --list shows the boards that are connected.",
        "Pull the cable, put it in again, and try another USB port if it was found before.",
      ],
      noBoard: true,
    };
  }
  // Windows reports "Access denied" for a port that another program has open.
  if (/lock port|busy|in use by process/i.test(reason) || /access (is )?denied/i.test(reason)) {
    const asks = platform === "win32" ? [] : ["Which one it is:", `  lsof ${path}`];
    return {
      bad: `another program has it open (${reason})`,
      help: [
        "Close screen, minicom, idf-monitor, the Arduino IDE, or another run of the rig.",
        ...asks,
      ],
    };
  }
  if (/EACCES|permission denied/i.test(reason)) {
    return {
      bad: `you may not use it (${reason})`,
      help: [
        "Ports belong to a group: dialout on Debian, Ubuntu and Fedora, uucp on Arch.",
        `  ls -l ${path}`,
        "  sudo usermod -aG dialout $USER",
        "Then log in again: a session that is open does not notice.",
      ],
    };
  }
  return { bad: reason, help: ["Pull the cable, put it in again, and try another USB port."] };
}
