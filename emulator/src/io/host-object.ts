/**
 * An object of XS whose data is kept in C, under the hooks of its class. Its members accept no other
 * receiver, and none after `close` (xs/sources/xsAPI.c @ 48ee02d).
 */
export class HostObject {
  /** The hooks of the class that made the object; none once the data was released. */
  #hooks: object | undefined;

  constructor(hooks: object) {
    this.#hooks = hooks;
  }

  /** Throws a SyntaxError unless `receiver` has data of this class (xsmcGetHostDataValidate). */
  static validate(receiver: unknown, hooks: object): void {
    if (HostObject.#hooksOf(receiver) === hooks) return;
    throw new SyntaxError("C: xsGetHostData: invalid host data");
  }

  /** Releases the data, as `close` does first. False: it was released before. */
  static release(receiver: unknown, hooks: object): boolean {
    if (HostObject.#hooksOf(receiver) === undefined) return false;
    HostObject.validate(receiver, hooks);
    (receiver as HostObject).#hooks = undefined;
    return true;
  }

  static #hooksOf(receiver: unknown): object | undefined {
    if (typeof receiver === "object" && receiver !== null && #hooks in receiver) {
      return receiver.#hooks;
    }
    throw new SyntaxError("C: xsGetHostData: not a host object");
  }
}
