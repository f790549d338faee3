import { expect, test } from "vitest";
import type { Growth } from "./growth.ts";
import { growthTable, picture } from "./growth-picture.ts";

const LINES: Growth = {
  title: "A request, and <the number> of backends",
  size: "backends",
  cost: "computrons",
  admitted: 16,
  series: [
    { name: "GET", points: [1, 2, 4].map(size => ({ size, cost: 100 + 10 * size })) },
    { name: "raw", points: [1, 2, 4].map(size => ({ size, cost: 50 })) },
  ],
};

const BYTES: Growth = {
  title: "Bytes",
  size: "bytes",
  cost: "instructions",
  logarithmic: true,
  series: [
    {
      name: "pipe",
      points: [2 ** 10, 2 ** 14, 2 ** 18].map(size => ({ size, cost: 1000 * size })),
    },
  ],
};

/** Points of the lines of a picture. */
const linesOf = (svg: string) =>
  [...svg.matchAll(/class="line" d="M([^"]+)"/g)].map(([, path]) =>
    path.split("L").map(point => point.split(" ").map(Number)),
  );

test("the table has the cost at each size, and what one more costs", () => {
  const rows = growthTable([LINES]).split("\n").slice(4, 7);
  expect(rows.map(row => row.split("|").map(cell => cell.trim()))).toEqual([
    ["", "1", "110", "", "50", "", ""],
    ["", "2", "120", "10", "50", "0.00", ""],
    ["", "4", "140", "10", "50", "0.00", ""],
  ]);
});

test("sizes of bytes are powers of two in the table", () => {
  const sizes = growthTable([BYTES])
    .split("\n")
    .slice(4, 7)
    .map(row => row.split("|")[1].trim());
  expect(sizes).toEqual(["1kB", "16kB", "256kB"]);
});

test("a cost that grows in proportion is a straight line, and a constant one a flat line", () => {
  const [get, raw] = linesOf(picture([LINES]));
  const slope = ([[x0, y0], [x1, y1]]: number[][]) => (y1 - y0) / (x1 - x0);
  expect(slope(get.slice(0, 2))).toBeCloseTo(slope(get.slice(1)), 1);
  expect(slope(get)).toBeLessThan(0); // up
  expect(new Set(raw.map(([, y]) => y)).size).toBe(1);
});

test("by the logarithm each step is as wide and as high", () => {
  const [[a, b, c]] = linesOf(picture([BYTES]));
  expect(b[0] - a[0]).toBeCloseTo(c[0] - b[0], 0);
  expect(b[1] - a[1]).toBeCloseTo(c[1] - b[1], 0);
});

test("the picture has a style for dark backgrounds, marks without colour, and no text that ends a tag", () => {
  const svg = picture([LINES, BYTES]);
  expect(svg).toContain("prefers-color-scheme: dark");
  expect(svg).toContain("&lt;the number> of backends");
  expect(svg).toContain("the board admits 16");
  expect(svg).toContain("<circle");
  expect(svg).toContain('<rect class="mark"');
});
