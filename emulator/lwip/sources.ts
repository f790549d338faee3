import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Where fetch.sh puts Debian's source package. */
const FETCHED = fileURLToPath(new URL("build/source/", import.meta.url));

/** lwIP's sources: a folder, or a packed one. */
export interface Sources {
  readonly path: string;
  readonly packed: boolean;
  /** Changes with the sources. */
  readonly identity: string;
}

/** A folder of your own, with `src/core/tcp.c` in it, takes precedence: the variable LWIP_SOURCES. */
export function findSources(own = process.env.LWIP_SOURCES): Sources | undefined {
  if (own) {
    if (!existsSync(path.join(own, "src/core/tcp.c")))
      throw new Error(
        `LWIP_SOURCES=${own}: no src/core/tcp.c in it; name a folder of lwIP's sources`,
      );
    const identity = createHash("sha256");
    for (const name of readdirSync(path.join(own, "src"), { recursive: true }).sort()) {
      if (/\.[ch]$/.test(String(name)))
        identity.update(readFileSync(path.join(own, "src", String(name))));
    }
    return { path: own, packed: false, identity: identity.digest("hex") };
  }
  const packed = existsSync(FETCHED)
    ? readdirSync(FETCHED).find(name => /\.orig\.tar\.\w+$/.test(name))
    : undefined;
  if (packed === undefined) return undefined;
  const file = path.join(FETCHED, packed);
  const identity = createHash("sha256").update(readFileSync(file)).digest("hex");
  return { path: file, packed: true, identity };
}

export const NO_SOURCES =
  "no sources of lwIP (Debian: emulator/lwip/fetch.sh; else set LWIP_SOURCES to a folder of them)";

/** The folder `src` of the sources; unpacked into `work` where they are packed. */
export function unpack(sources: Sources, work: string): string {
  if (!sources.packed) return path.join(sources.path, "src");
  execFileSync("tar", ["-xf", sources.path, "-C", work, "--strip-components=1"]);
  return path.join(work, "src");
}

/** Files of `src` that are compiled. What the options leave out is empty. */
export function filesOf(source: string): string[] {
  const folder = (name: string) =>
    readdirSync(path.join(source, name))
      .filter(file => file.endsWith(".c"))
      .map(file => `${name}/${file}`);
  return [
    ...folder("core"),
    ...folder("core/ipv4"),
    ...folder("core/ipv6"),
    "api/err.c",
    "api/tcpip.c",
    "netif/ethernet.c",
  ].sort();
}

/** Names that a file of lwIP uses, and what it gets in their place (native/stack.c). */
const REPLACED: Readonly<Record<string, readonly string[]>> = {
  "core/ipv4/ip4.c": ["-Dnetif_loop_output=sendToItself"],
  "core/tcp.c": ["-includekill.h", "-Dmemp_malloc=allocateCounted", "-Dmemp_free=freeCounted"],
  "core/timeouts.c": ["-Dmemp_malloc=allocateTimer", "-Dmemp_free=freeTimer"],
};

export function flagsOf(file: string): readonly string[] {
  return REPLACED[file] ?? [];
}

/** Numbers that are fixed in lwIP and options of esp-lwip; and which connection a full board gives up for a new one. */
const CHIP_TEXT = [
  {
    file: "core/tcp.c",
    lwip: "3000 / TCP_SLOW_INTERVAL",
    chip: "LWIP_TCP_RTO_TIME / TCP_SLOW_INTERVAL",
    times: 2,
  },
  {
    file: "core/tcp.c",
    lwip: "tcp_kill_prio(prio);",
    chip: "if (!killFinWait()) tcp_kill_prio(prio);",
    times: 1,
  },
  {
    file: "include/lwip/priv/tcp_priv.h",
    lwip: "TCP_FIN_WAIT_TIMEOUT 20000",
    chip: "TCP_FIN_WAIT_TIMEOUT LWIP_TCP_FIN_WAIT_TIMEOUT",
    times: 1,
  },
] as const;

/** Files whose text differs on the chip. */
export const CHIP_FILES: readonly string[] = CHIP_TEXT.map(({ file }) => file);

/** The text of a file as the chip has it. */
export function chipText(file: string, text: string): string {
  for (const change of CHIP_TEXT) {
    if (change.file !== file) continue;
    const pieces = text.split(change.lwip);
    if (pieces.length !== change.times + 1) {
      throw new Error(
        `lwIP's ${file} has "${change.lwip}" ${pieces.length - 1} times and not ${change.times}: ` +
          `the sources are not those of lwIP 2.1.3 (emulator/lwip/sources.ts)`,
      );
    }
    text = pieces.join(change.chip);
  }
  return text;
}

/** The part of this file that goes into the key of a cache. */
export const CHANGES = JSON.stringify([REPLACED, CHIP_TEXT]);
