/// <reference path="../host.d.ts" />
import type { TCPCallbacks, TCPSocket } from "../../platform.ts";

/** The class of `native/binding.h`: a TCP connection of ECMA-419, and a little more. */
export default class TCP extends Native("xs_native_tcp_destructor") implements TCPSocket {
  declare target: unknown;

  constructor(
    options?: TCPCallbacks &
      ({ address: string; port: number } | { from: TCPSocket }) & { nodelay?: boolean },
  ) {
    super();
    native("xs_native_tcp_constructor").call(this, options);
  }

  read(into: Uint8Array): number | undefined {
    return native<number | undefined>("xs_native_tcp_read").call(this, into);
  }

  write(bytes: Uint8Array): number | undefined {
    return native<number | undefined>("xs_native_tcp_write").call(this, bytes);
  }

  end(): void {
    native("xs_native_tcp_end").call(this);
  }

  close(reset?: boolean): void {
    native("xs_native_tcp_close").call(this, reset);
  }

  unread(bytes: Uint8Array): boolean {
    return native<boolean>("xs_native_tcp_unread").call(this, bytes);
  }

  get readable(): number {
    return native<number>("xs_native_tcp_get_readable").call(this);
  }

  get writable(): number {
    return native<number>("xs_native_tcp_get_writable").call(this);
  }

  pipe(to: TCPSocket, options: object): void {
    native("xs_native_tcp_pipe").call(this, to, options);
  }

  unpipe(): void {
    native("xs_native_tcp_unpipe").call(this);
  }

  get passed(): number | undefined {
    return native<number | undefined>("xs_native_tcp_get_passed").call(this);
  }

  get waitsFor(): number | undefined {
    return native<number | undefined>("xs_native_tcp_get_waitsFor").call(this);
  }

  get heldBytes(): number | undefined {
    return native<number | undefined>("xs_native_tcp_get_heldBytes").call(this);
  }

  get found(): number | undefined {
    return native<number | undefined>("xs_native_tcp_get_found").call(this);
  }

  get searchState(): number | undefined {
    return native<number | undefined>("xs_native_tcp_get_searchState").call(this);
  }

  get remoteAddress(): string | undefined {
    return native<string | undefined>("xs_native_tcp_get_remoteAddress").call(this);
  }

  get remotePort(): number | undefined {
    return native<number | undefined>("xs_native_tcp_get_remotePort").call(this);
  }

  get format(): string {
    return native<string>("xs_native_tcp_get_format").call(this);
  }

  set format(format: string) {
    native("xs_native_tcp_set_format").call(this, format);
  }
}
