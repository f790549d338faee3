import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Another run uses the board. */
export class Locked extends Error {}

/** Locks the board for this process; returns how to unlock it. A lock whose process has ended is taken over. */
export function lock(identity: string, folder = join(tmpdir(), "hot-potato-hil")): () => void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${identity.replace(/[^a-z0-9._-]+/gi, "_")}.lock`);
  const ownFile = `${file}.${process.pid}`;
  writeFileSync(ownFile, String(process.pid));
  try {
    for (;;) {
      if (linked(ownFile, file)) return () => rmSync(file, { force: true });
      const owner = ownerOf(file);
      if (alive(owner)) throw new Locked(`${identity} is in use by process ${owner} (${file})`);
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(ownFile);
  }
}

/** Makes the lock by a link: an empty file, half written, would look like a stale lock. */
function linked(ownFile: string, file: string): boolean {
  try {
    linkSync(ownFile, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  }
}

/** Process id in the lock; 0 if it has just been unlocked. */
function ownerOf(file: string): number {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return 0;
  }
}

function alive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // it runs as another user
  }
}
