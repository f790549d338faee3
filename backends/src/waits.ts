/** Waits for values that change: each wait looks again after each `changed`. */
export class Waits {
  #looks = new Set<() => void>();

  /** Calls `found` with the first value of `look`, now or after a later change. */
  until<T>(look: () => T | undefined, found: (value: T) => void): void {
    const again = () => {
      const value = look();
      if (value === undefined) return;
      this.#looks.delete(again);
      found(value);
    };
    this.#looks.add(again);
    again();
  }

  changed(): void {
    for (const look of [...this.#looks]) look();
  }
}
