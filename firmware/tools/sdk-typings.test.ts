import { readdirSync, readFileSync } from "node:fs";
import ts from "typescript";
import { expect, test } from "vitest";

// Code that passes with a declaration of ours shall pass with the SDK's, too. So what ours gives must cover all
// that the SDK's may give, and what it asks for must be enough for the SDK. `typings/sdk.d.ts` is the SDK's side.

const SDK = readFileSync("firmware/typings/sdk.d.ts", "utf8");

const OURS = ["firmware/src", "emulator/conformance"].flatMap(folder =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter(name => name.endsWith(".d.ts"))
    .map(name => readFileSync(`${folder}/${name}`, "utf8")),
);

/** Made by the build from a file of ours: the SDK declares nothing of it. */
const NOT_OF_THE_SDK = ["gateway"];

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2025,
  lib: ["lib.es2025.d.ts"],
  types: [],
  strict: true,
};

const HOST = ts.createCompilerHost(OPTIONS);
const libraries = new Map<string, ts.SourceFile | undefined>();

/** A file of the compiler's library, read once. */
function library(
  name: string,
  version: ts.ScriptTarget | ts.CreateSourceFileOptions,
): ts.SourceFile | undefined {
  if (!libraries.has(name)) libraries.set(name, HOST.getSourceFile(name, version));
  return libraries.get(name);
}

/** Members of the modules that `ours` declares that are narrower than in `sdk`, as a path to each. */
function narrower(sdk: string, ours: string): string[] {
  const files: Record<string, string> = {
    "/sdk.d.ts": sdk,
    "/ours.d.ts": ours.replace(/^declare module "/gm, "$&ours:"),
  };
  const host: ts.CompilerHost = {
    ...HOST,
    fileExists: name => name in files || HOST.fileExists(name),
    getSourceFile: (name, version) =>
      name in files ? ts.createSourceFile(name, files[name], version) : library(name, version),
  };
  const program = ts.createProgram(Object.keys(files), OPTIONS, host);
  for (const name in files) {
    const complaints = program.getSemanticDiagnostics(program.getSourceFile(name));
    expect(complaints.map(({ messageText }) => messageText)).toEqual([]);
  }
  const checker = program.getTypeChecker();

  const modules = new Map(checker.getAmbientModules().map(each => [each.name.slice(1, -1), each]));
  const found: string[] = [];
  for (const [name, module] of modules) {
    if (!name.startsWith("ours:")) continue;
    const known = modules.get(name.slice("ours:".length));
    if (NOT_OF_THE_SDK.includes(name.slice("ours:".length))) continue;
    const other = new Map(known && exportsOf(known));
    for (const [key, type] of exportsOf(module)) {
      const path = `${name.slice("ours:".length)} ${key}`;
      const same = other.get(key);
      if (same === undefined) found.push(path);
      else compare(same, type, path, new Set());
    }
  }
  return found;

  function exportsOf(module: ts.Symbol): [string, ts.Type][] {
    return checker.getExportsOfModule(module).map(each => {
      const alias = each.flags & ts.SymbolFlags.Alias;
      return [each.name, checker.getTypeOfSymbol(alias ? checker.getAliasedSymbol(each) : each)];
    });
  }

  /** Where SDK's `sdk` is expected to be `ours`. */
  function compare(sdk: ts.Type, ours: ts.Type, path: string, seen: Set<ts.Type>): void {
    if (seen.has(ours)) return;
    seen.add(ours);
    for (const kind of [ts.SignatureKind.Call, ts.SignatureKind.Construct]) {
      const known = checker.getSignaturesOfType(sdk, kind);
      for (const signature of checker.getSignaturesOfType(ours, kind)) {
        const call = kind === ts.SignatureKind.Call ? `${path}()` : `new ${path}`;
        const fitting = known.find(each => asksEnough(each, signature));
        if (fitting === undefined) found.push(call);
        const given = (fitting ?? known[0])?.getReturnType();
        if (given !== undefined) compare(given, signature.getReturnType(), call, seen);
      }
    }
    const members = ours.getProperties().filter(({ name }) => name !== "prototype");
    if (ours.flags & ts.TypeFlags.Object && members.length > 0) {
      for (const member of members) {
        const known = sdk.getProperty(member.name);
        if (known === undefined) found.push(`${path}.${member.name}`);
        else
          compare(
            checker.getTypeOfSymbol(known),
            checker.getTypeOfSymbol(member),
            `${path}.${member.name}`,
            seen,
          );
      }
    } else if (!isCalled(ours) && !checker.isTypeAssignableTo(sdk, ours)) {
      found.push(path);
    }
  }

  function isCalled(type: ts.Type): boolean {
    return type.getCallSignatures().length + type.getConstructSignatures().length > 0;
  }

  /** A call that `ours` allows is one that the SDK allows. */
  function asksEnough(sdk: ts.Signature, ours: ts.Signature): boolean {
    const [wanted, given] = [sdk.getParameters(), ours.getParameters()];
    return (
      given.length <= wanted.length &&
      wanted.every((each, i) => {
        const optional = checker.isOptionalParameter(
          each.valueDeclaration as ts.ParameterDeclaration,
        );
        if (i >= given.length) return optional;
        return checker.isTypeAssignableTo(
          checker.getTypeOfSymbol(given[i]),
          checker.getTypeOfSymbol(each),
        );
      })
    );
  }
}

test("no declaration of ours is narrower than the SDK's", () => {
  expect(OURS.length).toBeGreaterThan(0);
  expect(narrower(SDK, OURS.join("\n"))).toEqual([]);
});

test.each([
  {
    what: "a value that may be of another type",
    ours: `declare module "embedded:storage/key-value" {
      interface Storage { read(key: string): string | undefined; write(key: string, value: string): void }
      const storage: { open(options: { path: string; mode: "r+"; format: "string" }): Storage };
      export default storage;
    }`,
    found: ["embedded:storage/key-value default.open().read()"],
  },
  {
    what: "a value that may be absent, and options that the SDK wants",
    ours: `declare module "embedded:network/interface/wifi" {
      export default class WiFi {
        constructor(options: { onChanged: (property: "address") => void });
        readonly address: string;
        connect(options: { SSID?: string }): void;
        disconnect(): void;
      }
    }`,
    found: [
      "new embedded:network/interface/wifi default",
      "new embedded:network/interface/wifi default.address",
      "new embedded:network/interface/wifi default.connect()",
    ],
  },
  {
    what: "arguments and members that the SDK does not have, or wants",
    ours: `declare module "timer" {
      const Timer: { clear(): void; now(): number };
      export default Timer;
    }`,
    found: ["timer default.clear()", "timer default.now"],
  },
  {
    what: "a module that the SDK does not have",
    ours: 'declare module "clock" { const now: number; export default now; }',
    found: ["clock default"],
  },
])("$what: a declaration that promises it away is found", ({ ours, found }) => {
  expect(narrower(SDK, ours)).toEqual(found);
});
