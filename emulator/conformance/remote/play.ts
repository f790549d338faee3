import type { BoardPlatform } from "../../src/platform.ts";
import { CASES } from "../cases.ts";
import type { Case } from "../target.ts";
import { Control } from "./control.ts";
import type { Outcome, ToBoard } from "./messages.ts";
import { OutOfReach, RemoteTarget } from "./target.ts";

/** Without a case by then, the host is not there or has ended: start over. */
const IDLE_MS = 10_000;

/** Between two attempts to reach the host. */
const RETRY_MS = 1_000;

/** Characters of what was seen; enough for every comparison of a case. */
const SEEN_MAX = 500;

export interface RemotePlatform
  extends Pick<BoardPlatform, "TCP" | "Listener" | "UDP" | "clock" | "log"> {
  readonly link: { readonly address: string | undefined; watch(changed: () => void): void };
  /** The computer's address as the board sees it, and the port of its host. */
  readonly host: { readonly address: string; readonly port: number };
  /** Ends this program and starts it again, as after power on. */
  restart(): void;
}

/**
 * The program on the board: gets a case from the host, plays it, writes its line, reports it, and
 * restarts the board, because most cases leave something behind. Lines are those of the Test
 * Anything Protocol; the last one is the plan, `1..80`.
 */
export function play(platform: RemotePlatform): void {
  if (platform.link.address !== undefined) {
    once(platform);
    return;
  }
  platform.link.watch(() => {
    if (platform.link.address === undefined) return;
    platform.link.watch(() => {});
    once(platform);
  });
}

function once({ TCP, Listener, UDP, clock, log, host, restart }: RemotePlatform): void {
  let target: RemoteTarget | undefined;
  let ended = false;
  const idle = clock.after(IDLE_MS, restart);
  const control = new Control(TCP, host, {
    onMessage(message: ToBoard, text: string) {
      if (message.type === "end") {
        idle();
        ended = true;
        log(`1..${message.cases}`);
      } else if (message.type === "play") {
        idle();
        const { numbers, name, place } = message;
        target = new RemoteTarget({
          TCP,
          Listener,
          UDP,
          clock,
          numbers,
          address: host.address,
          control,
        });
        outcomeOf(name, target, "end" in TCP.prototype).then(outcome => {
          log(line(place, name, outcome));
          control.send({ type: "outcome", name, ...outcome });
        });
      } else {
        target?.received(message, text);
      }
    },
    onLost() {
      if (!ended) clock.after(target === undefined ? RETRY_MS : 0, restart);
    },
  });
}

async function outcomeOf(
  name: string,
  target: RemoteTarget,
  hasOwnSockets: boolean,
): Promise<Outcome> {
  const found = CASES.find((each: Case) => each.name === name);
  if (found === undefined) return { result: "skip", seen: "this program does not have it" };
  if (found.sockets === "own" && !hasOwnSockets)
    return { result: "skip", seen: "the SDK's sockets lack it" };
  if (found.not?.chip) return { result: "skip", seen: found.not.chip };
  try {
    await found.run(target);
    return { result: "ok" };
  } catch (error) {
    if (error instanceof OutOfReach) return { result: error.result, seen: error.message };
    return { result: "not ok", seen: String(error).slice(0, SEEN_MAX) };
  }
}

function line(place: number, name: string, outcome: Outcome): string {
  switch (outcome.result) {
    case "ok":
      return `ok ${place} - ${name}`;
    case "part":
      return `ok ${place} - ${name} # up to here: ${outcome.seen}`;
    case "skip":
      return `ok ${place} - ${name} # SKIP ${outcome.seen}`;
    case "not ok":
      return `not ok ${place} - ${name} # ${outcome.seen}`;
  }
}
