import { deepFreeze } from "../deep-freeze.ts";
import { isLocalhost } from "../net/address.ts";
import type { Link } from "../platform.ts";
import { pathCheck, unique } from "./cross-check.ts";
import { httpUrl } from "./http-url.ts";
import { URL_WANTED } from "./machines-reader.ts";
import { brief, type DocumentReader, suggestion } from "./reader.ts";
import type { Config, MachineSettings, Mode, WakeRule } from "./settings.ts";

/** Shortest interval of checks of a machine that sleeps, but for none at all. */
const ASLEEP_CHECK_MIN_MS = 1_000;

/** Complains about valid keys of machines that contradict each other or the rest of the configuration. */
export function machinesCheck(check: DocumentReader, config: Config, link: Link["kind"]): void {
  const { backends, machines } = config;
  const names = machines.map(({ name }) => name);
  for (const [index, backend] of backends.entries()) {
    const { machine, health } = backend;
    if (machine === undefined) continue;
    const key = `backends[${index}]`;
    if (!names.includes(machine)) {
      const hint =
        names.length === 0
          ? "machines has none"
          : suggestion(machine, names, `there are ${names.join(", ")}`);
      check.complain(`${key}.machine: no machine is called ${brief(machine)}; ${hint}`);
    }
    if (health.check === "none") {
      check.complain(
        `${key}.health.check: is "none", but only a check tells when the machine ${machine} is ready; use "tcp" or "http"`,
      );
    }
  }
  unique(check, "machines", names);
  for (const [index, machine] of machines.entries()) {
    machineCheck(check, `machines[${index}]`, machine, config, link);
    uniqueAddress(check, index, machines);
    for (const [at, rule] of (machine.wakeFor ?? []).entries()) {
      ruleCheck(check, `machines[${index}].wakeFor[${at}]`, rule, config);
    }
  }
}

function machineCheck(
  check: DocumentReader,
  key: string,
  machine: MachineSettings,
  { backends, machines, time }: Config,
  link: Link["kind"],
): void {
  const { name, mac, secureOn, wakeBy, broadcast, wakeFor, sleep } = machine;
  const { awakeTimes, asleepCheckMs } = machine;
  const isOne = (wanted: string) => machines.some(one => one.name === wanted);
  const isNamed = backends.some(backend => backend.machine === name);
  if (!isNamed && backends.every(({ machine }) => machine === undefined || isOne(machine))) {
    check.complain(
      `${key}: no backend runs on it, so no client would wake it; add "machine": ${brief(name)} to its backends`,
    );
  }
  if (wakeBy === "packet") {
    if (mac === undefined) {
      check.complain(
        `${key}.mac: missing; wanted the MAC address of the network card that wakes the machine, such as 24:0a:c4:00:00:01`,
      );
    }
  } else {
    const fault = pinFault(wakeBy.gpio, link);
    if (fault !== undefined) check.complain(`${key}.wakeBy.gpio: ${fault}`);
    for (const [name, value] of [
      ["secureOn", secureOn],
      ["broadcast", broadcast],
    ]) {
      if (value === undefined) continue;
      check.complain(`${key}.${name}: has an effect only with wakeBy "packet"; leave it out`);
    }
  }
  if (
    mac !== undefined &&
    (mac === "00:00:00:00:00:00" || Number.parseInt(mac.slice(1, 2), 16) % 2 === 1)
  ) {
    check.complain(`${key}.mac: is ${brief(mac)}, which is not the address of a network card`);
  }
  if (wakeFor !== undefined && wakeFor.length > 1) {
    const any = wakeFor.findIndex(rule => Object.keys(rule).length === 0);
    if (any >= 0) {
      check.complain(
        `${key}.wakeFor[${any}]: has no keys, so every client may wake the machine, and the other rules have no effect; leave it out`,
      );
    }
  }
  if (sleep !== undefined) sleepCheck(check, `${key}.sleep`, sleep);
  if (awakeTimes.length > 0 && time.server === "") {
    check.complain(`${key}.awakeTimes: needs the time of day, but time.server is ""; set it`);
  }
  for (const [at, text] of awakeTimes.entries()) {
    const [begin, end] = text.slice(text.indexOf(" ") + 1).split("-");
    if (begin !== end) continue;
    check.complain(
      `${key}.awakeTimes[${at}]: is ${brief(text)}, which ends when it begins; for a whole day use 00:00-24:00`,
    );
  }
  if (asleepCheckMs > 0 && asleepCheckMs < ASLEEP_CHECK_MIN_MS) {
    check.complain(
      `${key}.asleepCheckMs: is ${asleepCheckMs}; wanted 0 for no checks, or ${ASLEEP_CHECK_MIN_MS} and more`,
    );
  }
}

/** Complains about an address or a pin that an earlier machine has, too. */
function uniqueAddress(
  check: DocumentReader,
  index: number,
  machines: readonly MachineSettings[],
): void {
  const { mac, wakeBy } = machines[index];
  const gpio = wakeBy === "packet" ? undefined : wakeBy.gpio;
  for (let i = 0; i < index; i++) {
    const other = machines[i];
    if (mac !== undefined && other.mac === mac) {
      check.complain(
        `machines[${index}].mac: is ${mac}, as that of machines[${i}]; a computer is one machine, which several backends may name`,
      );
    }
    if (gpio !== undefined && other.wakeBy !== "packet" && other.wakeBy.gpio === gpio) {
      check.complain(
        `machines[${index}].wakeBy.gpio: is ${gpio}, as that of machines[${i}]; one pin presses one button`,
      );
    }
  }
}

function sleepCheck(
  check: DocumentReader,
  key: string,
  { url, header }: NonNullable<MachineSettings["sleep"]>,
): void {
  const target = httpUrl(url);
  if (target === undefined) {
    const scheme = url.toLowerCase().startsWith("https:")
      ? "; the board makes the request without TLS"
      : url.includes("@")
        ? "; a user and a password belong in header: Authorization: Basic …"
        : "";
    check.complain(`${key}.url: is ${brief(url)}; wanted ${URL_WANTED}${scheme}`);
  } else if (isLocalhost(target.host)) {
    check.complain(
      `${key}.url: is ${brief(url)}, which is the board itself; use the machine's address or name in the network`,
    );
  }
  const name = header?.slice(0, header.indexOf(":")).toLowerCase();
  if (name !== undefined && OWN_FIELDS.includes(name)) {
    check.complain(`${key}.header: the board writes the field ${name} itself; leave it out`);
  }
}

/** Fields of the sleep request that the board writes. */
const OWN_FIELDS: readonly string[] = Object.freeze([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
]);

/** The protocol that each key of a rule is for, and its name and listener. */
const KEY_PROTOCOLS = deepFreeze([
  ["host", "http"],
  ["path", "http"],
  ["methods", "http"],
  ["sni", "tls"],
  ["firstLine", "raw"],
]);

const PROTOCOL_NAMES = Object.freeze({ http: "HTTP", tls: "TLS", raw: "raw TCP" });
const PROTOCOL_MODES: { readonly [P in "http" | "tls" | "raw"]: Mode } = Object.freeze({
  http: "http",
  tls: "tls",
  raw: "tcp",
});

/** Complains about a rule that no client can match. */
function ruleCheck(
  check: DocumentReader,
  key: string,
  rule: WakeRule,
  { listeners }: Config,
): void {
  let first: string | undefined = rule.protocol && "protocol";
  let protocol = rule.protocol;
  for (const [name, wanted] of KEY_PROTOCOLS) {
    if (rule[name] === undefined) continue;
    if (protocol === undefined) {
      first = name;
      protocol = wanted;
    } else if (protocol !== wanted) {
      check.complain(
        `${key}.${name}: is for ${PROTOCOL_NAMES[wanted]}, but the rule has ${first}, which is for ${PROTOCOL_NAMES[protocol]}; list two rules`,
      );
      return;
    }
  }
  pathCheck(check, `${key}.path`, rule.path);
  if (protocol === undefined) return;
  const mode = PROTOCOL_MODES[protocol];
  if (listeners.some(listener => listener.mode === "auto" || listener.mode === mode)) return;
  check.complain(
    `${key}.${first}: is for ${PROTOCOL_NAMES[protocol]}, which no listener serves; that needs mode "auto" or "${mode}"`,
  );
}

/** Why a pin of the ESP32 cannot press a button; `undefined` if it can. */
function pinFault(pin: number, link: Link["kind"]): string | undefined {
  const isEthernet = link === "ethernet";
  let why: string | undefined;
  if (pin >= 34) why = "which is an input only";
  else if (pin >= 6 && pin <= 11) why = "which the chip's flash uses";
  else if (pin === 1 || pin === 3) why = "which the serial console uses";
  else if (pin === 20 || pin === 24 || (pin >= 28 && pin <= 31))
    why = "which the chip does not have";
  else if (STRAPPING_PINS.includes(pin)) why = "whose level at a reset decides how the chip starts";
  else if (isEthernet && ETHERNET_PINS.includes(pin)) why = "which the board's Ethernet uses";
  const wanted = isEthernet
    ? "4, 13, 14, 17, 32, 33"
    : "4, 13, 14, 16 to 19, 21 to 23, 25 to 27, 32, 33";
  return why && `is ${pin}, ${why}; wanted one of ${wanted}`;
}

/** ESP32 datasheet, "Strapping pins". */
const STRAPPING_PINS: readonly number[] = Object.freeze([0, 2, 5, 12, 15]);

/** RMII with the PHY's clock on GPIO 0, MDC, MDIO and the PHY's reset (manifest-ethernet.json). */
const ETHERNET_PINS: readonly number[] = Object.freeze([0, 16, 18, 19, 21, 22, 23, 25, 26, 27]);
