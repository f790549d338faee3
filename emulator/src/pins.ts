/** The level of a pin as the circuit on it sees it. */
export type Level = 0 | 1;

/**
 * The pins of a board that its program may drive, each with a circuit that pulls it to 0 while the board does not drive it: the
 * transistor on a power button.
 */
export class Pins {
  #levels = new Map<number, Level>();
  #circuits = new Map<number, (level: Level) => void>();

  level(pin: number): Level {
    return this.#levels.get(pin) ?? 0;
  }

  /** Connects a circuit to a pin: `changed` is called with each new level. */
  connect(pin: number, changed: (level: Level) => void): void {
    this.#circuits.set(pin, changed);
  }

  /** The board drives the pin, or pulls it. */
  set(pin: number, level: Level): void {
    if (this.level(pin) === level) return;
    this.#levels.set(pin, level);
    this.#circuits.get(pin)?.(level);
  }

  /** A reset, or no power: the board drives no pin. */
  release(): void {
    for (const pin of this.#levels.keys()) this.set(pin, 0);
  }
}
