import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../emulator/src/clock.ts";
import { Transcript, Unmet } from "./transcript.ts";

function bench() {
  const clock = new VirtualClock();
  const transcript = new Transcript(clock);
  const prints = (text: string) => transcript.add(Buffer.from(text));
  return { clock, transcript, prints, texts: () => transcript.lines.map(({ text }) => text) };
}

describe("lines", () => {
  test("are whole, however the bytes were cut, without colours and carriage returns", () => {
    const { prints, texts } = bench();
    for (const byte of "I (1) a: \u001b[0;32mgr\u00fcn\u001b[0m\r\nnext\r\n") {
      for (const part of Buffer.from(byte)) prints(Buffer.of(part).toString("latin1"));
    }
    expect(texts()).toHaveLength(2);
    expect(texts()[1]).toBe("next");
  });

  test("of multi-byte characters survive being cut", () => {
    const { transcript, texts } = bench();
    for (const byte of Buffer.from("grün\n")) transcript.add(Buffer.of(byte));
    expect(texts()).toEqual(["grün"]);
  });

  test("without an end count after a silence: a prompt has none", async () => {
    const { clock, prints, texts } = bench();
    prints("password: ");
    await clock.run({ ms: 99 });
    expect(texts()).toEqual([]);
    await clock.run({ ms: 2 });
    expect(texts()).toEqual(["password: "]);
    prints("\n");
    expect(texts()).toEqual(["password: "]); // the same line, now with its end
    prints("next\n");
    expect(texts()).toEqual(["password: ", "next"]);
  });

  test("that arrive in two parts are reported as a part, then whole, once", async () => {
    const { clock, prints, transcript } = bench();
    const lines: [string, boolean][] = [];
    transcript.watch(({ text, whole }) => lines.push([text, whole]));
    prints("I (4) a: id=1");
    await clock.run({ ms: 200 });
    prints("23\n> ");
    await clock.run({ ms: 200 });
    prints("\n");
    expect(lines).toEqual([
      ["I (4) a: id=1", false],
      ["I (4) a: id=123", true],
      ["> ", false],
      ["> ", true],
    ]);
  });

  test("without an end are cut", () => {
    const { prints, texts } = bench();
    for (let i = 0; i < 100; i++) prints("x".repeat(1000));
    expect(texts().length).toBeGreaterThan(5);
    expect(Math.max(...texts().map(text => text.length))).toBeLessThanOrEqual(17_384);
    prints("\n");
    expect(texts().join("")).toBe("x".repeat(100_000));
  });
});

describe("expect", () => {
  test("finds lines from before the call, since the mark", async () => {
    const { prints, transcript } = bench();
    prints("ip=1\n");
    const { match, mark } = await transcript.expect(/ip=(\d)/, { withinMs: 10 });
    expect(match[1]).toBe("1");
    prints("ip=2\n");
    const next = await transcript.expect(/ip=(\d)/, { withinMs: 10, since: mark });
    expect(next.match[1]).toBe("2");
  });

  test("resolves with a line that comes later", async () => {
    const { clock, prints, transcript } = bench();
    const awaited = transcript.expect(/ready/, { withinMs: 1000 });
    clock.after(500, () => prints("ready\n"));
    await clock.run({ ms: 600 });
    expect((await awaited).line.ms).toBe(500);
    expect(clock.pending).toBe(0);
  });

  test("rejects with what was waited for, for how long, since when, the last lines and the file", async () => {
    const { clock, prints, transcript } = bench();
    transcript.file = "hil-out/serial.log";
    prints("almost\n");
    const mark = transcript.mark();
    const awaited = transcript.expect(/ready/, { withinMs: 1000, since: mark });
    const caught = awaited.catch((error: unknown) => error as Error);
    await clock.run({ ms: 1001 });
    const { message } = (await caught) as Error;
    expect(message).toContain("waited for /ready/ since mark 7: no match within 1000 ms");
    expect(message).toContain("+     0 ms  almost");
    expect(message).toContain("the whole log: hil-out/serial.log");
  });

  test("does not match a quoted value", async () => {
    const { clock, prints, transcript } = bench();
    const awaited = transcript.expect(/ready/, { withinMs: 10 });
    const failed = expect(awaited).rejects.toThrow(Unmet);
    prints('I (1) http: request request="be ready"\n');
    await clock.run({ ms: 11 });
    await failed;
  });
});

describe("until", () => {
  const options = { withinMs: 60_000, since: 0, what: "serving", hopeless: () => undefined };

  test("asks after an earlier watcher has read the line", async () => {
    const { clock, prints, transcript } = bench();
    let serving = false;
    transcript.watch(({ text }) => {
      serving = text === "ready";
    });
    const awaited = transcript.until(() => serving, options);
    prints("ready\n");
    await awaited;
    expect(clock.pending).toBe(0);
  });

  test("rejects at once if it can no longer come, and after the time if it did not", async () => {
    const { clock, prints, transcript } = bench();
    let hopeless: string | undefined;
    const given = transcript.until(() => false, { ...options, hopeless: () => hopeless });
    hopeless = "no Wi-Fi";
    prints("line\n");
    await expect(given).rejects.toThrow("waited for serving since the beginning: no Wi-Fi");
    const late = transcript.until(() => false, { ...options, withinMs: 10 });
    const failed = expect(late).rejects.toThrow(Unmet);
    await clock.run({ ms: 11 });
    await failed;
    expect(clock.pending).toBe(0);
  });
});

describe("settled", () => {
  /** Time at which it resolves, in ms; `undefined` until then. */
  function settling({ clock, transcript }: Pick<ReturnType<typeof bench>, "clock" | "transcript">) {
    const settled: { ms?: number } = {};
    void transcript.settled(300, 3_000).then(() => {
      settled.ms = clock.now();
    });
    return settled;
  }

  test("resolves after the quiet time for a silent board", async () => {
    const { clock, transcript } = bench();
    const settled = settling({ clock, transcript });
    await clock.run({ ms: 5_000 });
    expect([settled.ms, clock.pending]).toEqual([300, 0]);
  });

  test("restarts the quiet time at each line: a dump is read to its end", async () => {
    const { clock, transcript, prints } = bench();
    const settled = settling({ clock, transcript });
    for (const ms of [200, 450, 700]) clock.after(ms, () => prints(`line at ${ms}\n`));
    await clock.run({ ms: 5_000 });
    expect(settled.ms).toBe(1_000);
  });

  test("does not wait for a board that never stops", async () => {
    const { clock, transcript, prints } = bench();
    const settled = settling({ clock, transcript });
    const chatter = () => {
      prints("and another thing\n");
      if (clock.now() < 4_000) clock.after(100, chatter);
    };
    clock.after(100, chatter);
    await clock.run({ ms: 5_000 });
    expect([settled.ms, clock.pending]).toEqual([3_000, 0]);
  });
});
