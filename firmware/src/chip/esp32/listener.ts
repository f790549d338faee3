/// <reference path="../host.d.ts" />
import type { ListenerSocket } from "../../platform.ts";
import TCP from "./tcp.ts";

/** The only format of a listener. */
const FORMAT = "socket/tcp";

/** Makes the object of an accepted connection, with this prototype. */
const accept = native<TCP | undefined>("xs_native_listener_read");

/** The class of `native/binding.h`: a listening socket of ECMA-419. */
export default class Listener
  extends Native("xs_native_listener_destructor")
  implements ListenerSocket
{
  constructor(options: { port: number; onReadable(connections: number): void }) {
    super();
    native("xs_native_listener_constructor").call(this, options);
  }

  read(): TCP | undefined {
    return accept.call(this, TCP.prototype);
  }

  close(): void {
    native("xs_native_listener_close").call(this);
  }

  get port(): number {
    return native<number>("xs_native_listener_get_port").call(this);
  }

  get format(): string {
    return FORMAT;
  }

  set format(format: string) {
    if (format !== FORMAT) throw new RangeError(`format "${format}": wanted "${FORMAT}"`);
  }
}
