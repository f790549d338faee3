import { brief, cut } from "./page-pieces.ts";
import { TOKEN_MIN } from "./token.ts";

/** The page's script. It polls every two seconds, one request at a time: the board serves two operators at once. */
export const SCRIPT_PIECES = cut(
  brief(`
const POLL_MS = 2000, KEPT = 60, TOKEN_MIN = ${TOKEN_MIN}, SILENT = "the board does not answer";
const $ = id => document.getElementById(id);
const make = (tag, text, className) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
};
const tableRow = (cells, className) => {
  const row = make("tr", undefined, className);
  row.append(...cells.map(cell => make("td", cell)));
  return row;
};
const drawn = (inside, tag) => inside.appendChild(document.createElementNS("http://www.w3.org/2000/svg", tag));
const wide = matchMedia("(min-width:40rem)").matches;
const cards = new Map(), machineCards = new Map();
let chain = Promise.resolve(), before, events = { events: [], offsets: [] }, trialEndsMs;

// One request after the other.
function ask(method, path, body) {
  const headers = token.value ? { Authorization: "Bearer " + token.value } : {};
  if (method !== "GET") headers["Content-Type"] = "application/json";
  const next = chain.then(async () => {
    const reply = await fetch(path, { method, headers, body, signal: AbortSignal.timeout(8000) });
    const value = await reply.json();
    if (!reply.ok) throw Object.assign(new Error(), { complaints: value.complaints ?? [value.error] });
    return value;
  });
  chain = next.catch(() => {});
  return next;
}
function say(text, className = "") { $("said").textContent = text; $("said").className = className; }
// The board's complaint; undefined when it is done.
async function change(path, wish) {
  try {
    const { done } = await ask("PUT", path, typeof wish === "string" ? wish : JSON.stringify(wish));
    say(done, "up");
    await poll();
  } catch ({ complaints = [SILENT] }) {
    say(complaints[0] + (complaints[1] ? ", and more" : ""), "bad");
    return complaints;
  }
}
const span = ms => ms < 60000 ? Math.round(ms / 1000) + " s" : ms < 3600000 ? Math.round(ms / 60000) + " min" :
  ms < 172800000 ? Math.round(ms / 3600000) + " h" : Math.round(ms / 86400000) + " d";

const token = $("token");
token.value = sessionStorage.token ?? "";
token.oninput = () => { sessionStorage.token = token.value; lock(); };
$("access").onsubmit = event => event.preventDefault();
function lock() {
  const locked = token.value.length < TOKEN_MIN;
  for (const set of document.querySelectorAll("fieldset")) set.disabled = locked;
  $("document").readOnly = locked;
  $("hint").textContent = before?.tokenSet === false ? "no token is set: set one on the serial console" :
    locked ? "changes need the board's token" : "";
}

// HAProxy's codes of checks in words; those of a TLS hello, L6…, have the words of L7….
const CODES = { L4OK: "accepts connections", L4CON: "refuses connections", L4TOUT: "no connection in time",
  L7OK: "check passed", L7OKC: "asks for no new sessions", L7RSP: "no valid answer", L7TOUT: "no answer in time", L7STS: "check failed" };
const STATES = { asleep: "its machine sleeps", down: "no sessions until its checks pass",
  ejected: "failed requests: none for a while", drain: "no new sessions", maint: "no sessions, no checks" };

const STAY_AWAKE_MINUTES = 120;
const WHYS = { start: "nothing is known yet", request: "a client wants it", operator: "the operator wants it", schedule: "it is its time", load: "others are busy",
  check: "a check passed", idle: "it was not used", "sleep-failed": "it did not take the request to sleep", unreachable: "its backends are down", "not-ready": "it was not ready in time" };

function machineCard(name) {
  const box = make("div", undefined, "backend");
  const title = box.appendChild(make("div", undefined, "row"));
  const state = make("b");
  title.append(make("b", name), state);
  const text = box.appendChild(make("small"));
  const row = box.appendChild(make("fieldset")).appendChild(make("div", undefined, "row"));
  const act = (label, wish) => {
    const button = row.appendChild(make("button", label));
    button.onclick = () => change("/api/machines/" + name, wish());
    return button;
  };
  const wake = act("wake", () => ({ action: "wake" }));
  const sleep = act("sleep", () => ({ action: "sleep" }));
  const stay = act("", () => ({ action: "stay-awake", minutes: Number(stay.dataset.minutes) }));
  $("machines").lastChild.append(box);
  return { box, state, text, wake, sleep, stay };
}
function showMachines(machines) {
  $("machines").hidden = machines.length === 0;
  forget(machineCards, machines);
  for (const machine of machines) {
    const { name, state: actual, backends } = machine;
    if (!machineCards.has(name)) machineCards.set(name, machineCard(name));
    const { box, state, text, wake, sleep, stay } = machineCards.get(name);
    const kind = { awake: "up", waking: "warn", asleep: "line", failed: "bad" }[actual];
    box.style.borderLeftColor = "var(--" + kind + ")";
    state.className = kind;
    state.textContent = actual;
    text.textContent = [WHYS[machine.why] + ", for " + span(machine.sinceMs), backends.join(", "),
      machine.held && machine.held + " waiting", machine.lastBootMs && "boots in " + span(machine.lastBootMs),
      "asleep for " + span(machine.asleepMs) + " in all", machine.failedWakes && machine.failedWakes + " of " + machine.wakes + " wakes failed",
      machine.stayAwakeMs && "stays awake for " + span(machine.stayAwakeMs)].filter(Boolean).join("; ");
    wake.disabled = actual === "awake" || actual === "waking";
    sleep.hidden = !machine.canSleep;
    sleep.disabled = actual !== "awake";
    stay.dataset.minutes = machine.stayAwakeMs ? 0 : STAY_AWAKE_MINUTES;
    stay.textContent = machine.stayAwakeMs ? "may sleep" : "stay awake for " + STAY_AWAKE_MINUTES / 60 + " h";
  }
}
// Removes the cards of what is there no longer.
function forget(cards, present) {
  for (const [name, { box }] of cards) {
    if (present.some(one => one.name === name)) continue;
    box.remove();
    cards.delete(name);
  }
}
function card(name) {
  const box = make("details", undefined, "backend");
  box.open = wide;
  const title = box.appendChild(make("summary"));
  const rate = make("span"), state = make("span");
  title.append(make("b", name), rate, state);
  const where = box.appendChild(make("small"));
  const code = make("abbr");
  const numbers = box.appendChild(make("div", undefined, "numbers"));
  const svg = drawn(box, "svg");
  svg.setAttribute("viewBox", "0 0 " + (KEPT - 1) + " 30");
  svg.setAttribute("preserveAspectRatio", "none");
  const line = drawn(svg, "polyline");
  const row = box.appendChild(make("fieldset")).appendChild(make("div", undefined, "row"));
  row.append(make("span", "wanted"));
  const states = row.appendChild(make("span", undefined, "states"));
  const buttons = ["ready", "drain", "maint"].map(state => {
    const button = states.appendChild(make("button", state));
    button.onclick = () => change("/api/backends/" + name, { state });
    return button;
  });
  const label = row.appendChild(make("label", "weight "));
  const weight = label.appendChild(make("input"));
  Object.assign(weight, { type: "number", name: "weight", min: 0, max: 256, title: "until the next configuration or restart" });
  weight.onchange = () => change("/api/backends/" + name, { weight: Number(weight.value) });
  $("backends").append(box);
  return { box, rate, state, where, code, numbers, line, buttons, weight, rates: [] };
}
function show(status) {
  const was = before;
  before = status;
  const seconds = was && status.uptimeMs > was.uptimeMs ? (status.uptimeMs - was.uptimeMs) / 1000 : 0;
  const rates = status.backends.map(backend => {
    const old = was?.backends.find(({ name }) => name === backend.name);
    return seconds && old ? Math.max(0, backend.sessionsTotal - old.sessionsTotal) / seconds : 0;
  });
  const all = rates.reduce((sum, rate) => sum + rate, 0);
  $("where").textContent = [status.name, status.ip, status.rssi && status.rssi + " dBm", "v" + status.version].filter(Boolean).join("  ");
  const { by, gateway, dns } = status.network ?? {};
  $("where").title = by ? "address by " + by + ", router " + (gateway ?? "-") + ", DNS " + (dns.join(", ") || "-") : "";
  const { source, trialLeftMs, rolledBack, changesAtNextStart, setAtRunTime, suspended } = status.configuration;
  $("config").className = rolledBack || changesAtNextStart || suspended ? "warn" : "";
  $("config").replaceChildren([source, rolledBack && "rolled back: " + rolledBack, suspended && "clients get 503 until one is applied",
    ...setAtRunTime.map(({ backend, key, document, now }) => backend + ": " + key + " " + now + " (document: " + document + ")"),
    changesAtNextStart && "next start: "].filter(Boolean).join(", "));
  if (changesAtNextStart) $("config").append(Object.assign(make("a", "another one"), { href: "/api/config/next" }));
  $("failed").hidden = !suspended;
  trialEndsMs = trialLeftMs === null ? undefined : Date.now() + trialLeftMs;
  countDown();
  const sum = counts => Object.values(counts).reduce((a, b) => a + b);
  const facts = { "requests/s": all.toFixed(1), sessions: status.sessions + " / " + status.sessionsMax,
    waiting: status.queued + status.held, refused: sum(status.refusals) - status.refusals.unanswered, connections: status.sockets.used + " / " + status.sockets.max,
    "free heap": status.heap === null ? "-" : Math.round(status.heap / 1024) + " KB",
    "lines dropped": sum(status.logDropped), time: status.time?.now?.slice(11, 16) ?? "this browser's", up: span(status.uptimeMs), "started by": status.reset ?? "-" };
  $("facts").replaceChildren(...Object.entries(facts).map(([name, value]) => {
    const box = make("div");
    box.append(make("b", value), make("span", name));
    return box;
  }));
  $("tls").hidden = status.tlsRoutes.length === 0;
  $("names").replaceChildren(...status.tlsRoutes.map(({ name, backends, sessionsTotal }) =>
    tableRow([name, backends.join(", "), sessionsTotal + " connections"])));
  if (document.activeElement !== $("balance")) $("balance").value = status.balance;
  showMachines(status.machines);
  forget(cards, status.backends);
  status.backends.forEach((backend, i) => {
    const { name, operationalState: actual, check } = backend;
    if (!cards.has(name)) cards.set(name, card(name));
    const { box, rate, state, where, code, numbers, line, buttons, weight, rates: kept } = cards.get(name);
    const kind = actual === "up" ? "up" : actual === "asleep" ? "line" : actual === "down" || actual === "ejected" ? "bad" : "warn";
    box.style.borderLeftColor = "var(--" + kind + ")";
    rate.textContent = rates[i].toFixed(1) + "/s";
    state.className = kind;
    state.textContent = actual + (backend.backup ? ", backup" : "");
    const [word, detail] = (check ?? "").split("/");
    code.textContent = check ? (CODES[word.replace("L6", "L7")] ?? word) + (detail ? " (" + detail + ")" : "") : "not checked yet";
    code.title = check ?? "";
    where.title = backend.dns ? backend.dns.addresses.join(", ") + (backend.dns.failure ? " (DNS: " + backend.dns.failure + ")" : "") : "";
    where.replaceChildren(backend.address + ", ", ...actual === "asleep" ? [] : [code, check ? " for " + span(backend.checkSinceMs) : ""],
      actual === "up" ? "" : (actual === "asleep" ? "" : ", ") + STATES[actual]);
    kept.push(rates[i]);
    if (kept.length > KEPT) kept.shift();
    const top = Math.max(1, ...kept);
    line.setAttribute("points", kept.map((rate, x) => (KEPT - kept.length + x) + "," + (29 - 28 * rate / top)).join(" "));
    numbers.replaceChildren(make("span", all > 0 ? Math.round(100 * rates[i] / all) + " %" : "- %"),
      make("span", backend.latencyMs === null ? "- ms" : backend.latencyMs + " ms"),
      make("span", backend.sessions + " open"),
      make("span", (backend.failures + backend.answers5xx) + " failed"));
    for (const button of buttons) button.setAttribute("aria-pressed", button.textContent === backend.state);
    if (document.activeElement !== weight) weight.value = backend.weight;
  });
  lock();
}
function countDown() {
  $("trial").hidden = trialEndsMs === undefined;
  if (trialEndsMs === undefined) return;
  const left = Math.max(0, Math.ceil((trialEndsMs - Date.now()) / 1000));
  $("left").textContent = "A configuration is on trial: it is saved in " + left + " s if it works.";
}

// A line of the log: level (ms) part: what key=value, values with blanks in quotes.
function parse(line) {
  const [head, level, ms, on, what = ""] = /^([IWE]) \\((\\d+)\\) ([a-z]+):(?: ([a-z-]+)(?![^ ]))?/.exec(line) ?? ["", "", "0", line];
  const facts = {};
  for (const [, key, text] of line.slice(head.length).matchAll(/ ([\\w-]+)=("(?:[^"\\\\]|\\\\.)*"|[^ ]*)/g)) {
    facts[key] = text[0] === '"' ? JSON.parse(text) : text;
  }
  return { level, ms: Number(ms), on, what, facts };
}
function showEvents() {
  const board = [], requests = [];
  const { startedMs, offsets } = events;
  const raw = $("raw").checked;
  for (const line of events.events) {
    const { level, ms, on, what, facts } = parse(line);
    const isRequest = level !== "E" && on !== "machine" && ("id" in facts || "client" in facts || what === "accept-failed");
    const { name, backend = name, method, path, status, why, ...rest } = facts;
    const text = Object.entries(rest).map(([key, value]) => key + "=" + value).join(" ");
    const { offsetS } = offsets.findLast(({ fromMs }) => fromMs <= ms) ?? offsets[0] ?? {};
    const time = startedMs ? new Date(startedMs + ms + offsetS * 1000).toISOString().slice(11, 19)
      : new Date(Date.now() - before.uptimeMs + ms).toLocaleTimeString("en-GB");
    const cells = raw ? [line] : isRequest ? [time, backend ?? "-", method ?? on + " " + what, path ?? "", status ?? why ?? "", text]
      : [time, backend ?? on, what, why ?? "", text];
    (isRequest ? requests : board).unshift(tableRow(cells, level === "I" && !(status >= 500) ? "" : level === "E" ? "bad" : "warn"));
  }
  for (const [id, rows] of [["board", board], ["requests", requests]]) {
    $(id).replaceChildren(...rows);
    $(id).className = raw ? "raw" : "";
  }
}
async function poll() {
  if (document.hidden) return;
  try {
    show(await ask("GET", "/api/status"));
    events = await ask("GET", "/api/events");
    showEvents();
    $("silent").hidden = true;
  } catch { $("silent").hidden = false; }
}

async function read() {
  try { $("document").value = JSON.stringify(await ask("GET", "/api/config"), null, 2); }
  catch { say(SILENT, "bad"); }
  $("complaints").replaceChildren();
}
$("editor").ontoggle = () => { if ($("editor").open) read(); };
$("reload").onclick = read;
// Without its blanks, of which the board has no use; what is no JSON is for the board to complain about.
$("apply").onclick = async () => {
  let text = $("document").value;
  try { text = JSON.stringify(JSON.parse(text)); } catch {}
  const complaints = await change("/api/config", text);
  $("complaints").replaceChildren(...(complaints ?? []).map(complaint => make("li", complaint, "bad")));
};
$("undo").onclick = async () => {
  await change("/api/config/previous", {});
  if ($("editor").open) await read();
};
$("failed").onclick = () => change("/api/config/failed", {});
$("default").onclick = () => {
  if (confirm("Back to the configuration that is built in?")) change("/api/config/default", {});
};
$("factory").onclick = () => {
  if (confirm("Forget configuration, token and Wi-Fi, and restart? Then the serial port may be the only way to the board."))
    change("/api/factory-reset", {});
};
$("balance").onchange = async () => {
  const balance = $("balance").value;
  $("balance").blur();
  try { await change("/api/config", { ...await ask("GET", "/api/config"), balance }); }
  catch { say(SILENT, "bad"); }
};
$("raw").onchange = showEvents;
lock();
setInterval(countDown, 1000);
(async () => { for (;;) { await poll(); await new Promise(go => setTimeout(go, POLL_MS)); } })();
document.onvisibilitychange = poll;
`),
);
