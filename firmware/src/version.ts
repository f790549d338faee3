/** The firmware's version, printed by its first log line: that of package.json, which the chip's build cannot read. */
export const VERSION = "0.1.0";
