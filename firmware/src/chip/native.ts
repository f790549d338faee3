import FFI from "mc/ffi";

/** The C functions that manifest.json names: ours in `native/`, and some of ESP-IDF. */
export const nativeCode = new FFI();
