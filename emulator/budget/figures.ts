import { SLOT_BYTES } from "../src/boards/chip-memory.ts";

/** One figure of the budget; less is better. */
export interface Figure {
  /** The figure's key in `firmware/budgets.json`. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** Measures figures that belong together. */
export type Measure = () => Promise<Figure[]>;

/** Digits behind the point that are kept: what is averaged is not exact to the last digit anyway. */
const DIGITS = 3;

export function figure(name: string, value: number, unit: string): Figure {
  if (!Number.isFinite(value)) throw new Error(`budget: ${name}: ${value} ${unit} is no figure`);
  return { name, value: Number(value.toFixed(DIGITS)), unit };
}

/** Memory of slots and chunks together, on the ESP32 and in an engine of 32 bits. */
export function esp32Bytes({ slots, chunkBytes }: { slots: number; chunkBytes: number }): number {
  return slots * SLOT_BYTES + chunkBytes;
}
