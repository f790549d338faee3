/** The SDK's module `system` has no export: it leaves this global behind. */
declare const System: { restart(): void };

export function restart(): void {
  System.restart();
}
