import { mendedBoard } from "../../emulator/proxy/firmware-board.ts";
import { EmulatedBoard } from "./emulated-board.ts";

/** How long the cable is out before it is plugged in again. */
const OUT_MS = 2_000;

/** Interval of a repeated fault. */
const AGAIN_MS = 500;

/** Length of a disturbance: some lines of a log. */
const DISTURBED_BYTES = 300;

/** Characters in which the beginning of an answer is looked for. */
const REMEMBERED = 200;

/** Stray byte: any that is no control character. */
const STRAY = "~".charCodeAt(0);
const LF = 10;

/** Longest timer: never. */
const NEVER_MS = 2 ** 31 - 1;

interface InjectableFault {
  /** The fault and the expected verdict. */
  readonly help: string;
  /** Makes a board with a fault from the start. */
  board?(): EmulatedBoard;
  /** Called during the first scenario; returns how to stop a fault that goes on. */
  inject?(emulated: EmulatedBoard): (() => void) | undefined;
}

/** Faults that can be injected into the emulated board, to see what the rig makes of them. */
export const INJECTABLE_FAULTS: Readonly<Record<string, InjectableFault>> = {
  panic: {
    help: "the chip crashes in the first scenario: firmware failure",
    inject: once(({ board }) => board.crash("panic")),
  },
  exception: {
    help: "an exception ends the program: firmware failure",
    inject: once(({ board }) => {
      board.platform!.clock.after(0, () => {
        throw new Error("injected exception");
      });
    }),
  },
  watchdog: {
    help: "the task watchdog resets the chip: firmware failure",
    inject: once(({ board }) => board.crash("task-watchdog")),
  },
  hang: {
    help: "the program blocks and prints nothing: firmware failure",
    inject: once(({ board }) => board.tasks.stall(NEVER_MS)),
  },
  "boot-loop": {
    help: "the program crashes at every start: firmware failure, and nothing more is played",
    inject: once(({ board }) => {
      board.firmware = () => {
        throw new Error("injected exception");
      };
      board.crash("panic");
    }),
  },
  brownout: {
    help: "the voltage drops once: a fault of the rig, and the scenario begins again",
    inject: once(({ board }) => board.crash("brownout")),
  },
  brownouts: {
    help: "the voltage drops again and again: a fault of the rig",
    inject: ({ board }) => {
      const again = setInterval(() => board.crash("brownout"), AGAIN_MS);
      board.crash("brownout");
      return () => clearInterval(again);
    },
  },
  unplug: {
    help: "the cable is pulled for good: board lost",
    inject: once(emulated => emulated.unplug()),
  },
  replug: {
    help: `the cable is out for ${OUT_MS / 1000} s: a fault of the rig, and the scenario begins again`,
    inject: emulated => {
      emulated.unplug();
      const back = setTimeout(() => emulated.plug(), OUT_MS);
      return () => clearTimeout(back);
    },
  },
  noise: {
    help: "the serial line is disturbed: a fault of the rig, and affected scenarios are played again",
    inject: once(({ binding }) => {
      let left = DISTURBED_BYTES;
      binding.disturbance = bytes => {
        left -= bytes.byteLength;
        return left < 0 ? bytes : bytes.map(byte => byte ^ 0x95);
      };
    }),
  },
  "stray-byte": {
    help: "a stray byte comes in front of every line: nothing fails by it",
    board: () => {
      const emulated = new EmulatedBoard();
      let atStart = true;
      emulated.binding.disturbance = bytes => {
        const line = [...bytes].flatMap(byte => {
          const stray = atStart && byte !== LF ? [STRAY, byte] : [byte];
          atStart = byte === LF;
          return stray;
        });
        return Uint8Array.from(line);
      };
      return emulated;
    },
  },
  "lost-reply": {
    help: "the first answer of the console is lost: a fault of the rig, and the rig asks again",
    board: () => {
      const emulated = new EmulatedBoard();
      /** The last bytes received; the whole of an answer that is still arriving. */
      let text = "";
      let lost = false;
      emulated.binding.disturbance = bytes => {
        if (lost) return bytes;
        const before = text.length;
        text += Buffer.from(bytes).toString("latin1");
        const answer = /\nok[^\n]*(\n?)/.exec(text);
        if (answer === null) {
          text = text.slice(-REMEMBERED);
          return bytes;
        }
        // Drops the answer from its first letter to its end of line, in however many pieces it comes.
        lost = answer[1] !== "";
        const from = Math.max(0, answer.index + 1 - before);
        const to = answer.index + answer[0].length - before;
        return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
      };
      return emulated;
    },
  },
  download: {
    help: "the board falls into download mode: a fault of the rig, and the scenario begins again",
    inject: once(({ board: { adapter, clock } }) => {
      adapter.set({ dtr: false, rts: true });
      adapter.set({ dtr: true, rts: false });
      clock.after(AGAIN_MS, () => adapter.set({ dtr: false, rts: false }));
    }),
  },
  erased: {
    help: "the flash of the chip is not readable: a fault of the rig",
    board: () => {
      const emulated = new EmulatedBoard();
      emulated.board.firmware = ({ log }) => log("flash read err, 1000");
      return emulated;
    },
  },
  "no-wifi": {
    help: "the board never gets an address: a fault of the rig",
    board: () => new EmulatedBoard({ ...mendedBoard(), joinMs: NEVER_MS }),
  },
};

function once(inject: (emulated: EmulatedBoard) => void): NonNullable<InjectableFault["inject"]> {
  return emulated => {
    inject(emulated);
    return undefined;
  };
}
