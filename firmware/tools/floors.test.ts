import { expect, test } from "vitest";
import { drawingOf, PARTS, type Part, violationsOf } from "./floors.ts";
import { readImports, type Source, sourcesBelow } from "./sources.ts";

const HOUSE: Part = { folder: "house", floors: ["cellar.ts", "hall", "attic"] };

/** Files with their texts, as `sourcesBelow` reads them. */
function read(files: Readonly<Record<string, string>>): Source[] {
  return Object.entries(files).map(([file, text]) => ({
    file,
    lines: text.split("\n").length,
    imports: readImports(file, text),
  }));
}

const SOUND = {
  "house/cellar.ts": "export const wine = 1;",
  "house/hall/room.ts": 'import { wine } from "../cellar.ts";\nexport const room = wine;',
  "house/hall/lamp.ts": 'export * from "./room.ts";',
  "house/attic/roof.ts":
    'import { seeded } from "net-mock-socket";\nimport "node:net";\nimport "../hall/lamp.ts";\nimport "../../firmware/tools/floors.ts";',
};

test("floors whose files import downward have no violation", () => {
  expect(violationsOf(HOUSE, read(SOUND))).toEqual([]);
});

test.each([
  ["a value", 'import { room } from "./hall/room.ts";'],
  ["a type", 'import type { Room } from "./hall/room.ts";'],
  ["a type in an expression", 'export let room: import("./hall/room.ts").Room;'],
  ["a module that is loaded later", 'export const room = () => import("./hall/room.ts");'],
  ["a module that is passed on", 'export { room } from "./hall/room.ts";'],
])("an import upward of %s is named with its file", (_what, text) => {
  const files = { ...SOUND, "house/cellar.ts": text, "house/hall/room.ts": "" };
  expect(violationsOf(HOUSE, read(files))).toEqual([
    "house/cellar.ts imports upward: house/hall/room.ts",
  ]);
});

test("a circle on one floor is named with its files, and with no other", () => {
  const files = { ...SOUND, "house/hall/room.ts": 'import type { Lamp } from "./lamp.ts";' };
  expect(violationsOf(HOUSE, read(files))).toEqual([
    "imports go in a circle: house/hall/room.ts, house/hall/lamp.ts",
  ]);
});

test("a file of a folder that is no floor is named, with the place of the list", () => {
  expect(violationsOf(HOUSE, read({ ...SOUND, "house/shed/saw.ts": "" }))).toEqual([
    "house/shed/saw.ts stands on no floor: add its folder to PARTS in firmware/tools/floors.ts",
  ]);
});

test("the drawing has the top floor first, its size, and what it imports from", () => {
  expect(drawingOf(HOUSE, read(SOUND))).toBe(`house: 3 floors, 4 files, 8 lines
  floor     files  lines  imports from
  attic         1      4  hall emulator firmware/tools
  hall          2      3  cellar.ts
  cellar.ts     1      1  -
`);
});

test("the drawings of this repository fit a terminal of 100 columns", () => {
  const lines = PARTS.flatMap(part => drawingOf(part, sourcesBelow(part.folder)).split("\n"));
  expect(lines.filter(line => line.length > 100)).toEqual([]);
});

test.each([
  ['import type { A } from "./a.ts";', true],
  ['import { type A, type B } from "./a.ts";', true],
  ['import { type A, b } from "./a.ts";', false],
  ['import a, { type B } from "./a.ts";', false],
  ['import * as a from "./a.ts";', false],
  ['import "./a.ts";', false],
  ['export type { A } from "./a.ts";', true],
])("%s: erased by the compiler: %s", (text, typesOnly) => {
  expect(readImports("house/b.ts", text)).toEqual([
    { text: "./a.ts", target: "house/a.ts", typesOnly },
  ]);
});
