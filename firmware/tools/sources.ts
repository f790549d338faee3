import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

// The TypeScript files of the repository and what they import, read from the working directory.

/** One import of a file, or a type that it takes from another one. */
export interface Import {
  /** As it is written. */
  readonly text: string;
  /** A path from the root of the repository, or as it is written where it is no file of ours. */
  readonly target: string;
  readonly typesOnly: boolean;
}

export interface Source {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly lines: number;
  readonly imports: readonly Import[];
}

/** Packages of ours, and the file that each name stands for. */
const WORKSPACES: Readonly<Record<string, string>> = {
  "net-mock-socket": "emulator/net-mock-socket/src/network.ts",
};

/** Where the modules lie that the firmware's manifest names: `config/storage` is `firmware/src/config/storage.ts`. */
const MODULES = "firmware/src";

/** Tests and their helpers may import across. */
export const IS_TEST = /\.test\.ts$|\/(testing|each-test)\.ts$/;

/** Every TypeScript file, tests and declarations included. */
export const FILES: readonly string[] = ["firmware", "emulator", "backends", "hil"]
  .flatMap(folder =>
    readdirSync(folder, { recursive: true }).map(name => path.join(folder, String(name))),
  )
  .filter(file => file.endsWith(".ts") && !/(^|\/)(node_modules|build)\//.test(file));

/** The files that ship or run below `folder`: no tests, no declarations. */
export function sourcesBelow(folder: string): Source[] {
  return FILES.filter(
    file => file.startsWith(`${folder}/`) && !IS_TEST.test(file) && !file.endsWith(".d.ts"),
  ).map(sourceOf);
}

const sources = new Map<string, Source>();

export function importsOf(file: string): readonly Import[] {
  return sourceOf(file).imports;
}

function sourceOf(file: string): Source {
  let source = sources.get(file);
  if (source === undefined) {
    const text = readFileSync(file, "utf8");
    source = { file, lines: text.split("\n").length - 1, imports: readImports(file, text) };
    sources.set(file, source);
  }
  return source;
}

/** The files that the text of `file` imports, exports from, or names as `import("…")`, in this order. */
export function readImports(file: string, source: string): Import[] {
  const imports: Import[] = [];
  const add = (specifier: ts.Node | undefined, typesOnly: boolean) => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
    const { text } = specifier;
    const target = text.startsWith(".")
      ? path.join(path.dirname(file), text)
      : (WORKSPACES[text] ?? moduleFile(file, text) ?? text);
    imports.push({ text, target, typesOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, bringsTypesOnly(node.importClause));
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.Latest));
  return imports;
}

/** The file of a module of the firmware that another one imports by its name in the manifest. */
function moduleFile(importer: string, name: string): string | undefined {
  if (!importer.startsWith(`${MODULES}/`)) return undefined;
  const file = path.join(MODULES, `${name}.ts`);
  return existsSync(file) ? file : undefined;
}

/** Erased by the compiler: `import type`, or each name with its own `type`. */
function bringsTypesOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  return (
    clause.name === undefined &&
    named !== undefined &&
    ts.isNamedImports(named) &&
    named.elements.every(element => element.isTypeOnly)
  );
}
