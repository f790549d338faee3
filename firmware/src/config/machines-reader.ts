import { ipv4, network } from "../net/address.ts";
import {
  HOST_WANTED,
  host,
  NAME_WANTED,
  NETWORK_WANTED,
  name,
  PATH_WANTED,
  path as pathForm,
  SERVER_NAME_WANTED,
  serverName,
  TIMEOUT_MAX_MS,
} from "./forms.ts";
import { brief, type DocumentReader, type Key, NO_ITEMS } from "./reader.ts";
import {
  AWAKE_TIMES_MAX,
  type ButtonSettings,
  MACHINES_MAX,
  type MachineSettings,
  type SleepRequest,
  WAKE_PROTOCOLS,
  WAKE_RULES_MAX,
  type WakeProtocol,
  type WakeRule,
} from "./settings.ts";

/** Shortest `idleMs`: a computer that falls asleep more often only wears out. */
const IDLE_MIN_MS = 10_000;

/** Time that a press of a power button takes: shorter ones are bounce, and after four seconds a computer switches off. */
const PRESS_MIN_MS = 50;
const PRESS_MAX_MS = 2_000;
const PRESS_MS = 200;

/** The highest GPIO number of the ESP32. */
const GPIO_MAX = 39;

const mac = () => /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$|^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i;
const secureOn = () => /^[0-9a-f]{2}(:[0-9a-f]{2}){3}((:[0-9a-f]{2}){2})?$/i;
const WAKE_BY_WANTED = '"packet", or for a power button its pin, such as { "gpio": 4 }';
const URL_EXAMPLE = "http://192.168.1.10:8000/suspend";
export const URL_WANTED = `a URL such as ${URL_EXAMPLE}`;
const method = () => /^[A-Z][A-Z-]{0,19}$/;
/** Name and value of a field (RFC 9110 section 5). */
const field = () => /^[!#$%&'*+.^_`|~0-9a-z-]{1,64}: *[!-~]([ -~]{0,180}[!-~])?$/i;

const DAY = "(mon|tue|wed|thu|fri|sat|sun)";
const TIME = "([01]\\d|2[0-3]):[0-5]\\d";
const AWAKE_TIME_WANTED = "times such as 07:30-22:00, or mon-fri 07:30-22:00";
const awakeTime = () => new RegExp(`^(${DAY}(-${DAY})? )?${TIME}-(${TIME}|24:00)$`);

/** Parts of a machine that are read last: within the list of machines they would take more of the stack. */
interface Given {
  readonly wakeBy?: unknown;
  readonly wakeFor?: unknown;
  readonly sleep?: unknown;
}

/** A machine while it is read. */
type Unfinished = { -readonly [K in keyof MachineSettings]: MachineSettings[K] };

/** Reads the key `machines`. */
export function readMachines(check: DocumentReader, key: Key): readonly MachineSettings[] {
  const later = () => undefined;
  const machines = check.list<Unfinished>(key, undefined, 0, MACHINES_MAX, machine =>
    check.object<Unfinished>(machine, {
      name: k => check.text(k, undefined, name, NAME_WANTED),
      mac: k =>
        check
          .optional(k, () =>
            check.text(k, undefined, mac, "a MAC address such as 24:0a:c4:00:00:01"),
          )
          ?.replaceAll("-", ":")
          .toLowerCase(),
      secureOn: k =>
        check.optional(k, () =>
          check.secret(k, secureOn, "4 or 6 bytes in hexadecimal, such as 01:02:03:04:05:06"),
        ),
      wakeBy: () => "packet",
      broadcast: k =>
        check.optional(k, () =>
          check.text(k, undefined, ipv4, "a broadcast address such as 192.168.1.255"),
        ),
      wakeFor: later,
      sleep: later,
      idleMs: k =>
        check.optional(k, () => check.integer(k, undefined, IDLE_MIN_MS, TIMEOUT_MAX_MS)),
      awakeTimes: k =>
        check.list(k, NO_ITEMS, 0, AWAKE_TIMES_MAX, time =>
          check.text(time, undefined, awakeTime, AWAKE_TIME_WANTED),
        ),
      asleepCheckMs: k => check.integer(k, 0, 0, TIMEOUT_MAX_MS),
    }),
  );
  for (const [index, machine] of machines.entries()) {
    const { wakeBy, wakeFor, sleep } = (key.value as readonly Given[])[index] ?? {};
    const at = `${key.path}[${index}]`;
    if (wakeBy !== undefined) machine.wakeBy = readWakeBy(check, `${at}.wakeBy`, wakeBy);
    if (wakeFor !== undefined) machine.wakeFor = readRules(check, `${at}.wakeFor`, wakeFor);
    if (sleep !== undefined) machine.sleep = readSleep(check, `${at}.sleep`, sleep);
  }
  return machines;
}

function readWakeBy(
  check: DocumentReader,
  path: string,
  value: unknown,
): MachineSettings["wakeBy"] {
  if (typeof value !== "object" || value === null) {
    check.text({ path, value }, undefined, () => /^packet$/, WAKE_BY_WANTED);
    return "packet";
  }
  return check.object<ButtonSettings>(
    { path, value },
    {
      gpio: k => check.integer(k, undefined, 0, GPIO_MAX),
      pressMs: k => check.integer(k, PRESS_MS, PRESS_MIN_MS, PRESS_MAX_MS),
    },
  );
}

function readRules(check: DocumentReader, path: string, value: unknown): readonly WakeRule[] {
  return check.list({ path, value }, undefined, 0, WAKE_RULES_MAX, rule => readRule(check, rule));
}

/** Returns the value itself: a rule has no defaults, and the document stays in memory. */
function readRule(check: DocumentReader, rule: Key): WakeRule {
  /** A list of texts, if the rule has it. */
  const texts = (form: () => RegExp, wanted: string) => (k: Key) =>
    check.optional(k, () =>
      check.list(k, undefined, 1, WAKE_RULES_MAX, item =>
        check.text(item, undefined, form, wanted),
      ),
    );
  check.object<WakeRule>(rule, {
    protocol: k => check.optional(k, () => check.word<WakeProtocol>(k, "http", WAKE_PROTOCOLS)),
    host: k => check.optional(k, () => check.text(k, undefined, host, HOST_WANTED)),
    path: k => check.optional(k, () => check.text(k, undefined, pathForm, PATH_WANTED)),
    methods: texts(method, "a method such as GET, in capitals"),
    sni: texts(serverName, SERVER_NAME_WANTED),
    clients: texts(network, NETWORK_WANTED),
    firstLine: k =>
      check.optional(k, () =>
        check.text(k, undefined, () => /^[ -~]{1,64}$/, "1 to 64 printable ASCII characters"),
      ),
  });
  return rule.value as WakeRule;
}

function readSleep(check: DocumentReader, path: string, value: unknown): SleepRequest | undefined {
  if (typeof value === "string") {
    check.complain(
      `${path}: is ${brief(value)}; wanted an object such as { "url": "${URL_EXAMPLE}" }`,
    );
    return undefined;
  }
  return check.object<SleepRequest>(
    { path, value },
    {
      url: k => check.text(k, undefined, () => /^[!-~]{1,200}$/, URL_WANTED),
      method: k => check.text(k, "POST", method, "a method such as POST, in capitals"),
      header: k =>
        check.optional(k, () =>
          check.secret(
            k,
            field,
            "a field such as Authorization: Bearer KEY, of at most 240 characters",
          ),
        ),
    },
  );
}
