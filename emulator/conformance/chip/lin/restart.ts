/** A simulator cannot start itself anew: whoever started it ends it and starts another. */
export function restart(): void {}
