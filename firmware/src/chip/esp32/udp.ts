/// <reference path="../host.d.ts" />
import type { Datagram, UDPSocket } from "../../platform.ts";

/** The class of `native/binding-udp.h`: a UDP socket of ECMA-419 with a bounded queue. */
export default class UDP extends Native("xs_native_udp_destructor") implements UDPSocket {
  declare target: unknown;

  constructor(options: {
    port?: number;
    timeToLive?: number;
    onReadable(this: UDPSocket, datagrams: number): void;
  }) {
    super();
    native("xs_native_udp_constructor").call(this, options);
  }

  read(): Datagram | undefined {
    return native<Datagram | undefined>("xs_native_udp_read").call(this);
  }

  write(bytes: ArrayBuffer | Uint8Array, address: string, port: number): void {
    native("xs_native_udp_write").call(this, bytes, address, port);
  }

  add(group: string): void {
    native("xs_native_udp_add").call(this, group);
  }

  remove(group: string): void {
    native("xs_native_udp_remove").call(this, group);
  }

  close(): void {
    native("xs_native_udp_close").call(this);
  }

  get port(): number {
    return native<number>("xs_native_udp_get_port").call(this);
  }

  get dropped(): number {
    return native<number>("xs_native_udp_get_dropped").call(this);
  }
}
