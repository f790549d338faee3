/** Linux's numbers of these errors, as Node shows them. */
const ERRNO = {
  EACCES: -13,
  EADDRINUSE: -98,
  EADDRNOTAVAIL: -99,
  EBADF: -9,
  ECONNREFUSED: -111,
  ECONNRESET: -104,
  EHOSTUNREACH: -113,
  EINVAL: -22,
  EMSGSIZE: -90,
  ENOBUFS: -105,
  EPIPE: -32,
  ETIMEDOUT: -110,
};

export type SystemErrorCode = keyof typeof ERRNO;

/** An error as Node reports it for a system call: with `code`, `errno`, `syscall`. */
export function systemError(
  code: SystemErrorCode,
  syscall: string,
  address?: string,
  port?: number,
): NodeJS.ErrnoException {
  const where = address === undefined ? "" : ` ${address}:${port}`;
  const error: NodeJS.ErrnoException = new Error(`${syscall} ${code}${where}`);
  return Object.assign(error, { code, errno: ERRNO[code], syscall, address, port });
}
