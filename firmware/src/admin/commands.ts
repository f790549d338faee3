import { jsonPieces } from "../config/document-parts.ts";
import { valueAt } from "../config/key-path.ts";
import { brief, didYouMean, jsonOrText, suggestion } from "../config/reader.ts";
import { deepFreeze } from "../deep-freeze.ts";
import { EVENT_KINDS } from "../log/log.ts";
import type { TlsRoute } from "../proxy/tls-routes.ts";
import { changeMachine } from "./machine-changes.ts";
import { machineLine, machineStatuses } from "./machine-status.ts";
import type { Outcome } from "./outcome.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import { changeText, runTimeChanges } from "./runtime-changes.ts";
import { maySetSecret, SECRET, withoutSecrets } from "./secrets.ts";
import {
  type BackendStatus,
  backendStatuses,
  boardStatus,
  configurationText,
  networkStatus,
  tlsRoutes,
} from "./status.ts";
import { CONFIRMATION } from "./trial.ts";
import { wordsOf } from "./words.ts";

interface Command {
  /** The command's name and the words that follow it; words in brackets are optional. */
  readonly usage: string;
  readonly help: string;
  /** Index of the first word behind the name that is secret, as are all that follow. */
  readonly secretFrom?: number;
  run(runtime: RuntimeApi, words: readonly string[]): readonly string[] | Outcome;
}

/** Events that `events` shows if no number is given. */
const EVENTS = 10;

/** Longest line of an answer, in characters: a terminal's width, and less than the UART's FIFO. */
const LINE_MAX = 96;

const LIST: readonly Command[] = deepFreeze<Command[]>([
  {
    usage: "help",
    help: "this list",
    run: () => LIST.map(({ usage, help }) => `${usage.padEnd(24)}${help}`),
  },
  {
    usage: "status",
    help: "state and counters of the board",
    run: statusLines,
  },
  {
    usage: "backends",
    help: "one line for each backend",
    run: runtime => Array.from(backendStatuses(runtime), backendLine),
  },
  {
    usage: "machines",
    help: "one line for each machine that may sleep",
    run: runtime => Array.from(machineStatuses(runtime), machineLine),
  },
  {
    usage: "wake NAME",
    help: "wakes a machine",
    run: (runtime, [name]) => changeMachine(runtime, name, { action: "wake" }),
  },
  {
    usage: "sleep NAME",
    help: "asks a machine that is not in use to sleep",
    run: (runtime, [name]) => changeMachine(runtime, name, { action: "sleep" }),
  },
  {
    usage: "stay-awake NAME MINUTES",
    help: "wakes it, and keeps it awake for this time; 0: no longer",
    run: (runtime, [name, minutes]) =>
      changeMachine(runtime, name, { action: "stay-awake", minutes: jsonOrText(minutes) }),
  },
  {
    usage: "tls",
    help: "the server names of TLS routes, with their connections",
    run: runtime => Array.from(tlsRoutes(runtime), tlsRouteLine),
  },
  {
    usage: "ready NAME",
    help: "a backend takes sessions again",
    run: (runtime, [name]) => runtime.changeBackend(name, { state: "ready" }),
  },
  {
    usage: "drain NAME",
    help: "no new sessions; existing ones continue",
    run: (runtime, [name]) => runtime.changeBackend(name, { state: "drain" }),
  },
  {
    usage: "maint NAME",
    help: "no sessions, no checks",
    run: (runtime, [name]) => runtime.changeBackend(name, { state: "maint" }),
  },
  {
    usage: "weight NAME N",
    help: "its share of the traffic, 0 to 256",
    run: (runtime, [name, weight]) => runtime.changeBackend(name, { weight: jsonOrText(weight) }),
  },
  {
    usage: "balance STRATEGY",
    help: "how backends are chosen",
    run: (runtime, [balance]) => runtime.setKey("balance", balance),
  },
  {
    usage: "config [KEY VALUE...]",
    help: "shows all, shows a key, or changes it; config default: the built-in one",
    run: (runtime, [key, ...value]) => {
      if (key === undefined) return documentLines(runtime);
      if (value.length > 0) return runtime.setKey(key, jsonOrText(value.join(" ")));
      return key === "default" ? runtime.running.configureBuiltIn() : keyLines(runtime, key);
    },
  },
  {
    usage: "network",
    help: "address, router, DNS servers and host name of the board",
    run: networkLines,
  },
  {
    usage: "wifi [SSID PASSWORD]",
    help: "shows the network, or joins another (rolled back if that fails)",
    secretFrom: 1,
    run: (runtime, [ssid, password = ""]) =>
      ssid === undefined ? wifiLines(runtime) : runtime.joinWifi(ssid, password),
  },
  {
    usage: "wifi-rejoin",
    help: "leaves the network, and joins it again",
    run: runtime => runtime.rejoinWifi(),
  },
  {
    usage: "token TOKEN",
    help: "the token that the admin port requires for changes",
    secretFrom: 0,
    run: ({ token }, [wanted]) => token.set(wanted),
  },
  {
    usage: "temporary-token TOKEN",
    help: "sets a token until the next reset; the saved one stays",
    secretFrom: 0,
    run: ({ token }, [wanted]) => token.setTemporary(wanted),
  },
  {
    usage: "events [KIND] [N]",
    help: `the last N events (${EVENTS}) of a kind: ${EVENT_KINDS.join(", ")}`,
    run: (runtime, [first, second]) => {
      const onlyCount = second === undefined && typeof jsonOrText(first ?? "") === "number";
      const [kind, last] = onlyCount ? [undefined, first] : [first, second];
      const found = runtime.events(kind, last === undefined ? EVENTS : jsonOrText(last));
      return "complaints" in found ? found : runtime.parts.time.timed(found);
    },
  },
  {
    usage: "explain N",
    help: "logs the reasons for the next N picks",
    run: (runtime, [picks]) => runtime.explain(jsonOrText(picks)),
  },
  {
    usage: "heap",
    help: "free memory in bytes",
    run: runtime => [`heap=${boardStatus(runtime).heap}`],
  },
  {
    usage: "factory-reset",
    help: "erases configuration, token, states and Wi-Fi, and restarts",
    run: runtime => runtime.factoryReset(),
  },
  {
    usage: "reboot",
    help: "restarts the board",
    run: runtime => runtime.reboot(),
  },
]);

const COMMANDS: Record<string, Command> = Object.freeze(
  Object.fromEntries(LIST.map(command => [command.usage.split(" ")[0], command])),
);

export const COMMAND_NAMES = Object.freeze(Object.keys(COMMANDS));

/**
 * Runs a line of the console. The answer's lines are for people and programs; the last one begins with `ok` or
 * `error`.
 */
export function runCommand(runtime: RuntimeApi, line: string): string[] {
  const [name, ...words] = wordsOf(line).map(({ text }) => text);
  if (name === undefined) return [];
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    return [`error no command ${brief(name)}; ${suggestion(name, COMMAND_NAMES, "try help")}`];
  }
  if (!takes(command, words.length)) return [`error usage: ${command.usage}`];
  const outcome = command.run(runtime, words);
  if ("done" in outcome) return [`ok ${outcome.done}`];
  if ("complaints" in outcome) return outcome.complaints.map(complaint => `error ${complaint}`);
  return [...outcome, "ok"];
}

/** True if so many words may follow the command. */
function takes({ usage }: Command, words: number): boolean {
  const known = usage.split(" ").slice(1);
  const optionalFrom = known.findIndex(word => word.startsWith("["));
  return (
    words >= (optionalFrom < 0 ? known.length : optionalFrom) &&
    (words <= known.length || usage.endsWith("...]"))
  );
}

/** The line as it may be shown: the secrets of the command that it is, or is similar to, are masked. */
export function maskSecrets(line: string): string {
  const [command, ...words] = wordsOf(line);
  const from =
    command &&
    secretFrom(
      command.text,
      words.map(({ text }) => text),
    );
  if (from === undefined) return line;
  let shown = "";
  let at = 0;
  for (const word of words.slice(from)) {
    shown += line.slice(at, word.from) + SECRET;
    at = word.to;
  }
  return shown + line.slice(at);
}

/** See `Command.secretFrom`. */
function secretFrom(command: string, words: readonly string[]): number | undefined {
  const name = Object.hasOwn(COMMANDS, command) ? command : didYouMean(command, COMMAND_NAMES);
  if (name === "config" && maySetSecret(words)) return 1;
  return name === undefined ? undefined : COMMANDS[name].secretFrom;
}

function statusLines(runtime: RuntimeApi): string[] {
  const { sockets, configuration, ...rest } = boardStatus(runtime);
  const backends = [...backendStatuses(runtime)];
  const up = backends.filter(({ operationalState }) => operationalState === "up").length;
  const values = {
    ...rest,
    configuration: configurationText(configuration),
    sockets: `${sockets.used}/${sockets.max}`,
    up: `${up}/${backends.length}`,
  };
  return Object.entries(values).flatMap(([key, value]) =>
    typeof value === "object" && value !== null
      ? Object.entries(value).map(([inner, count]) => `${key}.${inner}=${count}`)
      : [`${key}=${value}`],
  );
}

function backendLine(backend: BackendStatus): string {
  const { name, address, state, operationalState, weight } = backend;
  const { sessions, sessionsTotal, latencyMs, check } = backend;
  const dns = backend.dns === null ? "" : ` addresses=${backend.dns.addresses.join() || "-"}`;
  return `${name} ${address} ${operationalState} state=${state} weight=${weight} sessions=${sessions} total=${sessionsTotal} ms=${latencyMs ?? "-"} check=${check ?? "-"}${dns}`;
}

function tlsRouteLine({ name, backends, sessionsTotal }: TlsRoute): string {
  return `${name} backends=${backends.join()} total=${sessionsTotal}`;
}

function networkLines({ parts, proxy }: RuntimeApi): string[] {
  const { link } = parts.platform;
  const known = Object.entries({
    ip: link.address ?? "none",
    ...networkStatus(link, proxy.config.network),
  }).filter(([, value]) => value !== null && String(value) !== "");
  return known.map(([key, value]) => `${key}=${value}`);
}

function wifiLines({ parts }: RuntimeApi): string[] {
  const { ssid, address, rssi, onTrial } = parts.platform.link;
  return [
    ...(ssid === undefined ? [] : [`ssid=${ssid}`]),
    `ip=${address ?? "none"}`,
    ...(address === undefined || rssi === undefined ? [] : [`rssi=${rssi}`]),
    ...(onTrial ? [`on trial: saved if ${CONFIRMATION} arrives over it`] : []),
  ];
}

/** The configuration, and what differs from it. */
function documentLines({ document, running, proxy }: RuntimeApi): string[] {
  const { next } = running;
  return [
    ...wrapped(jsonPieces(document)),
    ...runTimeChanges(proxy).map(change => `set at run time: ${changeText(change)}`),
    ...(next === undefined
      ? []
      : ["after the next start:", ...wrapped(jsonPieces(withoutSecrets(next)))]),
  ];
}

/** A key of the configuration. */
function keyLines(runtime: RuntimeApi, key: string): readonly string[] | Outcome {
  const found = valueAt(runtime.document, runtime.proxy.config, key);
  if ("complaints" in found) return found;
  const { value, isDefault } = found;
  const shown = value === undefined ? "nothing" : JSON.stringify(value);
  const which = isDefault && value !== undefined ? " (the default)" : "";
  const inForce = key === "sessionsMax" ? `; ${runtime.proxy.budget.sessionsMax} are in force` : "";
  return wrapped([`${key}=${shown}${which}${inForce}`]);
}

/** A text in lines. */
function wrapped(pieces: Iterable<string>): string[] {
  const lines: string[] = [];
  let rest = "";
  for (const piece of pieces) {
    const text = rest + piece;
    let at = 0;
    for (; at + LINE_MAX <= text.length; at += LINE_MAX) lines.push(text.slice(at, at + LINE_MAX));
    rest = text.slice(at);
  }
  if (rest !== "") lines.push(rest);
  return lines;
}
