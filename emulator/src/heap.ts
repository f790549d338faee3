/**
 * The chip's heap: how much of it the parts of the board take. It is an estimate; the
 * allocator's own overhead and its fragments are not in it.
 */
export class Heap {
  #sizeBytes: number;
  #others: () => number;
  #taken = 0;
  #floorBytes: number;

  /** `others`: bytes of the heap that the sockets use, which keep their own account. */
  constructor(sizeBytes: number, others: () => number = () => 0) {
    this.#sizeBytes = sizeBytes;
    this.#others = others;
    this.#floorBytes = sizeBytes;
  }

  /** Free bytes now (esp_get_free_heap_size). */
  get freeBytes(): number {
    const free = Math.max(0, this.#sizeBytes - this.#taken - this.#others());
    this.#floorBytes = Math.min(this.#floorBytes, free);
    return free;
  }

  /** The least free heap since the reset (esp_get_minimum_free_heap_size). */
  get floorBytes(): number {
    return Math.min(this.#floorBytes, this.freeBytes);
  }

  /** False: not enough is free, and nothing was taken (malloc returns NULL). */
  take(bytes: number): boolean {
    if (bytes > this.freeBytes) return false;
    this.#taken += bytes;
    this.#floorBytes = Math.min(this.#floorBytes, this.freeBytes);
    return true;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
  }

  /** A reset: all memory is free again. */
  reset(): void {
    this.#taken = 0;
    this.#floorBytes = this.#sizeBytes;
  }
}
