/** The firmware's version, as its first log line tells it. */
export const VERSION = "0.1.0";
