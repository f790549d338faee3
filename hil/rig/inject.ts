import { mendedBoard } from "../../emulator/proxy/firmware-board.ts";
import { EmulatedBoard } from "./emulated-board.ts";

/** How long a pulled cable is out when it comes back. */
const OUT_MS = 2_000;

/** What keeps on striking does so this often. */
const AGAIN_MS = 500;

/** Bytes that a disturbance lasts for: some lines of a log. */
const DISTURBED_BYTES = 300;

/** Characters in which the beginning of an answer is found. */
const REMEMBERED = 200;

/** What a loose plug adds: any byte that is no control character. */
const STRAY = "~".charCodeAt(0);
const LF = 10;

/** Longer than any timer: never. */
const NEVER_MS = 2 ** 31 - 1;

interface InjectableFault {
  /** What it is, and what the verdict should be. */
  readonly help: string;
  /** A board that is not as others are. */
  board?(): EmulatedBoard;
  /** In the midst of the first scenario; returns how to stop it where it goes on. */
  inject?(emulated: EmulatedBoard): (() => void) | undefined;
}

/** What can go wrong with a board, done to the emulated one: to see what the rig makes of it. */
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
      /** The end of what came; all of an answer that is still coming. */
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
        // From the answer's first letter on, to the end of its line, in however many pieces they come.
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
