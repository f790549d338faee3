/**
 * Replaces the SDK's module, which joins the Wi-Fi before `main` runs: it tries once, and never starts the program if
 * that fails. This program starts at once, and joins by itself.
 */
export default function setupNetwork(done: () => void): void {
  done();
}
