import { columns } from "./columns.ts";
import type { Source } from "./sources.ts";

// The order of the imports: `npm run imports` draws it, and layout.test.ts checks it.

/** A part of the repository, whose files import from their own floor and from lower ones. */
export interface Part {
  readonly folder: string;
  /** A folder or a file each, the lowest first. */
  readonly floors: readonly string[];
}

export const PARTS: readonly Part[] = [
  {
    folder: "firmware/src",
    floors: [
      "platform.ts",
      "deep-freeze.ts",
      "version.ts",
      "text",
      "log",
      "net",
      "http1",
      "config",
      "dns",
      "backend",
      "balancer",
      "pool",
      "checks",
      "machines",
      "proxy",
      "time",
      "admin",
      "link",
      "app.ts",
      "chip",
      "main.ts",
    ],
  },
  {
    folder: "emulator",
    floors: ["net-mock-socket", "src", "conformance", "xs", "lwip", "budget", "proxy"],
  },
  {
    folder: "hil",
    floors: ["kit", "scenarios", "campaign", "lab", "interop", "rig", "mutants"],
  },
];

/** The floor of a file, or -1 where the list has none for it. */
function floorOf({ folder, floors }: Part, file: string): number {
  if (!file.startsWith(`${folder}/`)) return -1;
  return floors.indexOf(file.slice(folder.length + 1).split("/")[0]);
}

/** The breaches of the order, one line each: files without a floor, imports of a higher floor, circles. Types count. */
export function violationsOf(part: Part, sources: readonly Source[]): string[] {
  const unknown = sources
    .filter(({ file }) => floorOf(part, file) < 0)
    .map(
      ({ file }) =>
        `${file} stands on no floor: add its folder to PARTS in firmware/tools/floors.ts`,
    );
  const upward = sources.flatMap(({ file, imports }) =>
    imports
      .filter(({ target }) => floorOf(part, target) > floorOf(part, file))
      .map(({ target }) => `${file} imports upward: ${target}`),
  );
  const circle = filesInCircles(sources);
  const around = circle.length === 0 ? [] : [`imports go in a circle: ${circle.join(", ")}`];
  return [...unknown, ...upward, ...around];
}

/** The files that import each other in a circle, and those that lie between two circles. */
function filesInCircles(sources: readonly Source[]): string[] {
  const left = new Map(
    sources.map(({ file, imports }) => [file, new Set(imports.map(({ target }) => target))]),
  );
  // A file that imports none of the others, or that none of the others imports, is in no circle.
  for (let before = 0; before !== left.size; ) {
    before = left.size;
    for (const [file, targets] of left) {
      const isImported = [...left.values()].some(others => others.has(file));
      if (!isImported || ![...targets].some(target => left.has(target))) left.delete(file);
    }
  }
  return [...left.keys()];
}

/** The floors from the top to the bottom, with their sizes and the floors and parts that each imports from. */
export function drawingOf(part: Part, sources: readonly Source[]): string {
  const rows = part.floors.map((floor, number) => {
    const own = sources.filter(({ file }) => floorOf(part, file) === number);
    const targets = own.flatMap(({ imports }) => imports.map(({ target }) => target));
    return {
      floor,
      files: own.length,
      lines: own.reduce((sum, { lines }) => sum + lines, 0),
      imports: [...floorsAmong(part, targets, floor), ...partsAmong(part, targets)],
    };
  });
  const files = rows.reduce((sum, row) => sum + row.files, 0);
  const lines = rows.reduce((sum, row) => sum + row.lines, 0);
  const width = Math.max(...part.floors.map(floor => floor.length));
  const cells = (floor: string, files: string, lines: string) =>
    `${floor.padEnd(width)} ${files.padStart(5)} ${lines.padStart(6)}`;
  const table = columns([
    [cells("floor", "files", "lines"), "imports from"],
    ...rows
      .reverse()
      .map(({ floor, files, lines, imports }): [string, string] => [
        cells(floor, String(files), String(lines)),
        imports.length === 0 ? "-" : imports.join(" "),
      ]),
  ]);
  return `${part.folder}: ${part.floors.length} floors, ${files} files, ${lines} lines\n${table}\n`;
}

/** The other floors of the part that have one of the targets, from the top to the bottom. */
function floorsAmong(part: Part, targets: readonly string[], own: string): string[] {
  const numbers = new Set(targets.map(target => floorOf(part, target)));
  return part.floors.filter((floor, number) => numbers.has(number) && floor !== own).reverse();
}

/** The other parts of the repository that have one of the targets: `firmware/src`, `firmware/tools`, `backends`. */
function partsAmong({ folder }: Part, targets: readonly string[]): string[] {
  const others = targets
    .filter(target => target.endsWith(".ts") && !target.startsWith(`${folder}/`))
    .map(target =>
      target
        .split("/")
        .slice(0, target.startsWith("firmware/") ? 2 : 1)
        .join("/"),
    );
  return [...new Set(others)].sort();
}
