import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const DOCUMENTS = [".", "firmware", "emulator", "backends", "hil"]
  .flatMap(folder =>
    readdirSync(folder, { recursive: folder !== "." }).map(name => path.join(folder, String(name))),
  )
  .filter(file => file.endsWith(".md") && !/(^|\/)(node_modules|build)\//.test(file));

/** The text without blocks of code, whose lines are no headings and hold no links. */
function prose(file: string): string {
  return readFileSync(file, "utf8").replace(/^( *)```[\s\S]*?^\1```$/gm, "");
}

/** Anchors of a document's headings, as GitHub makes them. */
function anchors(file: string): string[] {
  return [...prose(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test.each(DOCUMENTS)("every link of %s leads to a file and a heading", file => {
  const dead = [...prose(file).matchAll(/\]\(([^)\s]+)\)|src="([^"]+)"/g)]
    .map(([, link, source]) => link ?? source)
    .filter(link => !/^[a-z]+:/.test(link))
    .filter(link => {
      const [target, anchor] = link.split("#");
      const linked = target === "" ? file : path.join(path.dirname(file), target);
      if (!existsSync(linked)) return true;
      return anchor !== undefined && !anchors(linked).includes(anchor);
    });
  expect(dead).toEqual([]);
});

/** All files of the repository. */
const FILES = ["firmware", "emulator", "backends", "hil"]
  .flatMap(folder =>
    readdirSync(folder, { recursive: true }).map(name => path.join(folder, String(name))),
  )
  .concat(readdirSync("."))
  .filter(file => !/(^|\/)(node_modules|build)(\/|$)/.test(file));

/** Names without folders of all files of ours. */
const NAMES = new Set(FILES.map(file => path.basename(file)));

/** Documents of the SDK that comments name. */
const SDK_DOCUMENTS = ["preload.md", "Differences.md"];

/** Files of ours that a comment names and that do not exist. C, C++ and `.d.ts` are left out: most of those are the SDK's. */
function missingIn(source: string): string[] {
  const comments = source.match(/\/\*[\s\S]*?\*\/|(?<![:"'`\\])\/\/.*/g) ?? [];
  return comments
    .flatMap(comment => comment.match(/(?<![\w./*-])[\w-][\w./-]*(?<!\.d)\.(?:ts|md)\b/g) ?? [])
    .filter(name => !SDK_DOCUMENTS.includes(name))
    .filter(name => !FILES.some(file => `/${file}`.endsWith(`/${name}`)));
}

test("a comment that names a file of another folder, or none, is found", () => {
  expect(
    missingIn("/* See net/pipe.ts, `net/pomp.ts` and\n * proxy/pipe.ts (README.md). */"),
  ).toEqual(["net/pomp.ts", "proxy/pipe.ts"]);
  expect(missingIn("a(); // as gone.ts\nimport b from './gone.ts';")).toEqual(["gone.ts"]);
});

test("every file of ours that a comment names exists", () => {
  const sources = FILES.filter(
    file => /\.(ts|c|h|css)$/.test(file) && file !== "documents.test.ts",
  );
  expect(sources.length).toBeGreaterThan(500);
  const missing = sources.flatMap(file =>
    missingIn(readFileSync(file, "utf8")).map(name => `${file}: ${name}`),
  );
  expect(missing).toEqual([]);
});

test.each(DOCUMENTS)("every file of ours that %s names exists", file => {
  const folder = path.dirname(file);
  const roots = [".", folder, path.join(folder, "src"), "firmware/src"];
  const text = prose(file).replaceAll(/Save this as `[^`]*`/g, "");
  const missing = [...text.matchAll(/`([\w.-]+\/[\w./-]*\.(?:ts|json|md|sh)|[\w.-]+\.ts)`/g)]
    .map(([, name]) => name)
    .filter(name => !NAMES.has(name) && !roots.some(root => existsSync(path.join(root, name))));
  expect(missing).toEqual([]);
});

test("the README's picture of a byte's way names files of the firmware", () => {
  const picture = readFileSync("README.md", "utf8").split("### A byte's way")[1].split("```")[1];
  const files = picture.match(/[a-z0-9/-]+\.ts/g) ?? [];
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter(file => !existsSync(`firmware/src/${file}`))).toEqual([]);
});

test("the README has the two set-up commands, and no third", () => {
  const commands = readFileSync("README.md", "utf8").match(/^npm ci.*$/gm);
  expect(commands).toEqual(["npm ci && npm run emulate", "npm ci && npm test"]);
});
