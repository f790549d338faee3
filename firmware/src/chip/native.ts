import FFI from "mc/ffi";

/** The C functions that manifest.json names: those of `native/`, and some of ESP-IDF. */
export const nativeCode = new FFI();
