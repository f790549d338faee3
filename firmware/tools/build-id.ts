import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FIRMWARE = fileURLToPath(new URL("..", import.meta.url));

/** The build's inputs in this repository: what ships, and its configuration. */
const INPUTS = [
  "manifest.json",
  "manifest-ethernet.json",
  "gateway.json",
  "partitions.csv",
  "native",
  "sdkconfig",
  "src",
];

/** Tests, their helpers and documents do not ship. */
const NOT_SHIPPED = /(\.test|\/testing)\.ts$|\.md$|^native\/test\//;

/** Credentials. They do not change the id, so that it reveals nothing of them. */
const SECRETS = /^(ssid|password|token)=/;

/** Hexadecimal digits: enough to tell the builds of one person apart. */
const DIGITS = 8;

/**
 * The id of the firmware that is built for `board` from the sources with `settings` (`port=80`, …); it changes with each byte of
 * them. The board prints it when it boots.
 */
export function buildId(settings: readonly string[], board = "esp32"): string {
  return hashOf(sources(), [...settings, `board=${board}`]);
}

/** The id of these files, in any order. */
export function hashOf(
  files: ReadonlyMap<string, Uint8Array>,
  settings: readonly string[] = [],
): string {
  const hash = createHash("sha256");
  const add = (text: string | Uint8Array) => hash.update(`${text.length}:`).update(text);
  for (const name of [...files.keys()].sort()) {
    add(name);
    add(files.get(name)!);
  }
  for (const setting of [...settings].sort()) {
    if (!SECRETS.test(setting)) add(setting);
  }
  return hash.digest("hex").slice(0, DIGITS);
}

/** The files that ship, by their paths in `firmware`. */
export function sources(): Map<string, Uint8Array> {
  const files = INPUTS.flatMap(input => {
    if (input.includes(".")) return [input];
    const below = readdirSync(join(FIRMWARE, input), { recursive: true, withFileTypes: true });
    return below
      .filter(entry => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(FIRMWARE.length));
  });
  const names = files.map(file => file.replaceAll("\\", "/"));
  return new Map(
    names
      .filter(name => !NOT_SHIPPED.test(name))
      .map(name => [name, readFileSync(join(FIRMWARE, name))]),
  );
}
