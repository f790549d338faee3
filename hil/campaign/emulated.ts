import type { BackendNetwork } from "../../backends/src/behaviour.ts";
import type { MachineHost } from "../../backends/src/machine.ts";
import { machineHost } from "../../backends/src/testing.ts";
import { mendedBoard } from "../../emulator/proxy/firmware-board.ts";
import { EmulatedLab, type LabBackend } from "../kit/emulated-lab.ts";
import type { BeginFault, CampaignLab } from "./lab.ts";
import { type FaultName, only, type RunPlan } from "./plan.ts";

/** Answers to a SYN that `lost-answer` takes. */
const ANSWERS_LOST = 3;

/** How late `late-packets` makes a packet. */
const LATE_MS = 35;

/** The emulated board on the simulated network. */
export class EmulatedCampaignLab extends EmulatedLab implements CampaignLab {
  readonly pollMs = 25;

  constructor(plan: RunPlan, traceLines: number) {
    const [board] = only(plan, "board");
    const { connectionsMax, heapBytes } = board ?? mendedBoard();
    const kind = { ...mendedBoard(board?.sockets), connectionsMax, heapBytes };
    super(kind, { engine: "node", seed: plan.seed, traceLines });
  }

  copyOf<T>(value: T): T {
    return value;
  }

  get sockets(): CampaignLab["sockets"] {
    return this.board.stack;
  }

  otherHost(name: string): { readonly address: string; readonly net: BackendNetwork } {
    const net = this.network.host(name);
    return { address: net.address, net };
  }

  machineHost(name: string): MachineHost {
    return machineHost(this.network, name);
  }

  onSyn(name: string, tried: () => void): void {
    this.network.rule(({ kind, to }) => {
      if (kind === "SYN" && to.name === name) tried();
      return "pass";
    });
  }

  connections(): string[] {
    return this.network
      .netstat()
      .filter(({ state }) => state !== "listen" && state !== "udp")
      .map(
        ({ host, local, remote, state, unread, unacked }) =>
          `${host.padEnd(10)} ${local.padEnd(21)} ${remote.padEnd(21)} ${state.padEnd(10)} unread ${unread}, unacked ${unacked}`,
      );
  }

  leftovers(): string[] {
    const { stack, alarms, heap, kind } = this.board;
    const counts = [
      ["a socket object is left", stack.objects],
      ["a control block is left", stack.connections],
      ["an alarm is left", alarms],
      ["heap is still taken", kind.heapBytes - heap.freeBytes],
    ] as const;
    return counts.flatMap(([what, count]) => (count === 0 ? [] : what));
  }

  get hash(): string {
    return String(this.network.trace.hash);
  }

  end(): void {}

  get packets(): readonly string[] {
    return this.network.trace.lines;
  }

  faults(backends: ReadonlyMap<string, LabBackend>): Record<FaultName, BeginFault> {
    const { network, board } = this;
    return {
      refuse: host => network.refuse(host),
      "black-hole": host => network.blackHole(host),
      reset: host => {
        network.resetConnections(host);
        return undefined;
      },
      vanish: host => network.vanish(host),
      crash: host => {
        const back = network.crash(host);
        return () => {
          back();
          backends.get(host)!.start();
        };
      },
      quit: host => {
        const backend = backends.get(host)!;
        backend.stop();
        return () => backend.start();
      },
      cut: host => network.cut("board", host),
      "cut-to": host => network.cutOneWay("board", host),
      "cut-from": host => network.cutOneWay(host, "board"),
      hold: host => network.hold("board", host),
      clog: host => network.clog(host),
      "late-packets": host => {
        let packets = 0;
        return network.rule(({ from, to }) =>
          (from.name === host || to.name === host) && packets++ % 3 === 0
            ? { delayMs: LATE_MS }
            : "pass",
        );
      },
      "lost-answer": host => {
        let left = ANSWERS_LOST;
        return network.rule(({ kind, from }) =>
          kind === "SYN-ACK" && from.name === host && left-- > 0 ? "drop" : "pass",
        );
      },
      "reset-data": host => {
        let packets = 0;
        return network.rule(({ kind, from }) =>
          kind === "DATA" && from.name === host && ++packets % 20 === 0 ? "reset" : "pass",
        );
      },
      "no-pool": host => network.exhaustPool(host),
      // A board that cannot open its listeners for lack of memory crashes, and boots again.
      "no-heap": () => (board.wifi.address === undefined ? undefined : board.stack.exhaustHeap()),
      "no-buffers": host => network.exhaustBuffers(host),
      wifi: (_host, lastsMs) => {
        this.wifiDrop(lastsMs);
        return undefined;
      },
      "inbound-loss": () => network.blackHole("board"),
      power: () => {
        const back = this.powerLoss();
        return back;
      },
      "reset-button": () => {
        board.reset();
        return undefined;
      },
      "task-stall": (_host, lastsMs) => {
        board.tasks.stall(lastsMs);
        return undefined;
      },
    };
  }
}
