import { availableParallelism } from "node:os";

/**
 * Runs tasks, as many at a time as there are processors. After a failure no further task starts; the first error is
 * thrown when the tasks under way have ended, so that the caller can delete the folder that they write to.
 */
export async function atOnce(tasks: readonly (() => Promise<unknown>)[]): Promise<void> {
  let next = 0;
  const worker = async () => {
    try {
      while (next < tasks.length) await tasks[next++]();
    } catch (error) {
      next = tasks.length;
      throw error;
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: availableParallelism() }, worker));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}
