/** A moment by the clocks of the board's time zone. */
export interface LocalMoment {
  /** Day of the week, from Monday, which is 0. */
  readonly day: number;
  /** Since midnight. */
  readonly minute: number;
}

const DAYS: readonly string[] = Object.freeze(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** 1970-01-01 was a Thursday. */
const FIRST_DAY = 3;

/** The moment of a time since 1970 with the zone's offset from UTC added, in ms. */
export function localMoment(localMs: number): LocalMoment {
  const days = Math.floor(localMs / DAY_MS);
  return {
    day: (days + FIRST_DAY) % 7,
    minute: Math.floor((localMs - days * DAY_MS) / MINUTE_MS),
  };
}

/**
 * True within one of the times, each as in the configuration: `07:30-22:00` for each day, or `mon-fri 07:30-22:00`. A time that ends
 * before it begins lasts over midnight, from its days to the next ones.
 */
export function isAwakeTime(times: readonly string[], moment: LocalMoment): boolean {
  return times.some(time => isWithin(time, moment));
}

function isWithin(time: string, { day, minute }: LocalMoment): boolean {
  const space = time.indexOf(" ");
  const days = space < 0 ? "mon-sun" : time.slice(0, space);
  const [begin, end] = time
    .slice(space + 1)
    .split("-")
    .map(minutesOf);
  if (begin < end) return minute >= begin && minute < end && hasDay(days, day);
  if (minute >= begin) return hasDay(days, day);
  return minute < end && hasDay(days, (day + 6) % 7);
}

function minutesOf(clock: string): number {
  const [hours, minutes] = clock.split(":").map(Number);
  return hours * 60 + minutes;
}

/** `days` is a day, or a range, which may go over the end of the week. */
function hasDay(days: string, day: number): boolean {
  const [first, last = first] = days.split("-");
  const from = DAYS.indexOf(first);
  return (day - from + 7) % 7 <= (DAYS.indexOf(last) - from + 7) % 7;
}
