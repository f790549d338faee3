import { describeFound, noBoard, portNamed } from "../discovery.ts";
import { blocked, otherNetwork, sameNetwork } from "./network.ts";
import { refused } from "./open-error.ts";
import type { DoctorParts, Finding, Findings, Step } from "./step.ts";

/** The ROM prints at once; three seconds are generous. */
const BANNER_MS = 3_000;

/** From reset to the firmware's first line: reading 1.5 MB of flash takes less than one second. */
const FIRMWARE_MS = 10_000;

/** One attempt of the firmware to join: 20 s, and the pause after it (firmware/src/link/network-link.ts). */
const JOIN_MS = 30_000;

/** Failed attempts that are tolerated: the first one after a reset often fails. */
const JOINS_MAX = 2;

/**
 * Checks of the board, from its cable to its connection back to this computer. Each one needs those before it.
 */
export const BOARD_STEPS: readonly Step[] = [
  { name: "serial port", look: port },
  { name: "permission to use it", look: permission },
  { name: "the board answers", look: answers },
  { name: "its way to be flashed", look: loader },
  { name: "its firmware", look: firmware },
  { name: "its Wi-Fi", look: wifi },
  { name: "its way to this computer", look: wayBack },
];

/** Hint for a brownout: a radio draws most current when it starts. */
const BROWNOUT: Finding = {
  bad: "its supply breaks down (brownout)",
  help: [
    "Take a short, thick USB cable, another USB port, or a hub with a supply of its own;",
    "unplug what else the board feeds.",
  ],
};

async function port({ ports, wanted, platform }: DoctorParts, seen: Findings): Promise<Finding> {
  const all = await ports();
  const found =
    wanted === undefined
      ? all.find(({ adapter }) => adapter !== undefined)
      : portNamed(wanted, all, platform);
  if (found !== undefined) {
    seen.port = found;
    return { ok: describeFound(found) };
  }
  if (wanted === undefined) {
    const [bad, ...help] = noBoard(all).split("\n");
    return { bad, help, noBoard: true };
  }
  const there =
    all.length === 0
      ? "There is no serial port at all."
      : `There: ${all.map(({ path }) => path).join(", ")}`;
  return {
    bad: `there is no serial port ${wanted}`,
    help: [there, "Without --port the first one with a known adapter is taken."],
    noBoard: true,
  };
}

async function permission({ open, platform }: DoctorParts, seen: Findings): Promise<Finding> {
  if (seen.port === undefined) return { skipped: "no serial port" };
  const { path } = seen.port;
  try {
    seen.board = await open(path);
    return { ok: "it opens" };
  } catch (error) {
    return refused(path, (error as Error).message, platform);
  }
}

async function answers(_parts: DoctorParts, seen: Findings): Promise<Finding> {
  const { board } = seen;
  if (board === undefined) return { skipped: "its port is not open" };
  await board.reset();
  const line = await board.line(/DOWNLOAD_BOOT|SPI_FAST_FLASH_BOOT|Brownout detector/, BANNER_MS);
  if (line === undefined) {
    return {
      bad: `no output within ${BANNER_MS / 1000} s after a reset`,
      help: [
        "Is a red light on? If not, the cable brings no power.",
        "Press the button EN: it must write at 115200 baud, whatever its program.",
        "A bare module has no circuit for resets: DTR and RTS must be wired to IO0 and EN.",
      ],
    };
  }
  if (line.includes("Brownout")) return BROWNOUT;
  if (line.includes("DOWNLOAD_BOOT")) {
    return {
      bad: "it is in download mode (waits to be flashed) instead of starting",
      help: [
        "IO0 is low: release the button BOOT, and unplug what is wired to GPIO0.",
        "Then press EN.",
      ],
    };
  }
  seen.starts = true;
  return { ok: "it starts when it is reset" };
}

async function loader(_parts: DoctorParts, { board, starts }: Findings): Promise<Finding> {
  if (board === undefined || !starts) return { skipped: "the board does not start" };
  const loads = await board.loads();
  if (loads === undefined) return { skipped: "its port has no control lines" };
  await board.reset(); // else it stays in the loader
  if (loads) return { ok: "its lines bring it into download mode" };
  return {
    bad: "its lines do not bring it into download mode, which only flashing needs",
    help: [
      "Hold the button BOOT while it is flashed, or wire DTR to IO0 by the board's circuit for resets.",
      "What is wired to GPIO0 may hold it high: unplug it.",
    ],
  };
}

async function firmware(_parts: DoctorParts, seen: Findings): Promise<Finding> {
  if (seen.board === undefined || !seen.starts) return { skipped: "the board does not start" };
  const line = await seen.board.line(
    / boot: version=|Brownout detector|invalid header: 0x|flash read err|csum err|No bootable app/,
    FIRMWARE_MS,
  );
  if (line?.includes("Brownout")) return BROWNOUT;
  if (line !== undefined && !line.includes("version=")) {
    return {
      bad: `there is no program in its flash: ${line}`,
      help: [
        "It is erased or half written; flash it:",
        `  npm run firmware:deploy -- --port ${seen.port?.path} ssid=NAME password=PASSWORD`,
        "If that does not help, its flash is unreadable: unplug what is wired to GPIO6 to GPIO12.",
      ],
    };
  }
  const [, version] = /version=(\S+)/.exec(line ?? "") ?? [];
  const [, build] = /build=(\S+)/.exec(line ?? "") ?? [];
  if (version !== undefined) {
    seen.isOurs = true;
    return {
      ok: `version ${version}, ${build ? `build ${build}` : "without the name of a build"}`,
    };
  }
  return {
    bad: "it runs another program, or none: our firmware would print its version first",
    help: [
      "Flash it:",
      `  npm run firmware:deploy -- --port ${seen.port?.path} ssid=NAME password=PASSWORD`,
      "A debug build of our firmware prints to the debugger only: build without -d.",
    ],
  };
}

async function wifi(_parts: DoctorParts, seen: Findings): Promise<Finding> {
  if (seen.board === undefined || !seen.isOurs) return { skipped: "not our firmware" };
  let line: string | undefined;
  for (let joins = 0; joins < JOINS_MAX; joins++) {
    line = await seen.board.line(/ net: (ip=|no-ssid|join-failed)|Brownout detector/, JOIN_MS);
    if (!line?.includes(" net: join-failed")) break;
  }
  if (line?.includes("Brownout")) return BROWNOUT;
  const [, ip] = / net: ip=(\S+)/.exec(line ?? "") ?? [];
  if (ip !== undefined) {
    seen.address = ip;
    return { ok: `joined, its address is ${ip}` };
  }
  if (line?.includes("no-ssid")) {
    return {
      bad: "it has no Wi-Fi stored",
      help: [
        "Enter it at the board's console: wifi NAME PASSWORD",
        "or flash it with one; the name and the password are kept on the board only:",
        `  npm run firmware:deploy -- --port ${seen.port?.path} ssid=NAME password=PASSWORD`,
      ],
    };
  }
  return {
    bad: line === undefined ? "it neither joins nor gives up" : "it tries to join and fails",
    help: [
      "The chip does not report the reason. The causes, most frequent first:",
      "- the password, or the name: capitals count, and so do blanks;",
      "- the network is for 5 GHz only: the chip joins 2.4 GHz;",
      "- WPA3 only, or a page to log in: allow WPA2, or take another network;",
      "- too far away, or the router has no address left to give.",
      "Enter another network at the board's console: wifi NAME PASSWORD",
    ],
  };
}

async function wayBack(parts: DoctorParts, { address }: Findings): Promise<Finding> {
  if (address === undefined) return { skipped: "the board has no address" };
  const outcome = await parts.dialsBack(address);
  if (outcome === "reached") return { ok: "the board has connected" };
  const near = sameNetwork(address, parts.addresses);
  return {
    bad:
      outcome === "refused"
        ? "the board was refused: a firewall rejects it, or another computer has the address"
        : "the board's connection got no answer",
    help: near ? blocked(address, parts) : otherNetwork(address, parts.addresses),
  };
}
