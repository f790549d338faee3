/** Who reads no further, as `head`, ends no run: reports are still to be written, and its exit code to be right. */
export function outliveReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
