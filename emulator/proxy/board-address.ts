import { isToken, TOKEN_WANTED } from "../../firmware/src/admin/token.ts";
import { UsageError } from "../../firmware/tools/command-line.ts";
import { ADMIN_PORT } from "./workbench/admin-client.ts";

/** Where a board's admin port is. */
export interface BoardAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `HOST` or `HOST:PORT` from a command line. */
export function readBoardAddress(text: string): BoardAddress {
  const [, host, port = `${ADMIN_PORT}`] = /^([\w.-]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) {
    return { host, port: Number(port) };
  }
  throw new UsageError(
    `wanted an address such as 192.168.1.50, or 192.168.1.50:${ADMIN_PORT} with the admin port`,
  );
}

/** Reads the token of a board's admin port. */
export function readToken(text: string): string {
  if (isToken(text)) return text;
  throw new UsageError(TOKEN_WANTED);
}
