import { STRATEGIES } from "../balancer/strategy.ts";

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--card:#8881;--up:#16a34a;--bad:#dc2626;--warn:#d97706}
*{box-sizing:border-box}
body{font:15px/1.45 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1rem}
h1{font-size:1.3rem;margin:0}h2{font-size:1rem;margin:1.5rem 0 .5rem}
header{display:flex;gap:.3rem 1rem;align-items:baseline;flex-wrap:wrap}
#said{min-height:1.4em;font-weight:600}.bad{color:var(--bad)}.warn{color:var(--warn)}.up{color:var(--up)}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.5rem,1fr));gap:.5rem;margin:.7rem 0}
.facts div{background:var(--card);border-radius:6px;padding:.4rem .6rem}
.facts b{display:block;font-size:1.1rem;font-variant-numeric:tabular-nums}
.facts span,small{font-size:.8rem;opacity:.75}
.backends{display:grid;grid-template-columns:repeat(auto-fill,minmax(19rem,1fr));gap:.7rem}
.backend{border:1px solid var(--line);border-left-width:5px;border-radius:8px;padding:.6rem .8rem}
.backend h3{margin:0;font-size:1.05rem;display:flex;justify-content:space-between}
.numbers{display:flex;flex-wrap:wrap;gap:0 .9rem;margin:.3rem 0;font-variant-numeric:tabular-nums;white-space:nowrap}
svg{width:100%;height:34px;display:block}polyline{fill:none;stroke:#3b82f6;stroke-width:1.5;vector-effect:non-scaling-stroke}
button,input,select{font:inherit;padding:.25rem .6rem;border:1px solid var(--line);border-radius:6px;background:var(--card);color:inherit}
button[aria-pressed=true]{background:#3b82f6;color:#fff}input[type=number]{width:4.5rem}
.row{display:flex;gap:.4rem;flex-wrap:wrap;align-items:center}
.log{overflow:auto;max-height:18rem;font-size:.85rem;font-variant-numeric:tabular-nums}
td{padding:.1rem .8rem .1rem 0;white-space:nowrap}td:last-child{white-space:normal;overflow-wrap:anywhere;opacity:.75}
.raw td{font:12px/1.5 ui-monospace,monospace;opacity:1}
`;

/** Reads every two seconds, one request at a time: the board has two places for its operators. */
const SCRIPT = `
const POLL_MS = 2000, KEPT = 60;
const $ = id => document.getElementById(id);
const make = (tag, text, className) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
};
const cards = new Map();
let chain = Promise.resolve(), before, lines = [];
$("token").value = sessionStorage.token ?? "";
$("token").oninput = () => { sessionStorage.token = $("token").value; };

// One request after the other.
function ask(method, path, body) {
  const headers = $("token").value ? { Authorization: "Bearer " + $("token").value } : {};
  if (method !== "GET") headers["Content-Type"] = "application/json";
  const next = chain.then(async () => {
    const reply = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(8000) });
    const value = await reply.json();
    if (!reply.ok) throw Object.assign(new Error((value.complaints ?? [value.error]).join("; ")), { told: true });
    return value;
  });
  chain = next.catch(() => {});
  return next;
}
function say(text, className) { $("said").textContent = text; $("said").className = className ?? ""; }
async function change(path, body) {
  try {
    const { done } = await ask("PUT", path, body);
    say(done, "up");
    await poll();
  } catch (error) { say(error.told ? error.message : "the board does not answer", "bad"); }
}
const span = ms => ms < 60000 ? Math.round(ms / 1000) + " s" : ms < 3600000 ? Math.round(ms / 60000) + " min" :
  ms < 172800000 ? Math.round(ms / 3600000) + " h" : Math.round(ms / 86400000) + " d";

function card({ name }) {
  const box = make("article", undefined, "backend");
  const title = box.appendChild(make("h3"));
  title.append(make("span", name), make("span"));
  const where = box.appendChild(make("small"));
  const numbers = box.appendChild(make("div", undefined, "numbers"));
  const svg = box.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  svg.setAttribute("viewBox", "0 0 " + (KEPT - 1) + " 30");
  svg.setAttribute("preserveAspectRatio", "none");
  const line = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "polyline"));
  const row = box.appendChild(make("div", undefined, "row"));
  const buttons = ["ready", "drain", "maint"].map(state => {
    const button = row.appendChild(make("button", state));
    button.onclick = () => change("/api/backends/" + name, { state });
    return button;
  });
  const weight = row.appendChild(make("input"));
  Object.assign(weight, { type: "number", min: 0, max: 256, title: "weight, until the next configuration or restart" });
  weight.onchange = () => change("/api/backends/" + name, { weight: Number(weight.value) });
  $("backends").append(box);
  return { box, state: title.lastChild, where, numbers, line, buttons, weight, rates: [] };
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
  $("where").textContent = [status.ip, status.rssi && status.rssi + " dBm", "v" + status.version].filter(Boolean).join("  ");
  const { source, trialLeftMs, rolledBack, changesAtNextStart, setAtRunTime } = status.configuration;
  $("config").className = trialLeftMs !== null || rolledBack || changesAtNextStart ? "warn" : "";
  $("config").textContent = "configuration: " + [source, trialLeftMs !== null && span(trialLeftMs) + " left",
    rolledBack && "rolled back: " + rolledBack, ...setAtRunTime.map(({ backend, key, document, now }) => backend + " has " + key + " " + now + " instead of " + document),
    changesAtNextStart && "at the next start "].filter(Boolean).join(", ");
  if (changesAtNextStart) $("config").append(Object.assign(make("a", "another one"), { href: "/api/config/next" }));
  const facts = { "requests/s": all.toFixed(1), sessions: status.sessions + " / " + status.sessionsMax,
    waiting: status.queued, connections: status.sockets.used + " / " + status.sockets.max,
    "free heap": status.heap === null ? "-" : Math.round(status.heap / 1024) + " KB",
    up: span(status.uptimeMs), "started by": status.reset ?? "-" };
  $("facts").replaceChildren(...Object.entries(facts).map(([name, value]) => {
    const box = make("div");
    box.append(make("b", value), make("span", name));
    return box;
  }));
  if (document.activeElement !== $("balance")) $("balance").value = status.balance;
  for (const [name, { box }] of cards) {
    if (status.backends.some(backend => backend.name === name)) continue;
    box.remove();
    cards.delete(name);
  }
  status.backends.forEach((backend, i) => {
    if (!cards.has(backend.name)) cards.set(backend.name, card(backend));
    const { box, state, where, numbers, line, buttons, weight, rates: kept } = cards.get(backend.name);
    const { standing } = backend;
    const kind = standing === "up" ? "up" : standing === "down" || standing === "ejected" ? "bad" : "warn";
    box.style.borderLeftColor = "var(--" + kind + ")";
    state.className = kind;
    state.textContent = standing + (backend.backup ? ", backup" : "");
    where.textContent = backend.address + "  " + (backend.check ? backend.check + " for " + span(backend.checkSinceMs) : "not checked yet");
    kept.push(rates[i]);
    if (kept.length > KEPT) kept.shift();
    const top = Math.max(1, ...kept);
    line.setAttribute("points", kept.map((rate, x) => (KEPT - kept.length + x) + "," + (29 - 28 * rate / top)).join(" "));
    numbers.replaceChildren(make("span", rates[i].toFixed(1) + "/s"),
      make("span", all > 0 ? Math.round(100 * rates[i] / all) + " %" : "- %"),
      make("span", backend.latencyMs === null ? "- ms" : backend.latencyMs + " ms"),
      make("span", backend.sessions + " open"),
      make("span", (backend.failures + backend.answers5xx) + " failed"));
    for (const button of buttons) button.setAttribute("aria-pressed", button.textContent === backend.state);
    if (document.activeElement !== weight) weight.value = backend.weight;
  });
}
// A line of the log: level (ms) part: what key=value, values with blanks in quotes.
function parse(line) {
  const [head, level, ms, on, what = ""] = /^([IWE]) \\((\\d+)\\) ([a-z]+):(?: ([a-z-]+)(?![^ ]))?/.exec(line) ?? ["", "", "0", line];
  const facts = {};
  for (const [, key, text] of line.slice(head.length).matchAll(/ ([\\w-]+)=("(?:[^"\\\\]|\\\\.)*"|[^ ]*)/g)) {
    try { facts[key] = text[0] === '"' ? JSON.parse(text) : text; } catch { facts[key] = text; } // cut at its end
  }
  return { level, ms: Number(ms), on, what, facts };
}
function showEvents(events) {
  lines = events;
  const board = [], requests = [];
  const startMs = Date.now() - before.uptimeMs;
  const raw = $("raw").checked;
  for (const line of events) {
    const { level, ms, on, what, facts } = parse(line);
    const isRequest = level !== "E" && ("id" in facts || "client" in facts || what === "dud");
    const { name, backend = name, method, path, status, why, ...rest } = facts;
    const text = Object.entries(rest).map(([key, value]) => key + "=" + value).join(" ");
    const time = new Date(startMs + ms).toLocaleTimeString("en-GB");
    const cells = raw ? [line] : isRequest ? [time, backend ?? "-", method ?? on + " " + what, path ?? "", status ?? why ?? "", text]
      : [time, backend ?? on, what || on, why ?? "", text];
    const row = make("tr", undefined, level === "I" && !(status >= 500) ? "" : level === "E" ? "bad" : "warn");
    row.append(...cells.map(cell => make("td", cell)));
    (isRequest ? requests : board).unshift(row);
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
    showEvents((await ask("GET", "/api/events")).events);
    $("silent").hidden = true;
  } catch { $("silent").hidden = false; }
}
$("default").onclick = () => {
  if (confirm("Back to the configuration that is built in?")) change("/api/config/default", {});
};
$("factory").onclick = () => {
  if (confirm("Forget configuration, token and Wi-Fi, and restart? The board may then be reachable over its serial port only."))
    change("/api/factory-reset", {});
};
$("balance").onchange = async () => {
  const balance = $("balance").value;
  $("balance").blur();
  try { await change("/api/config", { ...await ask("GET", "/api/config"), balance }); }
  catch { say("the board does not answer", "bad"); }
};
$("raw").onchange = () => showEvents(lines);
(async () => { for (;;) { await poll(); await new Promise(go => setTimeout(go, POLL_MS)); } })();
document.onvisibilitychange = poll;
`;

const OPTIONS = Object.keys(STRATEGIES)
  .map(name => `<option>${name}</option>`)
  .join("");

/** The board's page: one file that asks for nothing but the API beside it. ASCII: a character is a byte. */
export const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Hot Potato</title><link rel="icon" href="data:,"><style>${STYLE}</style>
<header><h1>Hot Potato</h1><small id="where"></small>
<strong id="silent" class="bad" hidden>The board does not answer.</strong>
<small id="config"></small></header>
<div id="facts" class="facts"></div>
<div class="row"><label>balance <select id="balance">${OPTIONS}</select></label>
<label>token <input id="token" type="password" autocomplete="off" placeholder="for changes"></label></div>
<p id="said" role="status"></p>
<section id="backends" class="backends"></section>
<h2>Events, the last one first</h2><div class="log"><table><tbody id="board"></tbody></table></div>
<h2>Requests</h2><div class="log"><table><tbody id="requests"></tbody></table></div>
<label><input id="raw" type="checkbox"> lines of the log</label>
<h2>Reset</h2><div class="row"><button id="default">default configuration</button>
<button id="factory">factory reset</button></div>
<script>${SCRIPT}</script></html>
`;
