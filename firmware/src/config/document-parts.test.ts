import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Flash, SDK_PAGES } from "../../../emulator/src/flash.ts";
import { DOCUMENT_BYTES_MAX, documentBytesMax } from "./document-parts.ts";

const FLASH_BYTES = 4 * 1024 * 1024;
const APP_ALIGNMENT = 0x10000;

const rows = readFileSync("firmware/partitions.csv", "utf8")
  .split("\n")
  .filter(line => line !== "" && !line.startsWith("#"))
  .map(line => line.split(",").map(cell => cell.trim()))
  .map(([name, type, , at, size]) => ({ name, type, at: Number(at), size: Number(size) }));

test("the partition table fits the flash, in order, and begins as the SDK's does", () => {
  let end = 0x9000; // behind the table itself
  for (const { name, type, at, size } of rows) {
    expect([name, at]).toEqual([
      name,
      type === "app" ? Math.ceil(end / APP_ALIGNMENT) * APP_ALIGNMENT : end,
    ]);
    end = at + size;
  }
  expect(end).toBe(FLASH_BYTES);
  expect(rows.map(({ name }) => name)).toEqual(["nvs", "phy_init", "factory"]);
});

test("its nvs is that of the emulated board, and has room for the longest documents; the SDK's has not", () => {
  const { size } = rows[0];
  expect(new Flash().bytes).toBe(size);
  expect(documentBytesMax(size)).toBe(DOCUMENT_BYTES_MAX);
  expect(documentBytesMax(size - 1)).toBe(3999);
  expect(documentBytesMax(new Flash(undefined, SDK_PAGES).bytes)).toBe(3999);
  expect(documentBytesMax(undefined)).toBe(DOCUMENT_BYTES_MAX);
});
