import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Mutation } from "./mutations.ts";

/**
 * Tests that are left out: the campaign, because the others are measured without it, and the one that checks
 * the places of the mutations, which would fail for each.
 */
const LEFT_OUT = ["hil/campaign/campaign.test.ts", "hil/mutants/mutations.test.ts"];

/** A copy of the repository's current files, with the same packages, to plant bugs in. */
export class Copy {
  readonly folder = mkdtempSync(join(tmpdir(), "hot-potato-mutants-"));

  constructor(root: string) {
    const listed = execFileSync("git", ["ls-files", "-z", "-co", "--exclude-standard"], {
      cwd: root,
      encoding: "utf8",
    });
    const gone = execFileSync("git", ["ls-files", "-z", "-d"], { cwd: root, encoding: "utf8" });
    const deleted = new Set(gone.split("\0"));
    for (const file of listed.split("\0")) {
      if (file === "" || LEFT_OUT.includes(file) || deleted.has(file)) continue;
      const target = join(this.folder, file);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(root, file), target);
    }
    // Packages are linked one by one: net-mock-socket is the copy's, and tools write beside them in the copy.
    const packages = join(this.folder, "node_modules");
    mkdirSync(packages);
    for (const name of readdirSync(join(root, "node_modules"))) {
      const ours = name === "net-mock-socket";
      const target = ours ? "../emulator/net-mock-socket" : join(root, "node_modules", name);
      symlinkSync(target, join(packages, name));
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * The text of a firmware file with the bug in it. Throws if the code of the bug is not in the file exactly
 * once.
 */
export function planted(root: string, { name, file, find, replace }: Mutation): string {
  const text = readFileSync(join(root, "firmware/src", file), "utf8");
  const places = text.split(find).length - 1;
  if (places !== 1) {
    throw new Error(
      `"${name}": firmware/src/${file} has ${places} places with ${JSON.stringify(find)}; it must be one`,
    );
  }
  return text.replace(find, () => replace);
}
