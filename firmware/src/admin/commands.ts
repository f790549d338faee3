import { digits, type KeyValue, valueAt, withValueAt } from "../config/key-path.ts";
import { brief, didYouMean, parseJsonBounded } from "../config/reader.ts";
import { deepFreeze } from "../deep-freeze.ts";
import { EVENT_KINDS } from "../log/recent-events.ts";
import type { Outcome } from "./outcome.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import { SECRET } from "./runtime-api.ts";
import { type BackendStatus, configurationText, statusOf } from "./status.ts";

/** A command: what may follow it, what it does, and how it comes out. */
interface Command {
  readonly usage: string;
  readonly help: string;
  /** Words that must follow, and that may. */
  readonly words: readonly [min: number, max: number];
  /** The first argument that is secret, and all behind it. */
  readonly secretFrom?: number;
  run(runtime: RuntimeApi, words: readonly string[]): readonly string[] | Outcome;
}

/** Events that `events` tells when no number is given. */
const EVENTS = 10;

/** Characters of an answer's line: a terminal's width, and less than the UART's FIFO. */
const LINE_MAX = 96;

const COMMANDS: Record<string, Command> = deepFreeze({
  help: {
    usage: "help",
    help: "this list",
    words: [0, 0],
    run: () => Object.values(COMMANDS).map(({ usage, help }) => `${usage.padEnd(24)}${help}`),
  },
  status: {
    usage: "status",
    help: "state and counters of the board",
    words: [0, 0],
    run: runtime => {
      const { backends, sockets, ...rest } = statusOf(runtime);
      const up = backends.filter(({ operationalState }) => operationalState === "up").length;
      const values = {
        ...rest,
        configuration: configurationText(rest.configuration),
        sockets: `${sockets.used}/${sockets.max}`,
        up: `${up}/${backends.length}`,
      };
      return Object.entries(values).flatMap(([key, value]) => statusLines(key, value));
    },
  },
  backends: {
    usage: "backends",
    help: "one line for each backend",
    words: [0, 0],
    run: runtime => statusOf(runtime).backends.map(backendLine),
  },
  ready: {
    usage: "ready NAME",
    help: "a backend takes sessions again",
    words: [1, 1],
    run: (runtime, [name]) => runtime.setState(name, "ready"),
  },
  drain: {
    usage: "drain NAME",
    help: "no new sessions; existing ones continue",
    words: [1, 1],
    run: (runtime, [name]) => runtime.setState(name, "drain"),
  },
  maint: {
    usage: "maint NAME",
    help: "no sessions, no checks",
    words: [1, 1],
    run: (runtime, [name]) => runtime.setState(name, "maint"),
  },
  weight: {
    usage: "weight NAME N",
    help: "its share of the traffic, 0 to 256",
    words: [2, 2],
    run: (runtime, [name, weight]) => runtime.setWeight(name, number(weight)),
  },
  balance: {
    usage: "balance STRATEGY",
    help: "how backends are chosen",
    words: [1, 1],
    run: (runtime, [balance]) => runtime.setBalance(balance),
  },
  config: {
    usage: "config [KEY VALUE]",
    help: "shows all, shows a key, or changes it; config default: as built in",
    words: [0, Number.POSITIVE_INFINITY],
    run: (runtime, [key, ...value]) => {
      if (key === undefined) {
        const { document, next } = runtime;
        const later =
          next === undefined ? [] : ["after the next start:", ...wrapped(JSON.stringify(next))];
        const { setAtRunTime } = statusOf(runtime).configuration;
        const changes = setAtRunTime.map(
          ({ backend, key, document, now }) =>
            `set at run time: ${backend} has ${key} ${now} instead of ${document}`,
        );
        return [...wrapped(JSON.stringify(document)), ...changes, ...later];
      }
      if (key === "default" && value.length === 0) return runtime.configureBuiltIn();
      return value.length === 0 ? showKey(runtime, key) : changeKey(runtime, key, value.join(" "));
    },
  },
  wifi: {
    usage: "wifi [SSID PASSWORD]",
    help: "shows the network, or joins another (returns if that fails)",
    words: [0, 2],
    secretFrom: 1,
    run: (runtime, [ssid, password = ""]) =>
      ssid === undefined ? wifiLines(runtime) : runtime.joinWifi(ssid, password),
  },
  "wifi-rejoin": {
    usage: "wifi-rejoin",
    help: "leaves the network, and joins it again",
    words: [0, 0],
    run: runtime => runtime.rejoinWifi(),
  },
  token: {
    usage: "token TOKEN",
    help: "the token that the admin port requires for changes",
    words: [1, 1],
    secretFrom: 0,
    run: (runtime, [token]) => runtime.setToken(token),
  },
  "temporary-token": {
    usage: "temporary-token TOKEN",
    help: "sets a token until the next reset; the saved one stays",
    words: [1, 1],
    secretFrom: 0,
    run: (runtime, [token]) => runtime.setTemporaryToken(token),
  },
  events: {
    usage: "events [KIND] [N]",
    help: `the last N events (${EVENTS}) of a kind: ${EVENT_KINDS.join(", ")}`,
    words: [0, 2],
    run: ({ parts }, words) => {
      const kind = EVENT_KINDS.find(known => known === words[0]);
      const [text, more] = kind === undefined ? words : words.slice(1);
      const count = text === undefined ? EVENTS : number(text);
      if (typeof count === "number" && count >= 1 && more === undefined)
        return [...parts.recent.last(count, kind)];
      return {
        complaints: [
          `events: is ${brief(words.join(" "))}; wanted ${EVENT_KINDS.join(" or ")}, and a whole number from 1 on`,
        ],
      };
    },
  },
  explain: {
    usage: "explain N",
    help: "logs the reasons for the next N picks",
    words: [1, 1],
    run: (runtime, [picks]) => runtime.explain(number(picks)),
  },
  heap: {
    usage: "heap",
    help: "free memory in bytes",
    words: [0, 0],
    run: runtime => [`heap=${statusOf(runtime).heap}`],
  },
  "factory-reset": {
    usage: "factory-reset",
    help: "erases configuration, token, states and Wi-Fi, and restarts",
    words: [0, 0],
    run: runtime => runtime.factoryReset(),
  },
  reboot: {
    usage: "reboot",
    help: "restarts the board",
    words: [0, 0],
    run: runtime => runtime.reboot(),
  },
});

export const COMMAND_NAMES = Object.freeze(Object.keys(COMMANDS));

/**
 * Does what a line asks for. The answer's lines are for people and programs at once; the last one begins
 * with `ok` or `error`.
 */
export function runCommand(runtime: RuntimeApi, line: string): string[] {
  const [name, ...words] = split(line);
  if (name === undefined) return [];
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const near = didYouMean(name, COMMAND_NAMES);
    return [`error no command ${brief(name)}; ${near ? `did you mean "${near}"?` : "try help"}`];
  }
  const [min, max] = command.words;
  if (words.length < min || words.length > max) return [`error usage: ${command.usage}`];
  const outcome = command.run(runtime, words);
  if ("done" in outcome) return [`ok ${outcome.done}`];
  if ("complaints" in outcome) return outcome.complaints.map(complaint => `error ${complaint}`);
  return [...outcome, "ok"];
}

/** The line as it may be shown: what is secret in the command that it gives, or nearly gives, is covered. */
export function maskSecrets(line: string): string {
  const [command, ...words] = wordsOf(line);
  const from = command && secretFrom(command.text, words[0]?.text);
  if (from === undefined) return line;
  let shown = "";
  let at = 0;
  for (const word of words.slice(from)) {
    shown += line.slice(at, word.from) + SECRET;
    at = word.to;
  }
  return shown + line.slice(at);
}

/** The word behind the command from which on all are secret. */
function secretFrom(command: string, first = ""): number | undefined {
  const name = Object.hasOwn(COMMANDS, command) ? command : didYouMean(command, COMMAND_NAMES);
  if (name === "config" && first.includes("stickyKey")) return 1;
  return name === undefined ? undefined : COMMANDS[name].secretFrom;
}

/** A value of the status, or a line for each that is in it. */
function statusLines(key: string, value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [`${key}=${value}`];
  return Object.entries(value).map(
    ([name, inner]) =>
      `${key}.${name}=${typeof inner === "object" ? JSON.stringify(inner) : inner}`,
  );
}

function wifiLines({ parts }: RuntimeApi): string[] {
  const { ssid, address, rssi, onTrial } = parts.platform.link;
  return [
    ...(ssid === undefined ? [] : [`ssid=${ssid}`]),
    `ip=${address ?? "none"}`,
    ...(address === undefined || rssi === undefined ? [] : [`rssi=${rssi}`]),
    ...(onTrial ? ["on trial: saved if a request with the token arrives over it"] : []),
  ];
}

function backendLine(backend: BackendStatus): string {
  const {
    name,
    address,
    state,
    operationalState,
    weight,
    sessions,
    sessionsTotal,
    latencyMs,
    check,
  } = backend;
  return `${name} ${address} ${operationalState} state=${state} weight=${weight} sessions=${sessions} total=${sessionsTotal} ms=${latencyMs ?? "-"} check=${check ?? "-"}`;
}

/** A word of a line: its text, and where it stands with its quotes. */
interface Word {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

function split(line: string): string[] {
  return wordsOf(line).map(({ text }) => text);
}

/** Words, or texts in double quotes. */
function wordsOf(line: string): Word[] {
  const words: Word[] = [];
  for (let at = 0; at < line.length; ) {
    const from = at;
    const quote = line[at] === '"' ? line.indexOf('"', at + 1) : -1;
    if (quote >= 0) {
      at = quote + 1;
      words.push({ text: line.slice(from + 1, quote), from, to: at });
    } else if (line[at] === " ") {
      at++;
    } else {
      at = line.indexOf(" ", from);
      if (at < 0) at = line.length;
      words.push({ text: line.slice(from, at), from, to: at });
    }
  }
  return words;
}

/** What is no whole number stays the text that it is, for a complaint to echo. */
function number(text: string): number | string {
  const isNegative = text[0] === "-";
  const value = digits(isNegative ? text.slice(1) : text);
  if (value === undefined) return text;
  return isNegative ? -value : value;
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += LINE_MAX) lines.push(text.slice(at, at + LINE_MAX));
  return lines;
}

/** A key of the configuration. */
function showKey(runtime: RuntimeApi, key: string): readonly string[] | Outcome {
  const found = valueAt(runtime.document, runtime.proxy.config, key);
  if ("complaints" in found) return found;
  const inForce = key === "sessionsMax" ? `; ${runtime.proxy.budget.sessionsMax} are in force` : "";
  return wrapped(`${key}=${shownValue(found, JSON.stringify)}${inForce}`);
}

/** Another value for a key of the configuration: from what to what, and what came of it. */
function changeKey(runtime: RuntimeApi, key: string, text: string): Outcome {
  const { document, proxy } = runtime;
  const value = parsed(text);
  const change = withValueAt(document, key, value);
  if ("complaints" in change) return change;
  const before = valueAt(document, proxy.config, key);
  const outcome = runtime.amend(change.document);
  if ("complaints" in outcome || "complaints" in before) return outcome;
  const what = `${key} is ${key === "stickyKey" ? SECRET : brief(value)} instead of ${shownValue(before)}`;
  return { done: `${what}; ${outcome.done}` };
}

function shownValue(
  { value, isDefault }: KeyValue,
  text: (value: unknown) => string = brief,
): string {
  if (value === undefined) return "nothing";
  return `${text(value)}${isDefault ? " (the default)" : ""}`;
}

function parsed(text: string): unknown {
  try {
    return parseJsonBounded(text);
  } catch {
    return text; // a word such as ewma
  }
}
