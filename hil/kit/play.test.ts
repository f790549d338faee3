import { expect as storyExpect } from "expect";
import type { Network } from "net-mock-socket";
import { expect, test } from "vitest";
import { memoryTarget } from "./memory-target.ts";
import { play } from "./play.ts";
import type { Scenario, ScenarioBody } from "./scenario.ts";
import { type Need, NotSupported, type Target, type TestBed } from "./target.ts";

const memory = memoryTarget();

function told(
  scenario: ScenarioBody,
  options: { needs?: Need[]; faults?: RegExp[] } = {},
): Scenario {
  return {
    title: "a scenario",
    theme: "",
    needs: [],
    faults: [],
    measures: [],
    body: scenario,
    ...options,
  };
}

/** The target in memory, and what is different about its stages. */
function memoryWith(change: (testBed: TestBed, onLine: (line: string) => void) => void): Target {
  return {
    ...memory,
    setUp: onLine => {
      const testBed = memory.setUp(onLine);
      change(testBed, onLine);
      return testBed;
    },
  };
}

const echo: ScenarioBody = async lab => {
  lab.backend("red");
  const client = lab.client();
  await lab.proxy();
  client.send("hello");
  await client.receive("hello");
};

test("a scenario whose outcome is another one fails with its line and what happened, in the target's time", async () => {
  const failing = told(async lab => {
    await echo(lab);
    storyExpect(1).toBe(2);
  });
  const error = await play(failing, memory).catch(thrown => thrown);
  expect(error.stack).toContain("play.test.ts");
  expect(error.message).toMatch(/Expected: .*2/);
  expect(error.message).toMatch(/^ +800\.0 I \(800\) proxy: ready /m);
  expect(error.message).toMatch(/^ +8\d\d\.0 client:\d+ > board:80 DATA 5 sent$/m);
  expect(error.message).toMatch(/^ +8\d\d\.0 red takes connection 1$/m);
});

test("fifty requests at once need no more than to be awaited", async () => {
  let statuses: (number | undefined)[] = [];
  const crowd = told(async lab => {
    lab.backend("red");
    await lab.proxy();
    const replies = await Promise.all(Array.from({ length: 50 }, () => lab.get("/")));
    statuses = replies.map(({ status }) => status);
  });
  expect(await play(crowd, memory)).toEqual({});
  expect(statuses).toHaveLength(50);
  expect(statuses.filter(status => status === 200).length).toBeGreaterThanOrEqual(16);
});

test("a scenario that never ends fails, and says what it waits for", async () => {
  const endless = told(async lab => {
    lab.backend("red");
    const client = lab.client();
    await lab.proxy({ tunnelTimeoutMs: 3_600_000 });
    client.send("hello");
    await client.receive("good-bye");
  });
  await expect(play(endless, memory)).rejects.toThrow(
    'did not end within 900000 ms; it waits for client 1 to hear "good-bye"',
  );
});

test("waiting for bytes that cannot arrive any more fails with the bytes that did", async () => {
  const cut = told(async lab => {
    lab.backend("red", { raw: "answer" });
    const client = lab.client();
    await lab.proxy();
    client.send("hello");
    await client.receive("blue");
  });
  await expect(play(cut, memory)).rejects.toThrow(
    'client 1 waited to hear "blue", and the connection ended; it had received "red"',
  );
});

test("what is left on the board fails the scenario, though its outcome was right", async () => {
  const leaking = memoryWith(testBed => {
    testBed.leftovers = () => ({ sessions: 0, leaks: ["1 sessions"] });
  });
  await expect(play(told(echo), leaking)).rejects.toThrow("the board still had 1 sessions");
});

test("a fault in the log fails the scenario, unless it was to be expected; then its absence does", async () => {
  const line = "E (900) session: exception id=1 error=oh";
  const faulty = memoryWith((testBed, onLine) => testBed.clock.after(900, () => onLine(line)));
  const panicking = memoryWith((testBed, onLine) =>
    testBed.clock.after(900, () => onLine("Guru Meditation Error")),
  );
  const waiting: ScenarioBody = async lab => {
    await echo(lab);
    await new Promise<void>(resolve => lab.later(500, resolve));
  };
  await expect(play(told(waiting), faulty)).rejects.toThrow(`the log reports a fault: ${line}`);
  await expect(play(told(waiting), panicking)).rejects.toThrow("Guru Meditation");
  expect(await play(told(waiting, { faults: [/exception/] }), faulty)).toEqual({});
  await expect(play(told(waiting, { faults: [/exception/] }), memory)).rejects.toThrow(
    "the log does not report /exception/",
  );
});

test("a target that lacks what a scenario needs skips it with a word", async () => {
  const calm: Target = { ...memory, name: "calm", offers: ["reset"] };
  const faulty = told(echo, { needs: ["simulated-network"] });
  expect(await play(faulty, calm)).toEqual({ skipped: "calm has no simulated network" });

  const fixed = memoryWith(testBed => {
    testBed.boot = async () => {
      throw new NotSupported("this board has two backends, and the scenario wants one");
    };
  });
  expect(await play(told(echo), fixed)).toEqual({
    skipped: "this board has two backends, and the scenario wants one",
  });
});

test("a scenario that forgot to say what it needs fails where it would have worked", async () => {
  const careless = told(async lab => {
    await echo(lab);
    lab.wifi.drop(1000);
  });
  await expect(play(careless, memory)).rejects.toThrow(
    'this scenario uses simulated-network: declare it with scenario(title, { needs: ["simulated-network"] }, …)',
  );
});

test("the same seed plays the same storm to the packet, another seed another one", async () => {
  const storm = told(
    async lab => {
      lab.backend("red");
      const clients = lab.clients(4);
      await lab.proxy({ inspect: [] });
      lab.network.link("board", { jitterMs: 10, loss: 0.05 });
      for (const client of clients) client.send("x".repeat(20_000));
      lab.wifi.drop(5_000);
      await Promise.all(clients.map(client => client.receive(20_000)));
    },
    { needs: ["simulated-network"] },
  );
  const hash = async (seed: number) => {
    const target = memoryTarget({ seed });
    let network: Network | undefined;
    await play(storm, {
      ...target,
      setUp: onLine => {
        const testBed = target.setUp(onLine);
        network = testBed.network as Network;
        return testBed;
      },
    });
    return network!.trace.hash;
  };
  const first = await hash(7);
  expect(await hash(7)).toBe(first);
  expect(await hash(8)).not.toBe(first);
});

test("a session that only a time-out would end, or its backend's end, is found", async () => {
  const forgotten = told(async lab => {
    lab.backend("red");
    const client = lab.client();
    await lab.proxy();
    client.send("hello");
    await client.receive("hello");
    client.leave = () => {}; // as if the board did not notice
  });
  await expect(play(forgotten, memory)).rejects.toThrow(
    "when its clients had left, the board still had 1 sessions",
  );
});

test("a scenario in which a backend is sent what is no request has failed", async () => {
  const garbled = told(async lab => {
    lab.backend("red");
    const client = lab.client();
    await lab.proxy({ inspect: [] });
    client.send("GET / HTTP/1.1\r\nno field at all\r\n\r\n");
    await client.closed();
    const raw = lab.client();
    raw.send("hello");
    await raw.receive("hello");
  });
  expect(await play(garbled, memory)).toEqual({}); // the board refuses it, no backend sees it

  const around = told(async lab => {
    const red = lab.backend("red");
    await lab.proxy();
    red.broken = "a chunk of a wrong length";
  });
  await expect(play(around, memory)).rejects.toThrow(/^red was sent what is no request: a chunk/);
});
