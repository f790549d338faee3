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

/** Names without folders of all files of ours. */
const NAMES = new Set(
  ["firmware", "emulator", "backends", "hil"].flatMap(folder =>
    readdirSync(folder, { recursive: true }).map(name => path.basename(String(name))),
  ),
);

test.each(DOCUMENTS)("every file of ours that %s names is there", file => {
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
