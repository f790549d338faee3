import { randomInt } from "node:crypto";
import type { BindingInterface } from "@serialport/bindings-cpp";
import type { AdminAddress } from "../../emulator/proxy/workbench/admin-client.ts";
import { AddressDevice } from "./address-device.ts";
import { RigBoard } from "./board.ts";
import type { Device } from "./device.ts";
import { type Found, pathNow, placeOf } from "./discovery.ts";
import type { EmulatedBoard } from "./emulated-board.ts";
import { EMULATED_PATH } from "./emulated-port.ts";
import type { Incident } from "./incidents.ts";
import { SerialDevice } from "./serial-device.ts";

/** A board ready for a run: the device that scenarios are played on, and its serial line if it has one. */
export interface Attachment {
  /** Unique name of the board; its lock and its report folder are named after it. */
  readonly identity: string;
  readonly device: Device;
  readonly board: RigBoard | undefined;
  /** The target of `--inject`. */
  readonly emulated: EmulatedBoard | undefined;
}

/** The parts that an attachment needs, and its listener. */
export interface AttachmentOptions {
  /** File to which every byte of the board is written. */
  readonly log: string;
  /** Longest time until the board has an IP address. */
  readonly onlineMs: number;
  /** Called with each line of the board. */
  onLine(line: string): void;
  onIncident(incident: Incident): void;
}

export function attachSerial(
  binding: BindingInterface,
  found: Found,
  surroundings: AttachmentOptions,
): Attachment {
  const { path, adapter } = found;
  const identity = placeOf(found);
  const whereNow = () => pathNow(found, binding);
  const board = new RigBoard({ binding, path, whereNow, ...surroundings });
  const device = new SerialDevice({ board, played: { kind: "serial", identity, path, adapter } });
  return { identity, device, board, emulated: undefined };
}

export function attachEmulated(
  emulated: EmulatedBoard,
  surroundings: AttachmentOptions,
): Attachment {
  const path = EMULATED_PATH;
  const board = new RigBoard({ binding: emulated.binding, path, ...surroundings });
  const device = new SerialDevice({
    board,
    // Each run has an emulated board of its own, also beside other runs in this process.
    played: {
      kind: "emulated",
      identity: `${EMULATED_PATH} ${process.pid}.${randomInt(1e9)}`,
      path,
    },
    addressOf: port => emulated.addressOf(port),
  });
  return { identity: device.played().identity, device, board, emulated };
}

export function attachByAddress(address: AdminAddress, { onLine }: AttachmentOptions): Attachment {
  const device = new AddressDevice(address, onLine);
  return { identity: device.played().identity, device, board: undefined, emulated: undefined };
}
