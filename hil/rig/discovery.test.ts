import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PortInfo } from "@serialport/bindings-cpp";
import { afterEach, describe, expect, test } from "vitest";
import {
  discover,
  type Found,
  noBoard,
  pathNow,
  placeOf,
  portNamed,
  sysfsPorts,
} from "./discovery.ts";
import { KnownBoards, listBoards } from "./known-boards.ts";
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

  test("without udev the ports come from sysfs", () => {
    const root = folder();
    const usb = join(root, "usb1", "1-2");
    mkdirSync(join(usb, "1-2:1.0", "ttyUSB0"), { recursive: true });
    writeFileSync(join(usb, "idVendor"), "1a86\n");
    writeFileSync(join(usb, "idProduct"), "7523\n");
    const tty = join(root, "tty");
    mkdirSync(join(tty, "ttyUSB0"), { recursive: true });
    mkdirSync(join(tty, "ttyS0"));
    symlinkSync(join(usb, "1-2:1.0", "ttyUSB0"), join(tty, "ttyUSB0", "device"));
    writeFileSync(join(usb, "serial"), "0001\n");
    const found = { path: "/dev/ttyUSB0", vendorId: "1a86", productId: "7523" };
    expect(sysfsPorts(tty)).toMatchObject([{ ...found, serialNumber: "0001" }]);
  });

  test("two adapters with the same serial number are distinguished by their USB ports", async () => {
    const root = folder();
    for (const [name, port] of [
      ["ttyUSB0", "1-2"],
      ["ttyUSB1", "1-3.1"],
    ]) {
      const usb = join(root, "usb1", port);
      mkdirSync(join(usb, `${port}:1.0`, name), { recursive: true });
      writeFileSync(join(usb, "idVendor"), "10c4\n");
      mkdirSync(join(root, "tty", name), { recursive: true });
      symlinkSync(join(usb, `${port}:1.0`, name), join(root, "tty", name, "device"));
    }
    const twin = { vendorId: "10c4", productId: "ea60", serialNumber: "0001" };
    const found = await discover(
      binding([
        { path: "/dev/ttyUSB0", ...twin },
        { path: "/dev/ttyUSB1", ...twin },
        { path: "COM3", locationId: "Port_#0001.Hub_#0002", ...twin },
        { path: "/dev/ttyS0" },
      ]),
      join(root, "tty"),
    );
    const places = ["usb 1-2", "usb 1-3.1", "usb Port_#0001.Hub_#0002", "/dev/ttyS0"];
    expect(found.map(placeOf)).toEqual(places);
  });

  test("a port is found by its name, a link to it, and its names on macOS and Windows", () => {
    const root = realpathSync(folder());
    const port = (path: string): Found => ({
      ...{ path, usb: "10c4:ea60", adapter: "CP2102", serialNumber: "0001", usbPath: "1-2" },
    });
    const tty = join(root, "ttyUSB0");
    writeFileSync(tty, "");
    symlinkSync(tty, join(root, "by-id"));
    const listed = port(tty);
    expect(portNamed(tty, [listed])).toBe(listed);
    expect(portNamed(join(root, "by-id"), [listed], "linux")).toBe(listed);
    expect(portNamed(join(root, "by-id"), [], "linux")).toMatchObject({ path: tty });
    expect(portNamed(join(root, "none"), [listed], "linux")).toBeUndefined();
    expect(portNamed("com3", [port("COM3")], "win32")).toMatchObject({ path: "COM3" });
    const mac = portNamed("/dev/cu.usbserial-1", [port("/dev/tty.usbserial-1")], "darwin");
    expect(mac).toEqual(port("/dev/cu.usbserial-1"));
  });

  test("a board whose port was renamed is found by its USB port", async () => {
    const now = (...ports: [string, string][]) =>
      pathNow(
        {
          path: "/dev/ttyUSB0",
          usbPath: "1-2",
          usb: undefined,
          adapter: undefined,
          serialNumber: "",
        },
        binding(ports.map(([path, locationId]) => ({ path, locationId }))),
      );
    expect(await now(["/dev/ttyUSB0", "1-3"], ["/dev/ttyUSB1", "1-2"])).toBe("/dev/ttyUSB1");
    expect(await now(["/dev/ttyUSB0", "1-3"])).toBeUndefined();
    // Both ports of an adapter that has two are at one place.
    expect(await now(["/dev/ttyUSB1", "1-2"], ["/dev/ttyUSB0", "1-2"])).toBe("/dev/ttyUSB0");
    expect(await now(["/dev/ttyUSB1", "1-2"], ["/dev/ttyUSB2", "1-2"])).toBeUndefined();
  });

  test("any other failure of the list is reported", async () => {
    await expect(discover(binding(new Error("no such thing")))).rejects.toThrow("no such thing");
  });

  test("without a board the message says what was looked for, what is there, and what would help", () => {
    const text = noBoard([
      { path: "/dev/ttyS0", adapter: undefined, usb: undefined, serialNumber: undefined },
    ]);
    for (const part of ["10c4:ea60", "/dev/ttyS0", "dialout", "--board emulated"]) {
      expect(text).toContain(part);
    }
  });
});

describe("which boards there are", () => {
  const cp2102: Found = {
    path: "/dev/ttyUSB0",
    usb: "10c4:ea60",
    adapter: "CP2102 (Silicon Labs)",
    serialNumber: "0001",
    usbPath: "1-2",
  };
  const esp32 = { chip: "ESP32", mac: "24:0a:c4:12:34:56" };

  test("each board is listed with what is known of it, and the emulated one always", () => {
    const known = new KnownBoards(join(folder(), "boards.json"));
    const uart = { ...cp2102, path: "/dev/ttyS0", adapter: undefined };
    known.remember(cp2102, esp32);
    expect(listBoards([cp2102, uart], known).split("\n")).toEqual([
      "/dev/ttyUSB0  10c4:ea60  CP2102 (Silicon Labs)  serial 0001  at USB 1-2  ESP32 24:0a:c4:12:34:56",
      "emulated  no hardware, always there  (--board emulated)",
    ]);
  });

  test("a chip that was read once is listed the next time, also if the port was renamed", () => {
    const file = join(folder(), "cache", "boards.json");
    new KnownBoards(file).remember(cp2102, esp32);
    const known = new KnownBoards(file);
    expect(known.find({ ...cp2102, path: "/dev/ttyUSB7" })).toEqual(esp32);
    expect(known.find({ ...cp2102, usbPath: "1-3" })).toBeUndefined();
    expect(known.find({ ...cp2102, usb: "1a86:7523" })).toBeUndefined();
  });

  test("a broken file counts as empty and is written anew", () => {
    const file = join(folder(), "boards.json");
    for (const nonsense of ["{", "null", "[1]"]) {
      writeFileSync(file, nonsense);
      new KnownBoards(file).remember(cp2102, esp32);
      expect(new KnownBoards(file).find(cp2102)).toEqual(esp32);
    }
  });

  test("the last fifty boards are stored", () => {
    const file = join(folder(), "boards.json");
    const known = new KnownBoards(file);
    for (let i = 0; i < 51; i++) known.remember({ ...cp2102, usbPath: `1-${i}` }, esp32);
    const kept = Object.keys(JSON.parse(readFileSync(file, "utf8")));
    expect([kept.length, kept[0]]).toEqual([50, "usb 1-1"]);
  });
});

describe("a board is played on by one run at a time", () => {
  test("a second run is refused with the process of the first, and may begin when that has ended", () => {
    const place = folder();
    const release = lock("usb 1-2/mac", place);
    expect(() => lock("usb 1-2/mac", place)).toThrow(Locked);
    expect(() => lock("usb 1-2/mac", place)).toThrow(`process ${process.pid}`);
    lock("another", place)();
    release();
    lock("usb 1-2/mac", place)();
  });

  test("a lock whose process has died, or whose content is broken, is taken over", () => {
    const place = folder();
    for (const owner of ["999999999", "nonsense"]) {
      writeFileSync(join(place, "board.lock"), owner);
      lock("board", place)();
    }
    expect(readdirSync(place)).toEqual([]);
  });
});
