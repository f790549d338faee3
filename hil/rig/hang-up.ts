import { read } from "node:fs";
import { promisify } from "node:util";
import type { BindingInterface, BindingPortInterface, OpenOptions } from "@serialport/bindings-cpp";

/** A port of Linux or macOS as @serialport/bindings-cpp has it. */
interface UnixPort extends BindingPortInterface {
  readonly fd: number | null;
  readonly poller: { once(event: "readable", heard: (error: Error | null) => void): unknown };
}

const readAsync = promisify(read);

/** The errno of a non-blocking read that finds nothing. */
const NOTHING_YET = new Set(["EAGAIN", "EWOULDBLOCK", "EINTR"]);

/**
 * Makes the ports that `binding` opens notice that their cable is pulled. When the kernel has hung up a terminal, reading
 * gives 0 bytes for ever, and @serialport/bindings-cpp 13.0.0 asks again at once (unix-read.js): the port never closes,
 * and takes all of the processor. Here 0 bytes are the end of the port. Ports of Windows stay as they are.
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
