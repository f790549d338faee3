import { existsSync } from "node:fs";
import net from "node:net";
import { networkInterfaces } from "node:os";
import type { RigBoard } from "../board.ts";
import { BoardError } from "../board-error.ts";
import { Unmet } from "../transcript.ts";
import type { DoctorBoard, DoctorParts, LocalAddress } from "./step.ts";

/** Where `npm run backends` listens in all that is told of it; those of scenarios take any free port. */
const BACKEND_PORTS = [8080, 8081];

/** What only the rig can give. */
export type RigParts = Pick<DoctorParts, "ports" | "open" | "dialsBack" | "wanted">;

/** A diagnosis of this computer and the board that the rig would play on. */
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

/** A board of the rig, as a diagnosis looks at it. */
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
