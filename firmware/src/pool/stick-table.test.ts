import { expect, test } from "vitest";
import { backendAt } from "../backend/testing.ts";
import { CLIENT_EXPIRES_MS, CLIENTS_MAX, StickTable } from "./stick-table.ts";

function table() {
  const clock = { ms: 0, now: () => clock.ms };
  return { clock, table: new StickTable(clock) };
}

const a = backendAt(0);
const b = backendAt(1);
const group = { index: 0 };

test("a client gets the backend that served it last", () => {
  const { table: stick } = table();
  expect(stick.get(7, group)).toBeUndefined();
  stick.set(7, group, a);
  stick.set(8, group, b);
  stick.set(7, group, b);
  expect([stick.get(7, group), stick.get(8, group), stick.size]).toEqual([b, b, 2]);
});

test("an entry expires 30 min after the client's last request", () => {
  const { clock, table: stick } = table();
  stick.set(7, group, a);
  clock.ms = CLIENT_EXPIRES_MS - 1;
  expect(stick.get(7, group)).toBe(a);
  clock.ms = CLIENT_EXPIRES_MS;
  expect(stick.get(7, group)).toBeUndefined();
  expect(stick.size).toBe(0);
});

test("a full table drops the least recently used entry", () => {
  const { table: stick } = table();
  for (let client = 0; client < CLIENTS_MAX; client++) stick.set(client, group, a);
  stick.set(0, group, a); // used again
  stick.set(1000, group, b);
  expect(stick.size).toBe(CLIENTS_MAX);
  expect([stick.get(0, group), stick.get(1, group), stick.get(1000, group)]).toEqual([
    a,
    undefined,
    b,
  ]);
});

test("a client has a separate entry for each group", () => {
  const { table: stick } = table();
  stick.set(7, group, a);
  expect(stick.get(7, { index: 1 })).toBeUndefined();
  stick.set(7, { index: 1 }, b);
  expect([stick.get(7, group), stick.get(7, { index: 1 })]).toEqual([a, b]);
});
