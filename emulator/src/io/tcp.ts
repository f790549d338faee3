import type { NativePipeOptions } from "../../../firmware/src/platform.ts";
import type { TCP, TCPClass, TCPOptions } from "../platform.ts";
import type { Account } from "./account.ts";
import { dottedAddress } from "./address.ts";
import {
  argument,
  callback,
  checkPort,
  initialFormat,
  integer,
  isReference,
  signedInteger,
  text,
  viewOf,
} from "./arguments.ts";
import { HostObject } from "./host-object.ts";
import type { SocketCode, TcpRecord } from "./socket-code.ts";
import type { Stack } from "./stack.ts";

/** The class of one program. */
export interface TCPFamily {
  readonly TCP: TCPClass;
  readonly code: SocketCode;
  /** The record of an object of it. */
  recordOf(tcp: TCP): TcpRecord;
}

/**
 * `embedded:io/socket/tcp` of the ESP32: arguments and options. What happens then is the code's
 * (socket-code.ts). After `close` every member throws SyntaxError.
 */
class EmulatedTCP extends HostObject implements TCP {
  declare target: unknown;
  #code: SocketCode;
  #record: TcpRecord;
  #format = "buffer";
  /** The account of the program whose class this is: it counts the object. */
  #account: Account;

  constructor(stack: Stack, code: SocketCode, given: [options?: TCPOptions]) {
    super(EmulatedTCP);
    this.#code = code;
    this.#account = stack.account;
    if (given.length === 0) {
      this.#record = code.tcp({ object: this, callbacks: {} });
      this.#account.objects++;
      return;
    }
    if (!stack.online) throw new Error("no network");
    const options = given[0]!;
    this.#format = knownFormat(initialFormat(options, "buffer"));
    this.#record = code.tcp({
      object: this,
      callbacks: {
        onReadable: callback(options.onReadable),
        onWritable: callback(options.onWritable),
        onPiped: code.pipes ? callback(options.onPiped) : undefined,
        onEnd: code.halfCloses ? callback(options.onEnd) : undefined,
        onError: callback(options.onError),
      },
    });
    const nagle = "nodelay" in options ? !options.nodelay : undefined;
    const keepaliveMs = code.halfCloses && "keepalive" in options ? keepalive(options) : undefined;
    if ("from" in options) this.#take(options.from);
    else this.#connect(options);
    if (nagle !== undefined) this.#record.nagle = nagle;
    if (keepaliveMs !== undefined) this.#record.keepaliveMs = keepaliveMs;
    this.#account.objects++;
    this.#record.started();
    if (!("target" in options)) return;
    try {
      this.target = options.target; // a subclass may have a setter
    } catch (error) {
      EmulatedTCP.prototype.close.call(this);
      throw error;
    }
  }

  static recordOf(tcp: TCP): TcpRecord {
    checkOpen(tcp);
    return tcp.#record;
  }

  #connect(options: TCPOptions): void {
    const given = text(options.address);
    if (Buffer.byteLength(given) >= this.#code.addressBufferBytes) {
      throw new RangeError("cannot buffer string");
    }
    const address = dottedAddress(given);
    if (address === undefined) throw new Error("invalid address");
    const port = checkPort(signedInteger(options.port));
    this.#record.connect(address, port);
  }

  #take(from: unknown): void {
    checkOpen(from);
    this.#record.take(from.#record);
    from.close();
  }

  get remoteAddress(): string {
    checkOpen(this);
    return this.#record.remote()?.remoteAddress as string;
  }

  get remotePort(): number {
    checkOpen(this);
    return this.#record.remote()?.remotePort as number;
  }

  get format(): string {
    checkOpen(this);
    return this.#format;
  }

  set format(format: string) {
    checkOpen(this);
    const known = knownFormat(this.#code.checkFormat(format));
    checkOpen(this); // the conversion may have closed it
    this.#format = known;
  }

  read(into: ArrayBuffer | Uint8Array): number | undefined;
  read(count?: number): ArrayBuffer | number | undefined;
  read(...given: [into?: number | ArrayBuffer | Uint8Array]): ArrayBuffer | number | undefined {
    checkOpen(this);
    const { readable } = this.#record;
    if (readable === 0) return undefined;
    if (this.#format === "number") {
      const byte = new Uint8Array(1);
      this.#record.fill(byte);
      return byte[0];
    }
    const [into] = given;
    if (isReference(into)) {
      const view = viewOf(into);
      checkCount(view.byteLength, readable);
      this.#record.fill(view);
      return view.byteLength;
    }
    const count = given.length === 0 ? readable : integer(into);
    checkCount(count, readable);
    const bytes = new Uint8Array(count);
    this.#record.fill(bytes);
    return bytes.buffer;
  }

  write(...given: [bytes: ArrayBuffer | Uint8Array | number]): number | undefined {
    checkOpen(this);
    const isNumber = this.#format === "number";
    // No closure here, and no array: each piece of a stream comes by.
    if (isNumber && this.#code.convertsNumberFirst) {
      const byte = this.#byteOf(argument(given, 0));
      return this.#record.canWrite() ? this.#record.write(byte) : undefined;
    }
    if (!this.#record.canWrite()) return undefined;
    const bytes = argument(given, 0);
    return this.#record.write(isNumber ? this.#byteOf(bytes) : viewOf(bytes));
  }

  #byteOf(number: unknown): Uint8Array {
    const byte = Uint8Array.of(integer(number));
    checkOpen(this); // the conversion may have closed it
    return byte;
  }

  close(reset?: boolean): void {
    if (!HostObject.release(this, EmulatedTCP)) return;
    this.#record.close(!!reset);
    this.#account.objects--;
  }

  static end(tcp: TCP): void {
    checkOpen(tcp);
    tcp.#record.end();
  }

  static unread(tcp: TCP, bytes: ArrayBuffer | Uint8Array): boolean {
    checkOpen(tcp);
    return tcp.#record.unread(viewOf(bytes));
  }
}

/** The class for one program on this stack. */
export function defineTCP(stack: Stack, code: SocketCode): TCPFamily {
  class TCP extends EmulatedTCP {
    constructor(...given: [options?: TCPOptions]) {
      super(stack, code, given);
    }
  }
  class HalfClosingTCP extends TCP {
    end(): void {
      EmulatedTCP.end(this);
    }

    unread(bytes: ArrayBuffer | Uint8Array): boolean {
      return EmulatedTCP.unread(this, bytes);
    }
  }
  class PipingTCP extends HalfClosingTCP {
    pipe(to: TCP, options: NativePipeOptions): void {
      const target = EmulatedTCP.recordOf(to);
      EmulatedTCP.recordOf(this).pipe(target, options);
    }

    unpipe(): void {
      EmulatedTCP.recordOf(this).unpipe();
    }

    get readable(): number {
      return EmulatedTCP.recordOf(this).readable;
    }

    get writable(): number {
      return EmulatedTCP.recordOf(this).writable;
    }

    get passed(): number | undefined {
      return EmulatedTCP.recordOf(this).piped?.passed;
    }

    get waitsFor(): number | undefined {
      const pipe = EmulatedTCP.recordOf(this).piped;
      return pipe && Number(pipe.waitsForRoom);
    }

    get heldBytes(): number | undefined {
      return EmulatedTCP.recordOf(this).piped?.heldBytes;
    }
  }
  return {
    TCP: code.pipes ? PipingTCP : code.halfCloses ? HalfClosingTCP : TCP,
    code,
    recordOf: EmulatedTCP.recordOf,
  };
}

function checkOpen(receiver: unknown): asserts receiver is EmulatedTCP {
  HostObject.validate(receiver, EmulatedTCP);
}

/** TCP has two formats. */
function knownFormat(format: string): string {
  if (format !== "buffer" && format !== "number") throw new RangeError("unimplemented");
  return format;
}

function keepalive(options: TCPOptions): number {
  const ms = signedInteger(options.keepalive);
  if (ms < 0) throw new RangeError("invalid keepalive");
  return ms;
}

function checkCount(requested: number, readable: number): void {
  if (requested <= 0 || requested > readable) throw new Error("invalid");
}
