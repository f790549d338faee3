/**
 * Freezes `value` and every object in it. A frozen constant of a preloaded module lies in the chip's flash and
 * nowhere else; for any other the linker keeps a pointer in RAM, through which it could still be changed.
 */
export function deepFreeze<const T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === "object" && member !== null) deepFreeze(member);
  }
  return Object.freeze(value);
}
