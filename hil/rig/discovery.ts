import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { autoDetect } from "@serialport/bindings-cpp";
import type { BindingInterface, PortInfo } from "@serialport/bindings-interface";
import { EMULATED_PATH } from "./emulated-port.ts";

/** A board that may be played on. */
export interface Found {
  readonly path: string;
  /** What its adapter is called, when it is one that ESP32 boards have. */
  readonly adapter: string | undefined;
  /** `10c4:ea60`, where it is a USB device. */
  readonly usb: string | undefined;
  readonly serialNumber: string | undefined;
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

/** The computer's own serial ports. */
export function computersPorts(): BindingInterface {
  return autoDetect() as unknown as BindingInterface;
}

/** Every serial port, those with a known adapter first. */
export async function discover(binding: BindingInterface): Promise<Found[]> {
  const ports = await listed(binding);
  const found = ports.map(({ path, vendorId, productId, serialNumber }) => {
    const usb = vendorId && productId ? `${vendorId}:${productId}`.toLowerCase() : undefined;
    return { path, usb, adapter: usb === undefined ? undefined : ADAPTERS[usb], serialNumber };
  });
  return found.sort((x, y) => Number(y.adapter !== undefined) - Number(x.adapter !== undefined));
}

/** serialport asks `udevadm` on Linux, which containers lack; then the kernel's own folder tells. */
async function listed(binding: BindingInterface): Promise<PortInfo[]> {
  try {
    return await binding.list();
  } catch (error) {
    if (!/udevadm/.test((error as Error).message)) throw error;
    return sysfsPorts("/sys/class/tty");
  }
}

/** USB serial ports as the kernel lists them: `ttyUSB0` and `ttyACM0` have a device above them. */
export function sysfsPorts(folder: string): PortInfo[] {
  const names = readdirSync(folder).filter(name => /^tty(USB|ACM)\d+$/.test(name));
  return names.map(name => {
    const device = usbDevice(realpathSync(join(folder, name, "device")));
    const read = (file: string) =>
      device === undefined ? undefined : readFileSync(join(device, file), "utf8").trim();
    return {
      path: `/dev/${name}`,
      manufacturer: undefined,
      serialNumber: undefined,
      pnpId: undefined,
      locationId: undefined,
      vendorId: read("idVendor"),
      productId: read("idProduct"),
    };
  });
}

/** The folder above `folder` that is a USB device. */
function usbDevice(folder: string): string | undefined {
  for (let at = folder; at !== "/" && at !== "."; at = join(at, "..")) {
    if (readdirSync(at).includes("idVendor")) return at;
  }
  return undefined;
}

/** One line for `--list`. */
export function describeFound({ path, usb, adapter, serialNumber }: Found): string {
  return [path, usb ?? "not USB", adapter ?? "unknown adapter", serialNumber]
    .filter(part => part !== undefined)
    .join("  ");
}

/** What to say when there is no board, with what would help. */
export function noBoard(found: readonly Found[]): string {
  const adapters = Object.entries(ADAPTERS).map(([usb, name]) => `  ${usb}  ${name}`);
  return [
    "no board found: no serial port with one of these adapters",
    ...adapters,
    found.length === 0
      ? "there is no serial port at all"
      : `there are ${found.map(describeFound).join("; ")}`,
    "",
    "A cable may be for charging only: try another one. On Linux you must be allowed to use the port:",
    "  sudo usermod -aG dialout $USER    (then log in again)",
    "Windows and macOS want the adapter's driver: CP210x from Silicon Labs, CH34x from WCH.",
    `Name a port that is not listed with --port PATH, or play without one: --board ${EMULATED_PATH}`,
  ].join("\n");
}
