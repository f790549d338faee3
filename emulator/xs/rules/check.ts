import ts from "typescript";
import { RULES } from "./rules.ts";

/** The lines of a source that break a rule: `file:line rule: why`. */
export function refusedByXs(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    for (const { name, why, breaks } of RULES) {
      if (!breaks(node, source)) continue;
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${file}:${line + 1} ${name}: ${why}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
