/** What a stream says when it is closed, or was ended by an error before. */
const CLOSED = ["EPIPE", "ERR_STREAM_DESTROYED"];

/**
 * Lets a command finish when standard output is closed early (`… | head`): reports are still to be written, and
 * its exit code to be right. An output that cannot be written (a full disk) is reported once, and the exit code is
 * 1 where the command has none of its own.
 */
export function ignoreBrokenPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (CLOSED.includes(error.code ?? "")) return;
    process.stderr.write(`standard output cannot be written: ${error.message}\n`);
    process.exitCode ??= 1;
  });
}
