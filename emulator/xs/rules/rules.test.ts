import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { refusedByXs } from "./check.ts";
import { RULES } from "./rules.ts";

/** For each rule, code that breaks it and similar code that does not. */
const SAMPLES: Record<string, { refused: string[]; taken: string[] }> = {
  "frozen-intrinsic": {
    refused: [
      "Array.prototype.last = f;",
      "Uint8Array.prototype.text = f;",
      "Object.groupBy ??= f;",
      "Array.prototype['last'] = f;",
      "Object.defineProperty(Array.prototype, 'last', {});",
      "Object.assign(Map.prototype, { first: f });",
      "session['toString'] = f;",
      "Iterator.prototype.last = f;",
      "session.toString = f;",
      "F.prototype.constructor = F;",
      "delete Math.random;",
      "class Lost extends Error { constructor() { super(); this.name = 'Lost'; } }",
      "class Lost extends Error {} class Late extends Lost { f() { this.message = 'Late'; } }",
    ],
    taken: [
      "Object.assign(target, Array.prototype);",
      "class Lost extends Error { override name = ''; } class Late extends Lost { f() { this.name = 'a'; } }",
      "class Lost extends Error { override name = 'Lost'; }",
      "class Peer { name = ''; rename() { this.name = 'a'; } }",
      "globalThis.abort = f;",
      "backend.name = 'a';",
    ],
  },
  "static-state": {
    refused: [
      "class A { static count = 0; }",
      "class A { static #last: A | undefined; }",
      "class A { static readonly all = new Map(); }",
      "class A { static readonly all = [new Map()]; }",
      "class A { f() { A.count = 1; } }",
    ],
    taken: [
      "class A {} A.ready = true;",
      "class A { static readonly MAX = 3; }",
      "class A { count = 0; }",
    ],
  },
  "module-state": {
    refused: [
      "const known = new Map(); export function f() { known.set(1, 2); }",
      "const seen = new Set(); export const f = () => seen.add(1);",
      "const scratch = new Uint8Array(8); export function f(s) { s.read(scratch); }",
      "export const table = Uint8Array.of(1); table[0] = 2;",
      "const began = new Date(); export const f = () => began.setTime(1);",
      "const view = new DataView(bytes); export const f = () => view.setUint8(0, 1);",
      "const known = Object.freeze({ a: new Map() }); export const f = () => known.a.set(1, 2);",
      "const known = deepFreeze([{ a: new Map() }]); export const f = () => known[0].a.set(1, 2);",
      "const known = new Map() as Known; export const f = () => known['set'](1, 2);",
    ],
    taken: [
      "const NAMES = new Set(['a']); export const f = n => NAMES.has(n);",
      "const NOTHING = new Uint8Array(0);",
      "export function f() { const known = new Map(); known.set(1, 2); }",
      "class A { #known = new Map(); f() { this.#known.set(1, 2); } }",
    ],
  },
  "module-unfrozen": {
    refused: [
      "const NAMES = ['a'];",
      "export const LIMITS = { a: 1 } as const;",
      "const NAMES = [] satisfies string[];",
      "const NAMES = Object.keys(STRATEGIES);",
      "const NAMES = text.split(' ');",
      "const FIRST = Array.from(names);",
      "const NONE = new Body(0);",
      "const ANSWERS = Object.freeze({ 400: ['Bad Request'] });",
      "const ANSWERS = Object.freeze([Object.freeze({ a: [1] })]);",
    ],
    taken: [
      "const NAMES = Object.freeze(['a'] as const);",
      "const ANSWERS = deepFreeze({ 400: ['Bad Request'] });",
      "const ANSWERS = Object.freeze([Object.freeze({ a: 1 }), () => ({})]);",
      "const NONE = Object.freeze(new Body(0));",
      "const OPTIONS = Object.keys(STRATEGIES).join('');",
      "const BYTES = Uint8Array.of(1);",
      "const f = () => [1];",
      "export function f() { const names = ['a']; }",
    ],
  },
  "generator-unfrozen": {
    refused: [
      "export function* f() { yield 1; }",
      "class A { *f() { yield 1; } } Object.freeze(f.prototype);",
    ],
    taken: [
      "export function* f() { yield 1; } Object.freeze(f.prototype);",
      "export class A { *f() { yield 1; } } Object.freeze(A.prototype.f.prototype);",
      "function f() {}",
    ],
  },
  "module-let": {
    refused: ["let count = 0;", "export let last: string | undefined;", "var old = 1;"],
    taken: [
      "const LIMIT = 1;",
      "declare let build: string;",
      "export function f() { let i = 0; for (let j = 0; j < 1; j++) i++; }",
    ],
  },
  "module-regexp": {
    refused: [
      "const WORD = /a/;",
      "class A { static readonly WORD = /a/y; }",
      "const WORD = new RegExp('a');",
      "const WORD = globalThis.RegExp('a');",
      "const WORDS = Object.freeze({ a: RegExp('a') });",
    ],
    taken: [
      "const word = () => /a/i;",
      "const f = t => t.replace(/a/g, 'b');",
      "class A { word = /a/; f() { return new RegExp('a'); } }",
    ],
  },
  "missing-built-in": {
    refused: [
      "console.log(1);",
      "setTimeout(f, 1);",
      "const text = new TextDecoder().decode(bytes);",
      "f(Buffer.from('a'));",
      "const now = () => performance.now();",
      "globalThis.setTimeout(f, 1);",
      "class Peer extends EventTarget {}",
    ],
    taken: [
      "platform.fetch(1);",
      "const f = ({ console }) => console.log(1);",
      "import { URL } from './url.ts'; new URL();",
      "interface A { process: string }",
      "f({ process: 1 });",
      "class Peer implements EventTarget {}",
      "interface Peer extends EventTarget {}",
      "import * as crypto from './crypto.ts'; crypto.hash();",
      "export { a as process };",
      "enum Step { fetch }",
      "process: for (;;) break process;",
      "function f<Event>(event: Event) {}",
    ],
  },
  "missing-method": {
    refused: ["name.normalize('NFC');", "Error.captureStackTrace(e);"],
    taken: ["normalize(name);"],
  },
  "unicode-property": {
    refused: [
      "const letter = () => /\\p{L}/u;",
      "const none = () => /[^\\P{L}]/u;",
      "const word = () => new RegExp('\\\\p{L}', 'u');",
    ],
    taken: ["const letter = () => /[a-z]/i;"],
  },
  "no-parser": {
    refused: ["eval('1');", "const f = new Function('1');", "globalThis.eval('1');"],
    taken: ["evaluate('1');"],
  },
  "native-call": {
    refused: ["native(1);", 'native("a", "b");'],
    taken: ["natives(1);", "const native = true;", 'const f = native("f");'],
  },
};

test("every rule has samples of both kinds", () => {
  expect(Object.keys(SAMPLES)).toEqual(RULES.map(({ name }) => name));
});

const samples = (kind: "refused" | "taken") =>
  Object.entries(SAMPLES).flatMap(([rule, lines]) => lines[kind].map(line => [rule, line]));

test.each(samples("refused"))("%s refuses: %s", (rule, line) => {
  const found = refusedByXs("sample.ts", `// first line\n${line}`);
  expect(found.map(text => text.split(": ")[0])).toEqual([`sample.ts:2 ${rule}`]);
});

test.each(samples("taken"))("%s takes: %s", (_rule, line) => {
  expect(refusedByXs("sample.ts", line)).toEqual([]);
});

test("modules that are loaded when the chip starts need not be frozen", () => {
  const constant = "const NAMES = ['a'];";
  expect(refusedByXs("firmware/src/chip/esp32/machine.ts", constant)).toEqual([]);
  expect(refusedByXs("firmware/src/main.ts", constant)).toEqual([]);
  expect(refusedByXs("firmware/src/app.ts", constant)).toHaveLength(1);
});

test("no file that ships breaks a rule", () => {
  const root = "firmware/src";
  const files = readdirSync(root, { recursive: true })
    .map(name => path.join(root, String(name)))
    .filter(file => /(?<!\.test|\.d|testing)\.ts$/.test(file));
  expect(files.length).toBeGreaterThan(20);
  expect(files.flatMap(file => refusedByXs(file, readFileSync(file, "utf8")))).toEqual([]);
});
