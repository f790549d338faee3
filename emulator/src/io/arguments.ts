/**
 * Arguments and options of a program as the C of the ESP32 port reads them: conversions of XS
 * (xs/sources/xsAPI.c, xsmc.c) and of modules/io/common/builtinCommon.c @ 48ee02d.
 */

/** gFormats of builtinCommon.c. */
const FORMATS = [
  ...["number", "buffer", "string", "socket/tcp", "uint8", "int8", "uint16", "int16", "uint32"],
  ...["int32", "uint64", "int64", "buffer/disposable"],
];

/** An argument that has to be given, if only as `undefined` (fxCheckArg). */
export function argument(given: readonly unknown[], index: number): unknown {
  if (index >= given.length) throw new SyntaxError(`C: xsArg(${index}): invalid index`);
  return given[index];
}

/** Is it an object or a function, which XS takes for bytes where bytes may be given? */
export function isReference(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** The low 32 bits of a number; a symbol or a bigint is a TypeError (fxToInteger). */
export function integer(value: unknown): number {
  return (value as number) | 0;
}

/** The text of any value but a symbol, which is a TypeError (fxToString). */
export function text(value: unknown): string {
  return `${value}`;
}

/** A callback among the options: a function or nothing (builtinGetCallback). */
export function callback<T>(value: T | null | undefined): T | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "function") throw new Error("not a function");
  return value;
}

/** An option that is an integer: anything but `undefined` is made one (builtinGetSignedInteger). */
export function signedInteger(value: unknown): number {
  if (value === undefined) throw new Error("invalid");
  return integer(value);
}

/** Throws a RangeError unless it is a port. */
export function checkPort(port: number): number {
  if (port < 0 || port > 65535) throw new RangeError("invalid port");
  return port;
}

/** The option `format`; `standard` where none is given, or one that is falsy (builtinInitializeFormat). */
export function initialFormat(options: { format?: unknown }, standard: string): string {
  return options.format ? text(options.format) : standard;
}

/** A format that is set afterwards (builtinSetFormat). */
export function newFormat(value: unknown): string {
  const format = text(value);
  if (!FORMATS.includes(format)) throw new RangeError("unknown");
  return format;
}

/** The bytes of a buffer or of a view of bytes; all else is a TypeError (_xsmcGetBuffer). */
export function viewOf(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  if (ArrayBuffer.isView(bytes)) {
    const elementBytes = "BYTES_PER_ELEMENT" in bytes ? bytes.BYTES_PER_ELEMENT : 1; // a DataView
    if (elementBytes === 1) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  throw new TypeError("invalid buffer");
}
