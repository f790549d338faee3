import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { BindingInterface, PortInfo } from "@serialport/bindings-cpp";
import { SerialPort } from "serialport";
import { EMULATED_PATH } from "./emulated-port.ts";
import { noticingHangUp } from "./hang-up.ts";
import type { ChipIdentity } from "./loader.ts";

/** A serial port that may have a board. */
export interface Found {
  readonly path: string;
  /** Name of its USB adapter, if it is one that ESP32 boards have. */
  readonly adapter: string | undefined;
  /** Vendor and product, such as `10c4:ea60`, if it is a USB device. */
  readonly usb: string | undefined;
  /** Serial number of the adapter; cheap ones all have `0001`. */
  readonly serialNumber: string | undefined;
  /** The USB port that it is plugged into, such as `1-2`, if the system reports it. Unique for each board. */
  readonly usbPath?: string | undefined;
}

/** Key of a board: its USB port, which stays when the system renames the serial port; else its path. */
export function placeOf({ path, usbPath }: Pick<Found, "path" | "usbPath">): string {
  return usbPath === undefined ? path : `usb ${usbPath}`;
}

/** USB adapters that ESP32 boards have, by vendor and product. */
export const ADAPTERS: Readonly<Record<string, string>> = {
  "10c4:ea60": "CP2102 (Silicon Labs)",
  "1a86:7523": "CH340 (WCH)",
  "1a86:55d4": "CH9102 (WCH)",
  "0403:6001": "FT232R (FTDI)",
  "0403:6010": "FT2232 (FTDI)",
  "303a:1001": "USB-JTAG of the chip (Espressif)",
};

/** The serial ports of this computer. */
export function computersPorts(): BindingInterface {
  return noticingHangUp(SerialPort.binding as unknown as BindingInterface);
}

/** All serial ports, those with a known adapter first. */
export async function discover(
  binding: BindingInterface,
  kernelsPorts = "/sys/class/tty",
): Promise<Found[]> {
  const ports = await listed(binding, kernelsPorts);
  const found = ports.map(({ path, vendorId, productId, serialNumber, locationId }) => {
    const usb = vendorId && productId ? `${vendorId}:${productId}`.toLowerCase() : undefined;
    const adapter = usb === undefined ? undefined : ADAPTERS[usb];
    const usbPath = locationId ?? usbPathOf(path, kernelsPorts);
    return { path, usb, adapter, serialNumber, usbPath };
  });
  return found.sort((x, y) => Number(y.adapter !== undefined) - Number(x.adapter !== undefined));
}

/**
 * The port with this name: as it is listed, a link to it (`/dev/serial/by-id/…`), or one that is not listed,
 * such as a pseudo-terminal. Windows lists all ports.
 */
export function portNamed(
  path: string,
  found: readonly Found[],
  platform = process.platform,
): Found | undefined {
  const exists = platform !== "win32" && existsSync(path);
  const real = exists ? realpathSync(path) : path;
  const same = (port: Found) =>
    platform === "win32"
      ? port.path.toUpperCase() === path.toUpperCase()
      : port.path === path || port.path === real;
  const listed = found.find(same);
  if (listed !== undefined) return listed;
  // macOS has two names for each port, and lists one.
  const twin = found.find(port => port.path === path.replace("/dev/cu.", "/dev/tty."));
  if (twin !== undefined) return { ...twin, path };
  if (!exists) return undefined;
  return { path: real, adapter: undefined, usb: undefined, serialNumber: undefined };
}

/** The path that the board's port has now, if its USB port is known. */
export async function pathNow(
  { path, usbPath }: Found,
  binding: BindingInterface,
  kernelsPorts?: string,
): Promise<string | undefined> {
  if (usbPath === undefined) return undefined;
  const there = (await discover(binding, kernelsPorts)).filter(port => port.usbPath === usbPath);
  // Both ports of a two-port adapter have one USB place.
  if (there.length === 1 || there.some(port => port.path === path)) {
    return (there.find(port => port.path === path) ?? there[0]).path;
  }
  return undefined;
}

/** serialport asks `udevadm` on Linux, which containers lack; then sysfs is read. */
async function listed(binding: BindingInterface, kernelsPorts: string): Promise<PortInfo[]> {
  try {
    return await binding.list();
  } catch (error) {
    if (!/udevadm/.test((error as Error).message)) throw error;
    return sysfsPorts(kernelsPorts);
  }
}

/** USB serial ports from sysfs: `ttyUSB0` and `ttyACM0` have a device above them. */
export function sysfsPorts(folder: string): PortInfo[] {
  const names = readdirSync(folder).filter(name => /^tty(USB|ACM)\d+$/.test(name));
  return names.map(name => {
    const device = usbDevice(folder, name);
    const read = (file: string) =>
      device === undefined || !existsSync(join(device, file))
        ? undefined
        : readFileSync(join(device, file), "utf8").trim();
    return {
      path: `/dev/${name}`,
      manufacturer: undefined,
      serialNumber: read("serial"),
      pnpId: undefined,
      locationId: undefined,
      vendorId: read("idVendor"),
      productId: read("idProduct"),
    };
  });
}

/** serialport does not report it on Linux. The kernel names a USB device by its place. */
function usbPathOf(path: string, folder: string): string | undefined {
  if (!path.startsWith("/dev/")) return undefined;
  const device = usbDevice(folder, basename(path));
  return device === undefined ? undefined : basename(device);
}

/** The sysfs folder of the USB device that the port belongs to. */
function usbDevice(folder: string, name: string): string | undefined {
  const link = join(folder, name, "device");
  if (!existsSync(link)) return undefined;
  for (let at = realpathSync(link); at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, "idVendor"))) return at;
  }
  return undefined;
}

/** One line of `--list`. */
export function describeFound(found: Found, known?: ChipIdentity): string {
  const { path, usb, adapter, serialNumber, usbPath } = found;
  const parts = [
    path,
    usb ?? "not USB",
    adapter ?? "unknown adapter",
    serialNumber && `serial ${serialNumber}`,
    usbPath && `at USB ${usbPath}`,
    known && `${known.chip} ${known.mac}`,
  ];
  return parts.filter(Boolean).join("  ");
}

/** The message that there is no board, with what would help. */
export function noBoard(found: readonly Found[]): string {
  const adapters = Object.entries(ADAPTERS).map(([usb, name]) => `  ${usb}  ${name}`);
  return [
    "no board found: no serial port with one of these adapters",
    ...adapters,
    found.length === 0
      ? "there is no serial port at all"
      : `there are ${found.map(port => describeFound(port)).join("; ")}`,
    "",
    "A cable may be for charging only: try another one. On Linux you must be allowed to use the port:",
    "  sudo usermod -aG dialout $USER    (then log in again)",
    "Windows and macOS need the adapter's driver: CP210x from Silicon Labs, CH34x from WCH.",
    `Name a port that is not listed with --port PATH, or play without one: --board ${EMULATED_PATH}`,
  ].join("\n");
}
