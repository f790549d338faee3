import { existsSync } from "node:fs";
import net from "node:net";
import { networkInterfaces } from "node:os";
import type { RigBoard } from "../board.ts";
import { BoardError } from "../board-error.ts";
import { Unmet } from "../transcript.ts";
import type { DoctorBoard, DoctorParts, LocalAddress } from "./step.ts";

/** Ports of `npm run backends` in the documents; backends of scenarios take free ports. */
const BACKEND_PORTS = [8080, 8081];

/** The parts that only the rig has. */
export type RigParts = Pick<DoctorParts, "ports" | "open" | "dialsBack" | "wanted">;

/** The parts for a diagnosis of this computer and the board. */
export function doctorParts(rig: RigParts): DoctorParts {
  return {
    ...rig,
    platform: process.platform,
    nodeVersion: process.version,
    environment: process.env,
    addresses: localAddresses(),
    backendPorts: BACKEND_PORTS,
    exists: existsSync,
    taken,
  };
}

/** A board of the rig, opened for a diagnosis. */
export async function openBoard(board: RigBoard): Promise<DoctorBoard> {
  await board.attach();
  let since = board.transcript.mark();
  return {
    async reset() {
      since = board.transcript.mark();
      await board.reset();
    },
    async loads() {
      if (!board.link.hasLines) return undefined;
      try {
        await board.to("download");
        return true;
      } catch (error) {
        if (error instanceof BoardError) return false;
        throw error;
      }
    },
    async line(pattern, withinMs) {
      try {
        const { line, mark } = await board.transcript.expect(pattern, {
          withinMs,
          since,
          whole: true,
        });
        since = mark;
        return line.text;
      } catch (error) {
        if (error instanceof Unmet) return undefined;
        throw error;
      }
    },
    release: () => board.release(),
  };
}

function localAddresses(): LocalAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ family, internal, cidr }) =>
      family === "IPv4" && !internal && cidr !== null ? [{ name, cidr }] : [],
    ),
  );
}

async function taken(port: number): Promise<string | undefined> {
  const server = net.createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, resolve);
    });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  }
  await new Promise(resolve => server.close(resolve));
  return undefined;
}
