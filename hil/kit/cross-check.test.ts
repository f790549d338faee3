import { describe, expect, test } from "vitest";
import type { Status } from "../../firmware/src/admin/status.ts";
import { type LogLine, parseLine } from "../../firmware/tools/log-line.ts";
import { disagreements, type Visit } from "./cross-check.ts";
import { memoryTarget } from "./memory-target.ts";
import { play } from "./play.ts";
import type { Scenario } from "./scenario.ts";
import type { ScenarioLab } from "./scenario-lab.ts";
import type { TestBed } from "./target.ts";

/** How each witness may be made to lie about the fourth of eight visits, which red had. */
interface Lies {
  readonly client?: (visit: Visit) => Visit;
  readonly backend?: (received: string) => string;
  readonly log?: (line: string) => string;
  readonly counters?: (status: Status) => Status;
}

/** Eight visits to two backends on the emulated board; what the witnesses say of each other. */
async function played({
  client = visit => visit,
  backend = received => received,
  log = line => line,
  counters = status => status,
}: Lies): Promise<string[]> {
  const memory = memoryTarget();
  let found: string[] = [];
  const scenario: Scenario = {
    ...{ title: "eight visits", theme: "", needs: ["status"], faults: [], measures: [] },
    body: async (lab: ScenarioLab) => {
      const [red] = [lab.backend("red", { raw: "answer" }), lab.backend("blue", { raw: "answer" })];
      await lab.proxy();
      const before = await lab.status();
      const visits: Visit[] = [];
      for (let i = 0; i < 8; i++) {
        const visitor = lab.client();
        visitor.send(`<${i}>`);
        const { received } = await visitor.closed();
        const visit = { endpoint: visitor.endpoint, word: `<${i}>`, received };
        visits.push(i === 2 ? client(visit) : visit);
      }
      red.received = backend(red.received);
      found = await lab.disagreements(visits, before);
    },
  };
  let asked = 0;
  await play(scenario, {
    ...memory,
    setUp: onLine => {
      const testBed: TestBed = memory.setUp(line => onLine(log(line)));
      const status = testBed.status!.bind(testBed);
      // The first look is before the visits.
      testBed.status = async () => (++asked === 1 ? status() : counters(await status()));
      return testBed;
    },
  });
  return found;
}

describe("of four witnesses", () => {
  test("all agree when all say what was", async () => {
    expect(await played({})).toEqual([]);
  });

  test("a client that was answered by another is found out, by backend, log and counters", async () => {
    const found = await played({ client: visit => ({ ...visit, received: "blue" }) });
    expect(found).toEqual([
      expect.stringMatching(/^[\d.:]+ \("<2>"\) was answered by blue, and received by red$/),
      expect.stringMatching(/^[\d.:]+ \("<2>"\) was answered by blue, and the log says red$/),
      "red answered 3 clients, and the board counted 4",
      "blue answered 5 clients, and the board counted 4",
    ]);
  });

  test("a backend that did not hear what its client says it answered is found out", async () => {
    const found = await played({ backend: received => received.replace("<2>", "") });
    expect(found).toEqual([
      expect.stringMatching(/"<2>"\) was answered by red, and received by no client$/),
    ]);
  });

  test("a log that names another backend is found out, and one that names none", async () => {
    const of = (id: number, text: string, other: string) => (line: string) =>
      line.includes(` session: end id=${id} `) ? line.replace(text, other) : line;
    const other = await played({ log: of(3, "backend=red", "backend=blue") });
    expect(other).toEqual([expect.stringMatching(/answered by red, and the log says blue$/)]);
    const none = await played({ log: of(3, " backend=red", "") });
    expect(none).toEqual([expect.stringMatching(/answered by red, and the log says none$/)]);
  });

  test("counters that are one off are found out", async () => {
    const one = (status: Status): Status => ({
      ...status,
      backends: status.backends.map(backend =>
        backend.name === "red" ? { ...backend, sessionsTotal: backend.sessionsTotal + 1 } : backend,
      ),
    });
    expect(await played({ counters: one })).toEqual([
      "red answered 4 clients, and the board counted 5",
    ]);
  });
});

describe("what the witnesses are asked", () => {
  const status = (sessionsTotal: number, failures = 0, requests = 0) =>
    ({
      backends: [{ name: "red", sessionsTotal, failures }],
      logDropped: { requests, board: 0 },
    }) as unknown as Status;
  const end = (client: string, backend: string): LogLine =>
    parseLine(`I (5) session: end id=1 client=${client} backend=${backend} in=1 out=1 ms=1 why=x`)!;
  const visit: Visit = { endpoint: "10.0.0.2:5000", word: "<0>", received: "red" };
  const red = { name: "red", received: "<0>", connections: 1 };

  test("a word that two backends received, and a connection that was logged twice, are disagreements", () => {
    const found = disagreements({
      visits: [visit],
      backends: [red, { ...red, name: "blue" }],
      log: [end(visit.endpoint!, "red"), end(visit.endpoint!, "red")],
      before: status(7),
      after: status(8),
    });
    expect(found.slice(0, 2)).toEqual([
      expect.stringContaining("received by red and blue"),
      expect.stringContaining("the log says red and red"),
    ]);
  });

  test("what was before does not count, nor what a backend did not take", () => {
    const log = [end("10.0.0.9:1", "red"), end(visit.endpoint!, "red")];
    const before = status(7, 1);
    const evidence = { visits: [visit], backends: [red], log, before };
    expect(disagreements({ ...evidence, after: status(9, 2) })).toEqual([]);
    expect(disagreements({ ...evidence, after: status(9, 1) })).toEqual([
      "red answered 1 clients, and the board counted 2",
    ]);
  });

  test("as many lines may be missing as the board has dropped meanwhile, and no more", () => {
    const evidence = {
      visits: [visit, { ...visit, endpoint: "10.0.0.2:5001" }],
      backends: [red],
      log: [],
      before: status(7, 0, 3),
    };
    expect(disagreements({ ...evidence, after: status(9, 0, 5) })).toEqual([]);
    expect(disagreements({ ...evidence, after: status(9, 0, 4) })).toEqual([
      expect.stringMatching(/5001 \("<0>"\) was answered by red, and the log says nothing$/),
    ]);
  });
});
