import { STRATEGIES } from "../balancer/strategies.ts";
import { deepFreeze } from "../deep-freeze.ts";
import type { AdminAnswer } from "./answer.ts";
import { brief, cut } from "./page-pieces.ts";
import { SCRIPT_PIECES } from "./page-script.ts";

const STYLE = `
:root{color-scheme:light dark;--line:#8886;--card:#8881;--up:#15803d;--bad:#dc2626;--warn:#b45309;--on:#2563eb}
@media(prefers-color-scheme:dark){:root{--up:#4ade80;--bad:#f87171;--warn:#fbbf24}}
*{box-sizing:border-box}
body{font:15px/1.45 system-ui,sans-serif;font-variant-numeric:tabular-nums;max-width:64rem;margin:0 auto;padding:1rem}
h1{font-size:1.3rem;margin:0}h2{font-size:1rem;margin:1.3rem 0 .4rem}
header{display:flex;gap:.2rem 1rem;align-items:baseline;flex-wrap:wrap}
.bad{color:var(--bad)}.warn{color:var(--warn)}.up{color:var(--up)}small,.facts span{font-size:.8rem;opacity:.8}
#said{min-height:1.4em;margin:.5rem 0;font-weight:600}
#trial{margin:.6rem 0;padding:.4rem .6rem;border:1px solid var(--warn);border-radius:6px}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(7rem,1fr));gap:.4rem;margin:.6rem 0}
.facts div{background:var(--card);border-radius:6px;padding:.3rem .6rem}
.facts b{display:block}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:.6rem;align-items:start}
.backend{border:1px solid var(--line);border-left-width:5px;border-radius:8px;padding:.5rem .7rem}
summary{cursor:pointer}
.backend summary{display:grid;grid-template-columns:1fr auto auto;gap:.8rem}
.backend summary b{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
abbr{cursor:help}
.numbers{display:flex;flex-wrap:wrap;gap:0 .9rem;white-space:nowrap}
svg{width:100%;height:32px;display:block;margin:.2rem 0}
polyline{fill:none;stroke:var(--on);stroke-width:1.5;vector-effect:non-scaling-stroke}
fieldset{border:0;margin:0;padding:0;min-width:0}
.row{display:flex;gap:.4rem .8rem;flex-wrap:wrap;align-items:center}
.states{display:flex}.states button{border-radius:0;margin-left:-1px}
button,input,select{font:inherit;height:2.1rem;padding:0 .6rem;border:1px solid var(--line);border-radius:6px;background:var(--card);color:inherit}
button:enabled{cursor:pointer}button:disabled,select:disabled,input:disabled{opacity:.5}
button[aria-pressed=true]{background:var(--on);color:#fff}
input[type=number]{width:4.5rem}input[type=checkbox]{height:auto}
.split{display:grid;grid-template-columns:3fr 2fr;gap:.6rem;margin:.5rem 0}
textarea{width:100%;min-height:18rem;font:13px/1.45 ui-monospace,monospace;tab-size:2;padding:.5rem;border:1px solid var(--line);border-radius:6px;background:var(--card);color:inherit}
ul{margin:0;padding-left:1.1rem;overflow-wrap:anywhere}
.log{overflow:auto;max-height:16rem;font-size:.85rem}
td{padding:.1rem .7rem .1rem 0;white-space:nowrap;max-width:16rem;overflow:hidden;text-overflow:ellipsis}
td:nth-child(n+5):last-child{opacity:.8;max-width:none}
#names td{max-width:none}
.raw td{font:12px/1.5 ui-monospace,monospace;max-width:none}
@media(max-width:40rem){body{padding:.6rem}.split{grid-template-columns:1fr}.cards{gap:.25rem}
.backend{padding:.25rem .6rem}td{max-width:8rem}td:nth-child(6){display:none}}
`;

const OPTIONS = Object.keys(STRATEGIES)
  .map(name => `<option>${name}</option>`)
  .join("");

/** The page is one file that requests nothing but the API beside it. */
const BEFORE_SCRIPT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Hot Potato</title><link rel="icon" href="data:,"><style>${brief(STYLE)}</style>
<header><h1>Hot Potato</h1><small id="where"></small>
<strong id="silent" class="bad" hidden>The board does not answer.</strong></header>
<fieldset id="trial" class="warn" hidden><div class="row"><span id="left"></span><button id="undo">undo</button></div></fieldset>
<div id="facts" class="facts"></div>
<div class="row"><fieldset><label>balance <select id="balance">${OPTIONS}</select></label></fieldset>
<form id="access"><input name="user" autocomplete="username" value="operator" hidden>
<label>token <input id="token" type="password" autocomplete="current-password"></label></form><small id="hint"></small></div>
<p id="said" role="status"></p>
<section id="backends" class="cards"></section>
<section id="machines" hidden><h2>Machines</h2><div class="cards"></div></section>
<section id="tls" hidden><h2>TLS by server name</h2><div class="log"><table><tbody id="names"></tbody></table></div></section>
<h2>Events</h2><div class="log"><table><tbody id="board"></tbody></table></div>
<h2>Requests</h2><div class="log"><table><tbody id="requests"></tbody></table></div>
<label><input id="raw" name="raw" type="checkbox"> lines of the log</label>
<details id="editor"><summary><h2 style="display:inline-block">Configuration</h2> <small id="config"></small></summary>
<div class="split"><textarea id="document" aria-label="configuration" spellcheck="false"></textarea><ul id="complaints"></ul></div>
<div class="row"><fieldset><button id="apply">apply</button></fieldset><button id="reload">read again</button>
<fieldset class="row"><button id="failed" hidden>the failed one</button><button id="default">built-in configuration</button><button id="factory">factory reset</button></fieldset></div>
</details>
<script>`;

const PIECES = Object.freeze([...cut(BEFORE_SCRIPT), ...SCRIPT_PIECES, "</script></html>\n"]);

/** The board's page. It runs its own script and sends requests to its board; no other site may put it into a frame. */
export const PAGE: AdminAnswer = deepFreeze({
  status: 200,
  type: "text/html",
  body: { pieces: PIECES, bytes: PIECES.reduce((bytes, { length }) => bytes + length, 0) },
  fields: [
    "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'",
    "Referrer-Policy: no-referrer",
  ],
});
