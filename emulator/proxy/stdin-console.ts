import { clearLine, createInterface, cursorTo } from "node:readline";
import { COMMAND_NAMES } from "../../firmware/src/admin/commands.ts";
import type { Adapter } from "../src/io/adapter.ts";

/** Bytes that the chip's UART takes at once. */
const FIFO_BYTES = 128;

export interface Typing {
  stop(): void;
  /** Runs `print`, which writes whole lines to standard output; what is being typed is shown behind them. */
  above(print: () => void): void;
}

/** Lines that a terminal remembers. */
const HISTORY = 100;

/**
 * Sends lines from standard input to the board's serial port, as a terminal program would: with history
 * and completion on a terminal, plain when input is piped.
 */
export function readCommands(adapter: Pick<Adapter, "send">, interrupted: () => void): Typing {
  const person = process.stdin.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    ...(person ? { output: process.stdout, prompt: "" } : {}),
    terminal: person,
    historySize: HISTORY,
    completer: (text: string) => {
      const fitting = COMMAND_NAMES.filter(name => name.startsWith(text));
      return [fitting.map(name => `${name} `), text];
    },
  });
  let sent = Promise.resolve();
  lines.on("line", line => {
    sent = sent.then(() => send(adapter, `${line}\n`));
  });
  lines.on("SIGINT", interrupted); // in a terminal, readline sees Ctrl-C first
  return {
    stop: () => lines.close(),
    above(print) {
      if (!person || lines.line === "") {
        print();
        return;
      }
      cursorTo(process.stdout, 0);
      clearLine(process.stdout, 0);
      print();
      lines.prompt(true);
    },
  };
}

/** Sends in pieces, each after the one before has arrived, because the chip buffers no more than its FIFO. */
async function send(adapter: Pick<Adapter, "send">, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.byteLength; at += FIFO_BYTES / 2) {
    const ms = adapter.send(bytes.subarray(at, at + FIFO_BYTES / 2));
    await new Promise(resolve => setTimeout(resolve, ms));
  }
}
