import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The board is being played on by another run. */
export class Locked extends Error {}

/**
 * Takes the board for this process alone; returns how to give it back. A lock whose process is gone is
 * nobody's.
 */
export function lock(identity: string, folder = join(tmpdir(), "hot-potato-hil")): () => void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${identity.replace(/[^a-z0-9._-]+/gi, "_")}.lock`);
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const owner = Number(readFileSync(file, "utf8"));
      if (alive(owner)) throw new Locked(`${identity} is in use by process ${owner} (${file})`);
      rmSync(file, { force: true });
    }
  }
}

function alive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // somebody else's
  }
}
