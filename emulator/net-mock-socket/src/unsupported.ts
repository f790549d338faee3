/** Members of `net.Socket` that a simulated one lacks. */
export const SOCKET_LACKS = [
  "connect",
  "autoSelectFamilyAttemptedAddresses",
  "bufferSize",
] as const;

export const SERVER_LACKS = ["connections", Symbol.asyncDispose] as const;

/** Members of the module `node:net` that a host lacks. */
export const HOST_LACKS = [
  ...(["Socket", "Server", "SocketAddress", "BlockList", "isIP", "isIPv4", "isIPv6"] as const),
  ...(["getDefaultAutoSelectFamily", "setDefaultAutoSelectFamily"] as const),
  "getDefaultAutoSelectFamilyAttemptTimeout",
  "setDefaultAutoSelectFamilyAttemptTimeout",
] as const;

/** Options of `node:net` that would have no effect here. Options that it does not know are ignored by both. */
export const CONNECT_LACKS = [
  ...(["path", "fd", "signal", "onread", "localAddress", "localPort", "family", "hints"] as const),
  ...(["lookup", "keepAliveInitialDelay", "autoSelectFamily", "blockList"] as const),
  "autoSelectFamilyAttemptTimeout",
] as const;

export const SERVER_OPTIONS_LACK = ["keepAliveInitialDelay", "blockList"] as const;

export const LISTEN_LACKS = [
  ...(["path", "fd", "signal", "exclusive", "ipv6Only", "readableAll", "writableAll"] as const),
] as const;

/** Defines members that throw when they are read, so that a missing one fails there and not later. */
export function defineMissing(
  prototype: object,
  what: string,
  names: readonly (string | symbol)[],
): void {
  for (const name of names) {
    Object.defineProperty(prototype, name, {
      get(): never {
        throw new Error(`not emulated: ${what}.${String(name)}`);
      },
    });
  }
}

/** Throws if one of these options is given. */
export function refuseOptions(options: object, what: string, names: readonly string[]): void {
  for (const name of names) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined) throw new Error(`not emulated: ${what} with ${name}: ${value}`);
  }
}
