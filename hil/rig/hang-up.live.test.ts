import { SerialPortStream } from "@serialport/stream";
import { expect, test } from "vitest";
import { cannotOpenPty, Pty } from "../../emulator/src/pty.ts";
import { computersPorts } from "./discovery.ts";

test.skipIf(cannotOpenPty())(
  "a port whose cable was pulled before it was read closes, and takes no processor time",
  async () => {
    const pty = new Pty({ send: () => 0, onBytes: undefined });
    const port = new SerialPortStream({
      binding: computersPorts(),
      path: pty.path,
      baudRate: 115_200,
      autoOpen: false,
    });
    port.on("error", () => {});
    await new Promise<void>((resolve, reject) => {
      port.open(error => (error ? reject(error) : resolve()));
    });

    const closed = new Promise(resolve => port.once("close", resolve));
    pty.close(); // the kernel hangs up: reading gives 0 bytes
    port.resume();

    expect(await closed).toMatchObject({ disconnected: true });
  },
);
