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

/** A board as it lies on the desk: what scenarios are played on, and its serial line where it has one. */
export interface Attachment {
  /** What tells it from other boards; a lock and a folder are called so. */
  readonly identity: string;
  readonly device: Device;
  readonly board: RigBoard | undefined;
  /** What mischief is done to. */
  readonly emulated: EmulatedBoard | undefined;
}

/** What a desk is told, and what it tells. */
export interface AttachmentOptions {
  /** The file that keeps all that the board writes. */
  readonly log: string;
  /** How long it may take to get an address. */
  readonly onlineMs: number;
  /** Hears each line of the board. */
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
    // Every run has one of its own, also beside others in one process.
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
