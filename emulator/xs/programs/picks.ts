import { Backend } from "../../../firmware/src/backend/backend.ts";
import { STRATEGIES } from "../../../firmware/src/balancer/strategies.ts";
import type { BackendSettings, StrategyName } from "../../../firmware/src/config/settings.ts";
import { Group } from "../../../firmware/src/pool/group.ts";
import { host } from "./host.ts";

/** Picks of every strategy that there is, for the budget. */

/** Settings of a backend that is up and has no bounds. */
const SETTINGS: Omit<BackendSettings, "name" | "weight"> = {
  address: "10.0.0.1",
  port: 80,
  backup: false,
  maxSessions: undefined,
  state: "ready",
  keepAlive: undefined,
  settleMs: 0,
  proxyProtocol: "none",
  health: {
    check: "none",
    path: "/",
    host: undefined,
    status: "200",
    body: undefined,
    intervalMs: 5000,
    timeoutMs: 2000,
    rise: 1,
    fall: 1,
    start: "up",
    observe: "none",
    ejectAfter: 0,
    slowStartMs: 0,
  },
};

/** Park and Miller's generator: the same numbers each time. */
function chance(): () => number {
  let state = 1;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

let pick = () => {};

const COMMANDS: Record<string, (value: never) => unknown> = {
  strategies: () => Object.keys(STRATEGIES),
  /** A group of so many backends, of different weights and with some sessions each. */
  group: ({ strategy, backends }: { strategy: StrategyName; backends: number }) => {
    const changes = { count: 0 };
    const all = Array.from({ length: backends }, (_, index) => {
      const backend = new Backend(
        index,
        { ...SETTINGS, name: `b${index}`, weight: 1 + (index % 4) },
        changes,
      );
      backend.counters.sessions = index % 3;
      return backend;
    });
    const group = new Group(all, strategy, {
      clock: { now: () => host.board.now() },
      random: chance(),
    });
    const input = { tried: 0, client: 0x1234_5678, sticky: undefined };
    pick = () => void group.pick(input);
  },
  pick: (count: number) => {
    for (let i = 0; i < count; i++) pick();
  },
};

host.command = text => {
  const [name, value] = JSON.parse(text);
  return JSON.stringify(COMMANDS[name](value as never));
};
