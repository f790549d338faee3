import { read } from "node:fs";
import { promisify } from "node:util";
import type { BindingInterface, BindingPortInterface, OpenOptions } from "@serialport/bindings-cpp";

/** A port of @serialport/bindings-cpp on Linux or macOS. */
interface UnixPort extends BindingPortInterface {
  readonly fd: number | null;
  readonly poller: { once(event: "readable", ready: (error: Error | null) => void): unknown };
}

const readAsync = promisify(read);

/** Errors of a non-blocking read that finds no bytes. */
const NOTHING_YET = new Set(["EAGAIN", "EWOULDBLOCK", "EINTR"]);

/**
 * Makes ports that `binding` opens close when their cable is pulled. After a hangup the kernel answers each
 * read with 0 bytes, and @serialport/bindings-cpp 13.0.0 reads again at once (unix-read.js): the port never
 * closes and uses a whole processor. Here 0 bytes end the port. Ports of Windows are left unchanged.
 */
export function noticingHangUp<B extends BindingInterface>(binding: B): B {
  return {
    ...binding,
    list: () => binding.list(),
    async open(options: OpenOptions) {
      const port = await binding.open(options);
      if (isUnixPort(port))
        port.read = (buffer, offset, length) => readUntilHangUp(port, buffer, offset, length);
      return port;
    },
  };
}

function isUnixPort(port: BindingPortInterface): port is UnixPort {
  return "poller" in port && "fd" in port;
}

async function readUntilHangUp(port: UnixPort, buffer: Buffer, offset: number, length: number) {
  for (;;) {
    const { fd } = port;
    if (fd === null) throw Object.assign(new Error("Port is not open"), { canceled: true });
    try {
      const { bytesRead } = await readAsync(fd, buffer, offset, length, null);
      if (bytesRead > 0) return { bytesRead, buffer };
      throw Object.assign(new Error("the port has hung up"), { disconnect: true });
    } catch (error) {
      if (!NOTHING_YET.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
    await new Promise<void>((resolve, reject) => {
      port.poller.once("readable", error => (error ? reject(error) : resolve()));
    });
  }
}
