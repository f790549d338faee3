import ts from "typescript";

/**
 * What XS on the chip refuses although Node and the compiler take it. Each rule looks at one node of a
 * source and says what is wrong with it, if anything. Facts: documentation/xs of the SDK (preload.md,
 * XS Differences.md), and the engine itself, tried.
 */
export interface Rule {
  readonly name: string;
  /** Why the chip refuses it, and what to write instead. */
  readonly why: string;
  breaks(node: ts.Node, source: ts.SourceFile): boolean;
}

/** Objects whose content is read-only from the moment at which a module is linked into the chip. */
const CONTENT_FREEZES = new Set(
  "Map Set WeakMap WeakSet Date ArrayBuffer SharedArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array".split(
    " ",
  ),
);

/** Methods of those that write. */
const WRITES = new Set("add clear copyWithin delete fill reverse set sort".split(" "));

const INTRINSICS = new Set(
  "Array Boolean Error Function JSON Math Number Object Promise Proxy RangeError ReferenceError Reflect RegExp String Symbol SyntaxError TypeError BigInt globalThis".split(
    " ",
  ),
);

/** Inherited from Object.prototype, hence read-only on every object that does not define its own. */
const INHERITED = new Set(
  "constructor hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString valueOf".split(
    " ",
  ),
);

/** Globals of Node and of browsers that the chip has not, unless a module of the SDK is asked for. */
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
      const target = written(node);
      if (target === undefined || !ts.isPropertyAccessExpression(target)) return false;
      const { expression: owner, name } = target;
      if (INHERITED.has(name.text)) return true;
      if (isErrorField(target)) return true;
      const root = ts.isPropertyAccessExpression(owner) ? owner.expression : owner;
      const isOwn = ts.isIdentifier(owner) && owner.text === "globalThis";
      return ts.isIdentifier(root) && (INTRINSICS.has(root.text) || CONTENT_FREEZES.has(root.text))
        ? !isOwn
        : false;
    },
  },
  {
    name: "static-state",
    why: "static fields are read-only once linked into the chip: keep state in an instance",
    breaks(node) {
      if (!ts.isPropertyDeclaration(node)) return false;
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
    name: "module-let",
    why: "state of a module costs RAM for all boards and leaks between tests: keep it in an instance",
    breaks: node =>
      ts.isVariableDeclarationList(node) &&
      (node.flags & ts.NodeFlags.Const) === 0 &&
      ts.isVariableStatement(node.parent) &&
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
    breaks: node => ts.isRegularExpressionLiteral(node) && /\\p\{/i.test(node.text),
  },
  {
    name: "no-parser",
    why: "there is no parser on the chip: eval and new Function do not run",
    breaks: node =>
      (ts.isCallExpression(node) || ts.isNewExpression(node)) &&
      ts.isIdentifier(node.expression) &&
      ["eval", "Function"].includes(node.expression.text),
  },
  {
    name: "native-call",
    why: "`native(` is a word of the SDK's compiler, which wants the name of a C function behind it",
    breaks: node =>
      ts.isCallExpression(node) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === "native",
  },
];

/** What an expression writes to. */
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

/** `this.name` or `this.message` in a class of errors, where no field of its own stands for it. */
function isErrorField({ expression, name }: ts.PropertyAccessExpression): boolean {
  if (expression.kind !== ts.SyntaxKind.ThisKeyword) return false;
  if (!["name", "message"].includes(name.text)) return false;
  const owner = ts.findAncestor(expression, ts.isClassLike);
  const base = owner?.heritageClauses?.[0]?.types[0]?.expression;
  if (base === undefined || !ts.isIdentifier(base) || !/Error$/.test(base.text)) return false;
  return !owner!.members.some(
    member => ts.isPropertyDeclaration(member) && member.name.getText() === name.text,
  );
}

function has(node: ts.PropertyDeclaration, kind: ts.SyntaxKind): boolean {
  return node.modifiers?.some(modifier => modifier.kind === kind) ?? false;
}

/** `new Map()`, `Uint8Array.of(1)`; an empty buffer has nothing to write to. */
function freezes(value: ts.Expression | undefined): boolean {
  if (value === undefined) return false;
  if (ts.isNewExpression(value)) {
    const [first] = value.arguments ?? [];
    if (first !== undefined && ts.isNumericLiteral(first) && first.text === "0") return false;
    return ts.isIdentifier(value.expression) && CONTENT_FREEZES.has(value.expression.text);
  }
  return (
    ts.isCallExpression(value) &&
    ts.isPropertyAccessExpression(value.expression) &&
    ts.isIdentifier(value.expression.expression) &&
    CONTENT_FREEZES.has(value.expression.expression.text)
  );
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

/** `name.set(…)`, `name[0] = …`, `x.read(name)`: handed on, somebody else may write. */
function isWritten(name: string, source: ts.SourceFile): boolean {
  const is = (node: ts.Node) => ts.isIdentifier(node) && node.text === name;
  return some(source, node => {
    if (ts.isPropertyAccessExpression(node) && is(node.expression)) {
      return ts.isCallExpression(node.parent) && WRITES.has(node.name.text);
    }
    const target = written(node);
    if (target !== undefined && ts.isElementAccessExpression(target)) return is(target.expression);
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false;
    return node.expression.name.text === "read" && node.arguments.some(is);
  });
}

/** A use of a name, not a key, a member, a declaration or a type. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent))
    return parent.initializer === node;
  return !(
    ts.isTypeNode(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isImportClause(parent) ||
    ts.isClassElement(parent) ||
    ts.isTypeElement(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isInterfaceDeclaration(parent) ||
    ts.isTypeAliasDeclaration(parent) ||
    ts.isClassDeclaration(parent)
  );
}

/** The source has something of its own by this name. */
function makesRegExp(node: ts.Node): boolean {
  const makes = ts.isNewExpression(node) || ts.isCallExpression(node);
  return makes && ts.isIdentifier(node.expression) && node.expression.text === "RegExp";
}

function declares(source: ts.SourceFile, name: string): boolean {
  return some(
    source,
    node =>
      (ts.isImportSpecifier(node) ||
        ts.isImportClause(node) ||
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
