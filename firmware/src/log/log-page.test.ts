import { readFileSync } from "node:fs";
import ts from "typescript";
import { expect, test } from "vitest";

/** The words that a member of a type may be: `what` in `{ what: "up" | "down" }`. */
function wordsOf(member: ts.TypeLiteralNode, name: string, source: ts.SourceFile): string[] {
  const property = member.members.find(one => one.name?.getText(source) === name);
  if (property === undefined) return [""];
  const text = (property as ts.PropertySignature).type!.getText(source);
  return [...text.matchAll(/"([^"]*)"/g)].map(([, word]) => word);
}

/** Each line that the log may have, as `Event` has it: `net:`, `net: joining`, … */
function linesOfEvents(): string[] {
  const file = new URL("event.ts", import.meta.url);
  const source = ts.createSourceFile(
    "event.ts",
    readFileSync(file, "utf8"),
    ts.ScriptTarget.Latest,
  );
  const lines = new Set<string>();
  ts.forEachChild(source, node => {
    if (!ts.isTypeAliasDeclaration(node) || node.name.text !== "Event") return;
    for (const member of (node.type as ts.UnionTypeNode).types as unknown as ts.TypeLiteralNode[]) {
      for (const on of wordsOf(member, "on", source)) {
        for (const what of wordsOf(member, "what", source)) lines.add(`${on}: ${what}`.trim());
      }
    }
  });
  return [...lines].sort();
}

const PAGE = readFileSync("firmware/LOG.md", "utf8");

/** The names in the first cells of a section's table. */
function namedIn(section: string): string[] {
  const [, text] = PAGE.split(`\n## ${section}\n`);
  return [...text.split("\n## ")[0].matchAll(/^\| (`.*?`) +\|/gm)]
    .flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name))
    .filter(name => name !== "why")
    .sort();
}

test("LOG.md has a row for each line of the log, and no other", () => {
  expect(namedIn("All lines")).toEqual(linesOfEvents());
});

test("LOG.md has a row for each way in which a connection ends, and no other", () => {
  const source = readFileSync(new URL("ending.ts", import.meta.url), "utf8");
  const [, union] = source.split("export type Ending =");
  const endings = [...union.matchAll(/\| "([a-z-]+)"/g)].map(([, word]) => word);
  // An HTTP connection that ends so has the lines of its requests instead.
  expect(namedIn("Connections")).toEqual(endings.filter(word => word !== "done").sort());
});
