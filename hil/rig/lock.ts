import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** Not written in place: a lock that is still empty would look like nobody's. */
function linked(ownFile: string, file: string): boolean {
  try {
    linkSync(ownFile, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  }
}

/** 0 when it has just been given back. */
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
    return (error as NodeJS.ErrnoException).code === "EPERM"; // somebody else's
  }
}
