import type { Platform, PutBytes, PutFields, PutTexts, PutValue } from "../platform.ts";
import { putBytes, putFields, putTexts, putValue } from "./writing.ts";

/** The native functions; what is absent is done in TypeScript. */
export type NativeWriting = Pick<Platform, "putTexts" | "putBytes" | "putValue" | "putFields">;

/**
 * A buffer for a head, and the functions that write into it (http1/writing.ts). A head is written in a few calls of them: each
 * costs as much as the copy of some 200 bytes. No text is joined for it, and no view of a part is made.
 */
export class HeadWriter {
  readonly to: ArrayBuffer;
  readonly end: number;
  readonly putTexts: PutTexts;
  readonly putBytes: PutBytes;
  readonly putValue: PutValue;
  readonly putFields: PutFields;
  /** The buffer. */
  readonly bytes: Uint8Array;

  constructor(native: NativeWriting, bytes: number) {
    const buffer = new ArrayBuffer(bytes);
    this.to = buffer;
    this.end = bytes;
    this.putTexts = native.putTexts ?? putTexts;
    this.putBytes = native.putBytes ?? putBytes;
    this.putValue = native.putValue ?? putValue;
    this.putFields = native.putFields ?? putFields;
    this.bytes = new Uint8Array(buffer);
  }
}
