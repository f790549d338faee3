import ts from "typescript";

/**
 * Code that Node and the compiler accept and XS on the chip does not. Each rule looks at one node of a source. Facts:
 * documentation/xs of the SDK (preload.md, XS Differences.md), and trials with the engine.
 */
export interface Rule {
  readonly name: string;
  /** Why the chip refuses it, and what to write instead. */
  readonly why: string;
  breaks(node: ts.Node, source: ts.SourceFile): boolean;
}

/** Objects whose content is read-only once a module is linked into the firmware. */
const CONTENT_FREEZES = new Set(
  "Map Set WeakMap WeakSet Date ArrayBuffer SharedArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array".split(
    " ",
  ),
);

/** Modules that are not preloaded, but loaded when the chip starts. */
const LOADED_AT_START = /(^|\/)(main\.ts|chip\/[\w/-]+\.ts)$/;

const FREEZES = new Set(["Object.freeze", "deepFreeze"]);

/** Calls that return a new list. */
const GIVES_A_LIST =
  /(^Array\.(from|of)|^Object\.(keys|values|entries)|\.(filter|map|flatMap|split|slice|concat))$/;

/** Methods of those objects that write; a date and a view have many that begin with `set`. */
const WRITES = /^(add|clear|copyWithin|delete|fill|reverse|set.*|sort)$/;

const INTRINSICS = new Set(
  "AggregateError Array Atomics BigInt Boolean Error FinalizationRegistry Function Iterator JSON Math Number Object Promise Proxy RangeError ReferenceError Reflect RegExp String Symbol SyntaxError TypeError WeakRef globalThis".split(
    " ",
  ),
);

/** Inherited from Object.prototype, hence read-only on every object that does not define its own. */
const INHERITED = new Set(
  "constructor hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString valueOf".split(
    " ",
  ),
);

/** Globals of Node and of browsers that the chip lacks, unless a module of the SDK is imported. */
const MISSING = new Set(
  "AbortController AbortSignal Blob Buffer Event EventTarget Intl TextDecoder TextEncoder URL URLSearchParams WebAssembly atob btoa clearImmediate clearInterval clearTimeout console crypto fetch performance process queueMicrotask require setImmediate setInterval setTimeout structuredClone".split(
    " ",
  ),
);

export const RULES: readonly Rule[] = [
  {
    name: "frozen-intrinsic",
    why: "built-ins are read-only: TypeError, not writable. Write a function, or a class field",
    breaks(node) {
      const owner = changed(node);
      if (owner !== undefined) return isIntrinsic(owner);
      const target = memberOf(written(node));
      if (target === undefined) return false;
      if (INHERITED.has(target.name) || isErrorField(target)) return true;
      const isGlobal = ts.isIdentifier(target.owner) && target.owner.text === "globalThis";
      return !isGlobal && isIntrinsic(target.owner);
    },
  },
  {
    name: "static-state",
    why: "static fields are read-only once linked into the chip: keep state in an instance",
    breaks(node, source) {
      if (!ts.isPropertyDeclaration(node)) return isFieldOfClass(memberOf(written(node)), source);
      if (!has(node, ts.SyntaxKind.StaticKeyword)) return false;
      return !has(node, ts.SyntaxKind.ReadonlyKeyword) || freezes(node.initializer);
    },
  },
  {
    name: "module-state",
    why: "a module's maps, sets, dates and buffers are read-only once linked: make them at run time",
    breaks(node, source) {
      if (!ts.isVariableDeclaration(node) || !isOfModule(node)) return false;
      if (!ts.isIdentifier(node.name) || !freezes(node.initializer)) return false;
      return isWritten(node.name.text, source);
    },
  },
  {
    name: "module-unfrozen",
    why: "the chip keeps a pointer in RAM for it, for ever, in case it is changed: Object.freeze, or deepFreeze where it holds others",
    breaks: (node, source) =>
      ts.isVariableDeclaration(node) &&
      isOfModule(node) &&
      !LOADED_AT_START.test(source.fileName) &&
      node.initializer !== undefined &&
      isUnfrozen(node.initializer),
  },
  {
    name: "generator-unfrozen",
    why: "the object that its generators inherit from is one more pointer in RAM for ever: Object.freeze(name.prototype) behind it",
    breaks: (node, source) =>
      (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) &&
      node.asteriskToken !== undefined &&
      !LOADED_AT_START.test(source.fileName) &&
      !freezesPrototype(node, source),
  },
  {
    name: "module-let",
    why: "state of a module costs RAM for all boards and leaks between tests: keep it in an instance",
    breaks: node =>
      ts.isVariableDeclarationList(node) &&
      (node.flags & ts.NodeFlags.Const) === 0 &&
      ts.isVariableStatement(node.parent) &&
      !has(node.parent, ts.SyntaxKind.DeclareKeyword) &&
      ts.isSourceFile(node.parent.parent),
  },
  {
    name: "module-regexp",
    why: "one that is linked loses memory at each match and spoils the heap (fxAllocateRegExpData of SDK 8.2.3 allocates twice); its lastIndex is read-only, too. Make it in a function",
    breaks: node =>
      (ts.isRegularExpressionLiteral(node) || makesRegExp(node)) && !isInFunction(node),
  },
  {
    name: "missing-built-in",
    why: "not on the chip: what a machine can do comes with the platform",
    breaks: (node, source) =>
      ts.isIdentifier(node) &&
      MISSING.has(node.text) &&
      isReference(node) &&
      !declares(source, node.text),
  },
  {
    name: "missing-method",
    why: "XS is built without it: normalize() throws, and errors have no captureStackTrace",
    breaks: node =>
      ts.isPropertyAccessExpression(node) &&
      ["normalize", "captureStackTrace", "stackTraceLimit"].includes(node.name.text),
  },
  {
    name: "unicode-property",
    why: "the chip's regular expressions have no \\p{…}: list the characters",
    breaks: node =>
      (ts.isRegularExpressionLiteral(node) || makesRegExp(node)) && /\\p\{/i.test(node.getText()),
  },
  {
    name: "no-parser",
    why: "there is no parser on the chip: eval and new Function do not run",
    breaks: node =>
      (ts.isCallExpression(node) || ts.isNewExpression(node)) &&
      ["eval", "Function"].includes(globalOf(node.expression) ?? ""),
  },
  {
    name: "native-call",
    why: "`native(` is a word of the SDK's compiler, which wants the name of a C function behind it",
    breaks: node =>
      ts.isCallExpression(node) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === "native" &&
      !(node.arguments.length === 1 && ts.isStringLiteral(node.arguments[0])),
  },
];

/** Objects, lists and instances of a class of ours that are made here and not frozen, themselves or within. */
/** Whether a statement of the module freezes the `prototype` of a generator function or method. */
function freezesPrototype(
  node: ts.FunctionDeclaration | ts.MethodDeclaration,
  source: ts.SourceFile,
): boolean {
  const name = node.name?.getText(source);
  const owner = ts.isClassLike(node.parent) ? `${node.parent.name?.text}.prototype.` : "";
  return source.statements.some(
    statement =>
      ts.isExpressionStatement(statement) &&
      statement.expression.getText(source) === `Object.freeze(${owner}${name}.prototype)`,
  );
}

function isUnfrozen(expression: ts.Expression): boolean {
  const made = bare(expression);
  if (ts.isObjectLiteralExpression(made) || ts.isArrayLiteralExpression(made)) return true;
  if (ts.isNewExpression(made)) {
    const maker = globalOf(made.expression) ?? "";
    return !CONTENT_FREEZES.has(maker) && !INTRINSICS.has(maker);
  }
  if (!ts.isCallExpression(made)) return false;
  const call = made.expression.getText();
  if (call !== "Object.freeze") return GIVES_A_LIST.test(call);
  const [frozen] = made.arguments;
  return frozen !== undefined && parts(bare(frozen)).some(isUnfrozen);
}

/** Without `as`, `satisfies` and brackets. */
function bare(value: ts.Expression): ts.Expression {
  return ts.isAsExpression(value) ||
    ts.isSatisfiesExpression(value) ||
    ts.isParenthesizedExpression(value)
    ? bare(value.expression)
    : value;
}

/** The values in a literal. */
function parts(made: ts.Expression): ts.Expression[] {
  if (ts.isArrayLiteralExpression(made)) return [...made.elements];
  if (!ts.isObjectLiteralExpression(made)) return [];
  return made.properties.flatMap(each => (ts.isPropertyAssignment(each) ? [each.initializer] : []));
}

/** The targets that an expression writes to. */
function written(node: ts.Node): ts.Expression | undefined {
  if (ts.isBinaryExpression(node)) {
    const operator = node.operatorToken.kind;
    const assigns =
      operator >= ts.SyntaxKind.FirstAssignment && operator <= ts.SyntaxKind.LastAssignment;
    return assigns ? node.left : undefined;
  }
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const steps = [ts.SyntaxKind.PlusPlusToken, ts.SyntaxKind.MinusMinusToken];
    return steps.includes(node.operator) ? node.operand : undefined;
  }
  return ts.isDeleteExpression(node) ? node.expression : undefined;
}

/** `owner.name`, or `owner["name"]`. */
interface Member {
  readonly owner: ts.Expression;
  readonly name: string;
}

function memberOf(node: ts.Node | undefined): Member | undefined {
  if (node === undefined) return undefined;
  if (ts.isPropertyAccessExpression(node)) return { owner: node.expression, name: node.name.text };
  if (!ts.isElementAccessExpression(node)) return undefined;
  const { expression: owner, argumentExpression: key } = node;
  return ts.isStringLiteralLike(key) ? { owner, name: key.text } : undefined;
}

/** The targets of `Object.assign(…)`, `Object.defineProperty(…)` and similar calls. */
function changed(node: ts.Node): ts.Expression | undefined {
  if (!ts.isCallExpression(node)) return undefined;
  const callee = memberOf(node.expression);
  if (callee === undefined || !/^(Object|Reflect)$/.test(callee.owner.getText())) return undefined;
  const writes = ["assign", "defineProperty", "defineProperties", "set", "setPrototypeOf"];
  return writes.includes(callee.name) ? node.arguments[0] : undefined;
}

/** `Array`, or `Array.prototype`. */
function isIntrinsic(node: ts.Expression): boolean {
  const root = memberOf(node)?.owner ?? node;
  return ts.isIdentifier(root) && (INTRINSICS.has(root.text) || CONTENT_FREEZES.has(root.text));
}

/** `eval`, or `globalThis.eval`. */
function globalOf(node: ts.Expression): string | undefined {
  if (ts.isIdentifier(node)) return node.text;
  const member = memberOf(node);
  return member?.owner.getText() === "globalThis" ? member.name : undefined;
}

/** `Session.count` in a function, where `Session` is a class of this source: it has been linked by then. */
function isFieldOfClass(target: Member | undefined, source: ts.SourceFile): boolean {
  if (target === undefined || !ts.isIdentifier(target.owner)) return false;
  const inFunction = ts.findAncestor(target.owner, ts.isFunctionLike) !== undefined;
  return inFunction && classOf(target.owner.text, source) !== undefined;
}

function classOf(name: string, source: ts.SourceFile): ts.ClassDeclaration | undefined {
  const is = (node: ts.Node) => ts.isClassDeclaration(node) && node.name?.text === name;
  return source.statements.find(is) as ts.ClassDeclaration | undefined;
}

/** `this.name` or `this.message` in a class of errors, where no field of its own stands for it. */
function isErrorField({ owner: self, name }: Member): boolean {
  if (self.kind !== ts.SyntaxKind.ThisKeyword) return false;
  if (!["name", "message"].includes(name)) return false;
  const owner = ts.findAncestor(self, ts.isClassLike);
  return owner !== undefined && isErrorWithout(name, owner);
}

/** True of a class that extends `Error`, also through classes of this source, if none of them has a field of this name. */
function isErrorWithout(name: string, owner: ts.ClassLikeDeclaration): boolean {
  const declares = (member: ts.ClassElement) =>
    ts.isPropertyDeclaration(member) && member.name.getText() === name;
  if (owner.members.some(declares)) return false;
  const base = owner.heritageClauses?.[0]?.types[0]?.expression;
  if (base === undefined || !ts.isIdentifier(base)) return false;
  const parent = classOf(base.text, base.getSourceFile());
  return parent === undefined ? /Error$/.test(base.text) : isErrorWithout(name, parent);
}

function has(node: ts.PropertyDeclaration | ts.VariableStatement, kind: ts.SyntaxKind): boolean {
  return node.modifiers?.some(modifier => modifier.kind === kind) ?? false;
}

/** `new Map()`, `Uint8Array.of(1)`, also in a list or an object; an empty buffer has nothing to write to. */
function freezes(value: ts.Expression | undefined): boolean {
  if (value === undefined) return false;
  const made = bare(value);
  if (parts(made).some(freezes)) return true;
  if (ts.isNewExpression(made)) {
    const [first] = made.arguments ?? [];
    if (first !== undefined && ts.isNumericLiteral(first) && first.text === "0") return false;
    return ts.isIdentifier(made.expression) && CONTENT_FREEZES.has(made.expression.text);
  }
  if (!ts.isCallExpression(made)) return false;
  if (FREEZES.has(made.expression.getText())) return made.arguments.some(freezes);
  const owner = memberOf(made.expression)?.owner;
  return owner !== undefined && ts.isIdentifier(owner) && CONTENT_FREEZES.has(owner.text);
}

/** Declared at the top of a module, not in a function. */
function isOfModule(node: ts.VariableDeclaration): boolean {
  return ts.isVariableStatement(node.parent.parent) && ts.isSourceFile(node.parent.parent.parent);
}

function isInFunction(node: ts.Node): boolean {
  return ts.findAncestor(node, ts.isFunctionLike) !== undefined || isInstanceField(node);
}

function isInstanceField(node: ts.Node): boolean {
  const field = ts.findAncestor(node, ts.isPropertyDeclaration);
  return field !== undefined && !has(field, ts.SyntaxKind.StaticKeyword);
}

/** `name.set(…)`, `name[0] = …`, `name.of.set(…)`, `x.read(name)`: passed on, other code may write it. */
function isWritten(name: string, source: ts.SourceFile): boolean {
  const is = (node: ts.Expression): boolean => {
    if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node))
      return is(node.expression);
    return ts.isIdentifier(node) && node.text === name;
  };
  return some(source, node => {
    const target = written(node);
    if (target !== undefined && ts.isElementAccessExpression(target)) return is(target.expression);
    if (!ts.isCallExpression(node)) return false;
    const called = memberOf(node.expression);
    if (called === undefined) return false;
    return called.name === "read"
      ? node.arguments.some(is)
      : WRITES.test(called.name) && is(called.owner);
  });
}

/** A use of a name, not a key, a member, a declaration or a type. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent))
    return parent.expression === node || globalOf(parent) === node.text;
  if (ts.isExpressionWithTypeArguments(parent) && ts.isHeritageClause(parent.parent)) {
    const { token, parent: owner } = parent.parent;
    return token === ts.SyntaxKind.ExtendsKeyword && ts.isClassLike(owner);
  }
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent))
    return parent.initializer === node;
  return !(
    ts.isTypeNode(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isImportClause(parent) ||
    ts.isNamespaceImport(parent) ||
    ts.isExportSpecifier(parent) ||
    ts.isLabeledStatement(parent) ||
    ts.isBreakOrContinueStatement(parent) ||
    ts.isEnumMember(parent) ||
    ts.isTypeParameterDeclaration(parent) ||
    ts.isClassElement(parent) ||
    ts.isTypeElement(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isInterfaceDeclaration(parent) ||
    ts.isTypeAliasDeclaration(parent) ||
    ts.isClassDeclaration(parent)
  );
}

function makesRegExp(node: ts.Node): boolean {
  const makes = ts.isNewExpression(node) || ts.isCallExpression(node);
  return makes && globalOf(node.expression) === "RegExp";
}

/** The source declares this name itself. */
function declares(source: ts.SourceFile, name: string): boolean {
  return some(
    source,
    node =>
      (ts.isImportSpecifier(node) ||
        ts.isImportClause(node) ||
        ts.isNamespaceImport(node) ||
        ts.isVariableDeclaration(node) ||
        ts.isParameter(node) ||
        ts.isBindingElement(node) ||
        ts.isFunctionDeclaration(node) ||
        ts.isClassDeclaration(node)) &&
      node.name !== undefined &&
      ts.isIdentifier(node.name) &&
      node.name.text === name,
  );
}

function some(node: ts.Node, holds: (node: ts.Node) => boolean): boolean {
  return holds(node) || ts.forEachChild(node, child => some(child, holds) || undefined) === true;
}
