import { expect, test } from "vitest";
import { isAwakeTime, localMoment } from "./awake-times.ts";

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** `wed 07:29`. */
function moment(text: string) {
  const [day, clock] = text.split(" ");
  const [hours, minutes] = clock.split(":").map(Number);
  return { day: DAYS.indexOf(day), minute: hours * 60 + minutes };
}

test.each([
  ["07:30-22:00", "wed 07:30", "wed 21:59", "sun 12:00"],
  ["mon-fri 07:30-22:00", "mon 07:30", "fri 21:59"],
  ["sat 00:00-24:00", "sat 00:00", "sat 23:59"],
  ["22:00-06:00", "mon 22:00", "mon 05:59", "sun 00:00"],
  ["fri 22:00-02:00", "fri 22:00", "fri 23:59", "sat 00:00", "sat 01:59"],
  ["sun 23:00-01:00", "sun 23:00", "mon 00:59"],
  ["sat-mon 10:00-11:00", "sat 10:00", "sun 10:30", "mon 10:59"],
])("%s has the times %s, …", (time, ...moments) => {
  for (const text of moments)
    expect([text, isAwakeTime([time], moment(text))]).toEqual([text, true]);
});

test.each([
  ["07:30-22:00", "wed 07:29", "wed 22:00", "wed 00:00"],
  ["mon-fri 07:30-22:00", "sat 12:00", "sun 12:00", "mon 07:29"],
  ["sat 00:00-24:00", "fri 23:59", "sun 00:00"],
  ["22:00-06:00", "mon 06:00", "mon 21:59"],
  ["fri 22:00-02:00", "fri 01:00", "sat 02:00", "sat 22:00", "sun 01:00"],
  ["sun 23:00-01:00", "sun 00:30", "mon 01:00", "mon 23:30"],
  ["sat-mon 10:00-11:00", "fri 10:30", "tue 10:30"],
])("%s does not have the times %s, …", (time, ...moments) => {
  for (const text of moments)
    expect([text, isAwakeTime([time], moment(text))]).toEqual([text, false]);
});

test("any of several times is enough, and none is no time", () => {
  const times = ["mon 01:00-02:00", "mon 03:00-04:00"];
  expect(isAwakeTime(times, moment("mon 03:30"))).toBe(true);
  expect(isAwakeTime(times, moment("mon 02:30"))).toBe(false);
  expect(isAwakeTime([], moment("mon 02:30"))).toBe(false);
});

test("the day and minute of a moment are those of the calendar", () => {
  for (const text of ["1970-01-01T00:00", "2026-12-01T04:30", "2028-02-29T23:59"]) {
    const at = new Date(`${text}:59.999Z`);
    expect(localMoment(at.getTime())).toEqual({
      day: (at.getUTCDay() + 6) % 7,
      minute: at.getUTCHours() * 60 + at.getUTCMinutes(),
    });
  }
});
