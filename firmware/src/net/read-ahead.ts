/** A source of bytes. */
export interface Source {
  /** Fills `view`. */
  read(view: Uint8Array): unknown;
}

/** An object with a source; bytes that were read ahead replace it until they are consumed. */
interface Reader {
  source: Source;
}

/** Bytes that were read from a reader's source, and are still to be read from the reader. */
export class ReadAhead implements Source {
  bytes: Uint8Array;
  /** The source after them. */
  readonly behind: Source;
  private reader: Reader;

  constructor(bytes: Uint8Array, reader: Reader) {
    this.bytes = bytes;
    this.reader = reader;
    this.behind = reader.source;
  }

  get length(): number {
    const behind = this.behind instanceof ReadAhead ? this.behind.length : 0;
    return this.bytes.byteLength + behind;
  }

  read(view: Uint8Array): void {
    const bytes = this.bytes;
    const count = bytes.byteLength;
    const wanted = view.byteLength;
    if (count > wanted) {
      view.set(bytes.subarray(0, wanted));
      this.bytes = bytes.subarray(wanted);
      return;
    }
    view.set(bytes);
    this.reader.source = this.behind;
    if (count < wanted) this.behind.read(view.subarray(count));
  }
}
