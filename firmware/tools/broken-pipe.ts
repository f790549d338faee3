/** Errors of a stream that is closed, or was ended by an earlier error. */
const CLOSED = ["EPIPE", "ERR_STREAM_DESTROYED"];

/**
 * Lets a command finish when standard output is closed early (`… | head`), so that it still writes its reports and
 * ends with the right exit code. Another error of the output (a full disk) is reported once, and the exit code is 1
 * unless the command sets another.
 */
export function ignoreBrokenPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (CLOSED.includes(error.code ?? "")) return;
    process.stderr.write(`standard output cannot be written: ${error.message}\n`);
    process.exitCode ??= 1;
  });
}
