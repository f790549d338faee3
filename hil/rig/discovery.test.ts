import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PortInfo } from "@serialport/bindings-interface";
import { afterEach, describe, expect, test } from "vitest";
import { discover, noBoard, sysfsPorts } from "./discovery.ts";
import { Locked, lock } from "./lock.ts";

const folders: string[] = [];

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "hot-potato-test-"));
  folders.push(made);
  return made;
}

afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

function binding(ports: Partial<PortInfo>[] | Error) {
  return {
    list: async () => {
      if (ports instanceof Error) throw ports;
      return ports as PortInfo[];
    },
    open: () => Promise.reject(new Error("not in this test")),
  };
}

describe("which ports there are", () => {
  test("boards come first, by their adapters", async () => {
    const found = await discover(
      binding([
        { path: "/dev/ttyS0" },
        { path: "/dev/ttyUSB1", vendorId: "10C4", productId: "EA60", serialNumber: "0001" },
      ]),
    );
    expect(found.map(({ path, adapter }) => [path, adapter])).toEqual([
      ["/dev/ttyUSB1", "CP2102 (Silicon Labs)"],
      ["/dev/ttyS0", undefined],
    ]);
  });

  test("without udev the kernel's own list does", () => {
    const root = folder();
    const usb = join(root, "usb1", "1-2");
    mkdirSync(join(usb, "1-2:1.0", "ttyUSB0"), { recursive: true });
    writeFileSync(join(usb, "idVendor"), "1a86\n");
    writeFileSync(join(usb, "idProduct"), "7523\n");
    const tty = join(root, "tty");
    mkdirSync(join(tty, "ttyUSB0"), { recursive: true });
    mkdirSync(join(tty, "ttyS0"));
    symlinkSync(join(usb, "1-2:1.0", "ttyUSB0"), join(tty, "ttyUSB0", "device"));
    expect(sysfsPorts(tty)).toMatchObject([
      { path: "/dev/ttyUSB0", vendorId: "1a86", productId: "7523" },
    ]);
  });

  test("another failure of the list is told, not hidden", async () => {
    await expect(discover(binding(new Error("no such thing")))).rejects.toThrow("no such thing");
  });

  test("no board: what was looked for, what is there, and what would help", () => {
    const text = noBoard([
      { path: "/dev/ttyS0", adapter: undefined, usb: undefined, serialNumber: undefined },
    ]);
    for (const part of ["10c4:ea60", "/dev/ttyS0", "dialout", "--board emulated"]) {
      expect(text).toContain(part);
    }
  });
});

describe("a board is played on by one run at a time", () => {
  test("a second one is refused with the name of the first, and may when that is over", () => {
    const place = folder();
    const release = lock("usb 1-2/mac", place);
    expect(() => lock("usb 1-2/mac", place)).toThrow(Locked);
    expect(() => lock("usb 1-2/mac", place)).toThrow(`process ${process.pid}`);
    lock("another", place)();
    release();
    lock("usb 1-2/mac", place)();
  });

  test("a lock whose process has died, or that holds nonsense, is nobody's", () => {
    const place = folder();
    for (const owner of ["999999999", "nonsense"]) {
      writeFileSync(join(place, "board.lock"), owner);
      lock("board", place)();
    }
  });
});
