import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../emulator/src/clock.ts";
import type { RigBoard } from "./board.ts";
import { BoardError } from "./board-error.ts";
import { SerialConsole } from "./serial-console.ts";
import { Transcript } from "./transcript.ts";

/** A console that prints what the test wants when a command is typed. */
function bench(onTyped: (typed: string, prints: (...lines: string[]) => void) => void) {
  const clock = new VirtualClock();
  const transcript = new Transcript(clock);
  const typed: string[] = [];
  const noted: string[] = [];
  const prints = (...lines: string[]) => {
    for (const line of lines) transcript.add(Buffer.from(`${line}\r\n`));
  };
  const board = {
    transcript,
    link: {
      async send(text: string) {
        typed.push(text);
        onTyped(text, prints);
      },
    },
    incidents: { note: (kind: string) => noted.push(kind) },
  };
  const serialConsole = new SerialConsole(board as unknown as RigBoard);
  return { clock, serialConsole, typed, noted, prints };
}

const HEAP = ["heap", "> heap", "heap=41000", "ok"];

test("an answer is the lines after the echo, without log lines in between", async () => {
  const { serialConsole } = bench((_typed, prints) =>
    prints(
      "status",
      "> status",
      "version=0.1.0",
      "I (5) net: ip=10.0.0.1 rssi=-50",
      "up=1/2",
      "ok",
    ),
  );
  expect(await serialConsole.type("status")).toEqual(["version=0.1.0", "up=1/2", "ok"]);
});

test("an error of the console is an answer", async () => {
  const { serialConsole, noted } = bench((_typed, prints) =>
    prints("> drain x", "error no backend is called x"),
  );
  expect(await serialConsole.type("drain x")).toEqual(["error no backend is called x"]);
  expect(noted).toEqual([]);
});

test("stray bytes before its lines do not hide an answer, and earlier lines do not belong to it", async () => {
  const { serialConsole, noted, prints } = bench((_typed, prints) =>
    prints("~heap", "\0> heap", "heap=41000", "\xff~I (5) net: ip=10.0.0.1 rssi=-50", "~ok kept"),
  );
  prints("an older line");
  expect(await serialConsole.type("heap")).toEqual(["heap=41000", "ok kept"]);
  expect(noted).toEqual([]);
});

test("an answer whose echo was lost has the lines since the command", async () => {
  const { serialConsole, prints } = bench((_typed, prints) => prints("heap=41000", "ok"));
  prints("an older line");
  expect(await serialConsole.type("heap")).toEqual(["heap=41000", "ok"]);
});

test("commands go one at a time: the second waits for the first one's answer", async () => {
  const { clock, serialConsole, typed, prints } = bench(() => {});
  const first = serialConsole.type("heap");
  const second = serialConsole.type("status");
  await clock.run({ ms: 10 });
  expect(typed).toEqual(["\rheap\r"]);
  prints(...HEAP);
  await first;
  await clock.run({ ms: 10 });
  expect(typed).toEqual(["\rheap\r", "\rstatus\r"]);
  prints("> status", "up=0/0", "ok");
  expect(await second).toEqual(["up=0/0", "ok"]);
});

describe("an answer that does not come", () => {
  test("a chip that has overlooked the last byte gets a return, and no reply counts as lost", async () => {
    const { clock, serialConsole, typed, noted } = bench(
      (text, prints) => text === "\r" && prints(...HEAP),
    );
    const answer = serialConsole.type("heap");
    await clock.run({ ms: 600 });
    expect(await answer).toEqual(["heap=41000", "ok"]);
    expect([typed, noted]).toEqual([["\rheap\r", "\r"], []]);
  });

  test("a lost reply is asked for once more, and reported", async () => {
    let asked = 0;
    const { clock, serialConsole, noted } = bench((text, prints) => {
      if (text === "\rheap\r" && ++asked === 2) prints(...HEAP);
    });
    const answer = serialConsole.type("heap");
    await clock.run({ ms: 3_100 });
    expect(await answer).toEqual(["heap=41000", "ok"]);
    expect(noted).toEqual(["lost-reply"]);
  });

  test("a console that does not answer twice is the firmware's fault; the error has the last lines", async () => {
    const { clock, serialConsole, noted, prints } = bench(() => {});
    prints("I (7) proxy: ready ports=80");
    const caught = serialConsole.type("heap").catch((error: unknown) => error as BoardError);
    await clock.run({ ms: 6_100 });
    const error = (await caught) as BoardError;
    expect(error).toBeInstanceOf(BoardError);
    expect(error.blame).toBe("firmware");
    expect(error.message).toMatch(/^the console does not answer\n[\s\S]*proxy: ready ports=80/);
    expect(noted).toEqual(["lost-reply", "lost-reply"]);
  });

  test("a lost port ends this command, and not the next one", async () => {
    let gone = true;
    const { serialConsole } = bench((_text, prints) => {
      if (gone) throw new Error("the serial port is gone");
      prints(...HEAP);
    });
    await expect(serialConsole.type("heap")).rejects.toThrow("the serial port is gone");
    gone = false;
    expect(await serialConsole.type("heap")).toEqual(["heap=41000", "ok"]);
  });
});
