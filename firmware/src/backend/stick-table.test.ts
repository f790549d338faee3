import { expect, test } from "vitest";
import { CLIENT_EXPIRES_MS, CLIENTS_MAX, StickTable } from "./stick-table.ts";
import { backendAt } from "./testing.ts";

function table() {
  const clock = { ms: 0, now: () => clock.ms };
  return { clock, table: new StickTable(clock) };
}

const a = backendAt(0);
const b = backendAt(1);

test("a client finds its backend again, the last one that served it", () => {
  const { table: stick } = table();
  expect(stick.get(7)).toBeUndefined();
  stick.set(7, a);
  stick.set(8, b);
  stick.set(7, b);
  expect([stick.get(7), stick.get(8), stick.size]).toEqual([b, b, 2]);
});

test("half an hour after its last request a client is new", () => {
  const { clock, table: stick } = table();
  stick.set(7, a);
  clock.ms = CLIENT_EXPIRES_MS - 1;
  expect(stick.get(7)).toBe(a);
  clock.ms = CLIENT_EXPIRES_MS;
  expect(stick.get(7)).toBeUndefined();
  expect(stick.size).toBe(0);
});

test("it remembers a bounded number, and forgets who was served longest ago", () => {
  const { table: stick } = table();
  for (let client = 0; client < CLIENTS_MAX; client++) stick.set(client, a);
  stick.set(0, a); // seen again
  stick.set(1000, b);
  expect(stick.size).toBe(CLIENTS_MAX);
  expect([stick.get(0), stick.get(1), stick.get(1000)]).toEqual([a, undefined, b]);
});
