import { CASES } from "../../conformance/cases.ts";
import type { Peer, PeerPort, Target } from "../../conformance/target.ts";
import type { Clock } from "../../src/clock.ts";
import type { BoardPlatform } from "../../src/platform.ts";
import { host } from "./host.ts";

/** The cases of conformance on XS. The board's wire and the peers are in Node. */

const ask = (...words: unknown[]) => JSON.parse(host.board.ask(JSON.stringify(words)));

/** The step that the running case waits for: Node does it, then sends `resume`. */
let waiting:
  | { what: unknown[]; holds?: () => boolean; resume: (result: never) => void }
  | undefined;
let outcome: { ended: true; error?: string } | undefined;
let program: (platform: BoardPlatform) => void = () => {};

function wait<T>(what: unknown[], holds?: () => boolean): Promise<T> {
  return new Promise(resume => {
    waiting = { what, holds, resume };
  });
}

class RemotePeer implements Peer {
  #id: number;

  constructor(id: number) {
    this.#id = id;
  }

  get received(): string {
    return ask("peer", this.#id, "received");
  }

  get pieces(): readonly string[] {
    return ask("peer", this.#id, "pieces");
  }

  get ending(): Peer["ending"] {
    return ask("peer", this.#id, "ending");
  }

  get port(): number {
    return ask("peer", this.#id, "port");
  }

  send(text: string): void {
    ask("peer", this.#id, "send", text);
  }

  finish(): void {
    ask("peer", this.#id, "finish");
  }

  reset(): void {
    ask("peer", this.#id, "reset");
  }
}

/** Time as the board gives it: unlike the firmware's clock, 0 ms is the next turn and not the next tick. */
function boardClock(): Clock {
  const now = () => host.board.now();
  let waiting: { at: number; task: () => void }[] = [];
  const set = () => {
    const first = Math.min(...waiting.map(({ at }) => at));
    host.board.alarm(waiting.length === 0 ? -1 : Math.max(0, first - now()));
  };
  host.board.onAlarm(() => {
    const due = waiting.filter(({ at }) => at <= now());
    waiting = waiting.filter(alarm => !due.includes(alarm));
    for (const { task } of due) task();
    set();
  });
  return {
    now,
    after(ms, task) {
      const alarm = { at: now() + ms, task };
      waiting.push(alarm);
      set();
      return () => {
        waiting = waiting.filter(other => other !== alarm);
        set();
      };
    },
  };
}

/** Ports of peers, and the connections to each. */
const ports: { id: number; peers: Peer[] }[] = [];

/** Notes the connections made meanwhile, before the case looks. */
function newcomers(): void {
  for (const { id, peers } of ports) {
    for (const peer of ask("peers", id).slice(peers.length)) peers.push(new RemotePeer(peer));
  }
}

const target: Target = {
  TCP: host.TCP,
  Listener: host.Listener,
  UDP: host.UDP,
  get numbers() {
    return ask("target", "numbers");
  },
  get objects() {
    return ask("target", "objects");
  },
  get connections() {
    return ask("target", "connections");
  },
  get fatal() {
    return ask("target", "fatal") ?? undefined;
  },
  get lines() {
    return ask("target", "lines");
  },
  boot(given) {
    program = given;
    ask("boot");
  },
  unplug() {
    ask("unplug");
  },
  async listen(): Promise<PeerPort> {
    const { id, address, port } = await wait<{ id: number; address: string; port: number }>([
      "listen",
    ]);
    const peers: Peer[] = [];
    ports.push({ id, peers });
    return { address, port, peers };
  },
  refusing: () => wait(["refuse"]),
  echoing: () => wait(["echo"]),
  connect: port => new RemotePeer(ask("connect", port)),
  quiet: () => wait(["quiet"]),
  until: (what, holds) => wait(["until", what], holds),
};

const COMMANDS: Record<string, (value: never) => unknown> = {
  run: async (index: number) => {
    try {
      await CASES[index].run(target);
      outcome = { ended: true };
    } catch (error) {
      outcome = { ended: true, error: String((error as Error).stack ?? error) };
    }
  },
  /** The board has booted. */
  program: () => {
    // The parts of a platform that the cases use; the rest of the chip stays with Node's board.
    const platform: Partial<BoardPlatform> = {
      TCP: host.TCP,
      Listener: host.Listener,
      UDP: host.UDP,
      clock: boardClock(),
      link: {
        get address() {
          return ask("target", "address") ?? undefined;
        },
        rssi: 0,
        dnsServers: [],
        watch: () => {},
      },
      connectionsMax: target.numbers.connectionsMax,
      random: Math.random,
      log: line => host.board.log(line),
    };
    program(platform as BoardPlatform);
  },
  state: () => outcome ?? { what: waiting?.what },
  holds: () => {
    newcomers();
    return waiting!.holds!();
  },
  resume: (result: never) => {
    newcomers();
    const { resume } = waiting!;
    waiting = undefined;
    resume(result);
  },
};

host.command = text => {
  const [name, value] = JSON.parse(text);
  const result = COMMANDS[name](value as never);
  return result instanceof Promise ? undefined : JSON.stringify(result);
};
