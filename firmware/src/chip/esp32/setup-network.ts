/**
 * Stands where the SDK would join the Wi-Fi before `main` runs: it tries once and never starts the
 * program when that fails. Ours starts at once, and joins by itself.
 */
export default function setupNetwork(done: () => void): void {
  done();
}
