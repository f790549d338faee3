import { expect, test } from "vitest";
import { EmulatedLab, mass } from "../../../hil/kit/emulated-lab.ts";
import { named } from "../../../hil/kit/http-backend.ts";
import { get, HTTP_ONLY } from "../../../hil/kit/http-lab.ts";
import { type LogLine, parseLine } from "../../tools/log-line.ts";

/** More than twice as many as the serial line has room for. */
const REQUESTS_PER_SECOND = 200;
const CLIENTS = 4;
const PERIOD_MS = (CLIENTS * 1_000) / REQUESTS_PER_SECOND;

/** Rounds of requests between two warnings. */
const WARNING_ROUNDS = 20;

/** All lines that may wait are sent in less. */
const DRAIN_MS = 2_000;

/** A client that sends one request after the other on one connection. */
class Client {
  answered = 0;
  #socket;

  constructor(lab: EmulatedLab) {
    this.#socket = lab.connect();
    this.#socket.on("data", (bytes: Buffer) => {
      this.answered += bytes.toString("latin1").split("HTTP/1.1 200 OK").length - 1;
    });
  }

  send(text: string): void {
    this.#socket.write(text);
  }
}

/** The log as the computer gets it over the serial line, from the call on. */
function listen(lab: EmulatedLab): () => LogLine[] {
  const pieces: Uint8Array[] = [];
  lab.board.adapter.onBytes = bytes => pieces.push(bytes);
  return () => {
    const lines = Buffer.concat(pieces).toString().split("\r\n");
    expect(lines.pop()).toBe("");
    return lines.map(line => {
      const parsed = parseLine(line);
      if (parsed === undefined) throw new Error(`a torn line: ${line}`);
      return parsed;
    });
  };
}

test("a minute of 200 kept-alive requests a second: all are served, each line is sent or counted as dropped, and no warning is lost", async () => {
  const lab = new EmulatedLab(undefined, { pacedConsole: true });
  lab.backend("a", named("a").serve);
  await lab.serve(HTTP_ONLY);
  await lab.clock.run({ ms: DRAIN_MS });
  const log = listen(lab);
  const clients = Array.from({ length: CLIENTS }, () => new Client(lab));
  const rounds = mass((60 * REQUESTS_PER_SECOND) / CLIENTS);
  let warnings = 0;
  let requests = 0;
  for (let round = 0; round < rounds; round++) {
    for (const client of clients) client.send(get(`/${++requests}`));
    if (round % WARNING_ROUNDS === 0) {
      const level = warnings % 2 === 0 ? "W" : "E";
      const error = `${++warnings}`;
      lab.app!.report(
        level === "W"
          ? { level, on: "config", what: "save-failed", error }
          : { level, on: "config", what: "refused", error },
      );
    }
    await lab.clock.run({ ms: PERIOD_MS });
    // Each answer is there before the client asks again.
    expect(clients.map(({ answered }) => answered)).toEqual(clients.map(() => round + 1));
  }
  await lab.clock.run({ ms: DRAIN_MS });

  const lines = log();
  const sent = lines
    .filter(({ on }) => on === "http")
    .map(({ values }) => Number(values.path.slice(1)));
  const notices = lines.filter(({ on, what }) => on === "log" && what === "dropped");
  const dropped = notices.reduce((sum, { values }) => sum + Number(values.requests), 0);
  expect(new Set(sent).size).toBe(sent.length);
  expect(sent).toEqual([...sent].sort((a, b) => a - b));
  expect(sent.length + dropped).toBe(requests);
  expect(dropped).toBeGreaterThan(requests / 4);
  expect(notices.map(({ values }) => values.board)).toEqual(notices.map(() => "0"));
  const arrived = lines.filter(({ level, on }) => level !== "I" && on === "config");
  expect(arrived.map(({ values }) => Number(values.error))).toEqual(
    Array.from({ length: warnings }, (_, i) => i + 1),
  );
});
