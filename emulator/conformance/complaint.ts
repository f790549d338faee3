/** Plays a case; the first line of its complaint, `undefined` where it holds. */
export async function complaintOf(play: () => void | Promise<void>): Promise<string | undefined> {
  try {
    await play();
    return undefined;
  } catch (error) {
    return (error as Error).message.split("\n")[0];
  }
}
