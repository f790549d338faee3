/** Waits until `scenario` has ended, or for `patienceMs`. True: it has ended. */
export async function driveInRealTime(
  scenario: Promise<unknown>,
  patienceMs: number,
): Promise<boolean> {
  let timeout: NodeJS.Timeout | undefined;
  const patience = new Promise<boolean>(resolve => {
    timeout = setTimeout(resolve, patienceMs, false);
  });
  const ended = scenario.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([ended, patience]);
  } finally {
    clearTimeout(timeout);
  }
}
