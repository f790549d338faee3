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
 * Tests that stay out: the campaign, as what the others catch is to be seen without it, and the one
 * that knows where each bug goes, and would find every planted one.
 */
const LEFT_OUT = ["hil/campaign/campaign.test.ts", "hil/mutants/mutations.test.ts"];

/** A copy of the repository's files as they are now, with the same packages. It is for breaking. */
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
    // Packages one by one, so that ours is the copy's and tools write beside it, not into the original.
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

/** The text of a firmware's file with the bug in it. Throws when the bug has no place there any more. */
export function planted(root: string, { name, file, find, replace }: Mutation): string {
  const text = readFileSync(join(root, "firmware/src", file), "utf8");
  const places = text.split(find).length - 1;
  if (places !== 1) {
    throw new Error(
      `"${name}": firmware/src/${file} has ${places} places that read ${JSON.stringify(find)}; wanted one`,
    );
  }
  return text.replace(find, () => replace);
}
