/** The packets of one way between the board and an address of the peer. */
export type Direction = "to the peer" | "to the board";

/** The faults of the wire (native/world.h). What is left out does not happen. */
export interface Weather {
  /** From this on, up to `delayMaxMs`; 1 without it. */
  readonly delayMinMs?: number;
  readonly delayMaxMs?: number;
  /** Chances of each packet, in a thousand. */
  readonly lossPermille?: number;
  readonly duplicatePermille?: number;
  /** Arrives up to `reorderMs` later than it would, behind others. */
  readonly reorderPermille?: number;
  readonly reorderMs?: number;
  /** Is lost, and its receiver gets an RST instead. */
  readonly resetPermille?: number;
}

/** Without a weather of its own a packet takes so long. */
const DELAY_MS = 1;

/** The command for the network in the engine's process (board/wire.c). */
export function weatherCommand(address: string, direction: Direction, weather: Weather): string {
  const { delayMinMs = DELAY_MS, delayMaxMs = delayMinMs } = weather;
  const chances = [
    weather.lossPermille,
    weather.duplicatePermille,
    weather.reorderPermille,
    weather.reorderMs,
    weather.resetPermille,
  ];
  const way = direction === "to the peer" ? 0 : 1;
  const numbers = [delayMinMs, delayMaxMs, ...chances.map((chance = 0) => chance)];
  return `weather ${address} ${way} ${numbers.map(Math.round).join(" ")}`;
}
