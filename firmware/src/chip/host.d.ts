// Two functions that the SDK's compiler (xsc) replaces by code, and that its typings lack (its documentation, chapter "XS in C", section "Native"). A
// method that only calls a C function with its own parameters becomes that function, without byte code.

/** A base class whose objects may have data of C; the C function of this name frees it. */
declare function Native(destructor: string): new () => object;

/** The C function of this name. */
declare function native<Result = void>(
  name: string,
): { call(self: object, ...values: readonly unknown[]): Result };
