import { SCRATCH_BYTES } from "../../../firmware/src/net/raw-stream.ts";
import type { TCP } from "../../src/platform.ts";
import { host } from "./host.ts";

/**
 * The smallest forwarder: bytes of one side are read and written to the other, as far as there is
 * room, in pieces of a buffer as large as the proxy's. Nothing else: no timeouts, no endings, no
 * log. The measure for what the proxy's care costs.
 */

/** One of the two connections of a session, as `target` of its socket. */
interface Side {
  socket: TCP;
  other: Side;
  readable: number;
  writable: number;
}

interface Start {
  readonly backend: { readonly address: string; readonly port: number };
  readonly network: { readonly address: string | undefined };
}

let scratch: Uint8Array;
let listening = false;
let listen = () => {};

function forward(from: Side, to: Side): void {
  for (;;) {
    const count = Math.min(from.readable, to.writable, SCRATCH_BYTES);
    if (count === 0) return;
    const piece = count === SCRATCH_BYTES ? scratch : scratch.subarray(0, count);
    from.socket.read(piece);
    from.readable -= count;
    to.socket.write(piece);
    to.writable -= count;
  }
}

function onReadable(this: TCP, bytes: number): void {
  const side = this.target as Side;
  side.readable = bytes;
  forward(side, side.other);
}

function onWritable(this: TCP, bytes: number): void {
  const side = this.target as Side;
  side.writable = bytes;
  forward(side.other, side);
}

function serve(accepted: TCP | undefined, backend: Start["backend"]): void {
  const near = { readable: 0, writable: 0 } as Side;
  const far = { readable: 0, writable: 0, other: near } as Side;
  near.other = far;
  near.socket = new host.TCP({ from: accepted, target: near, onReadable, onWritable });
  far.socket = new host.TCP({ ...backend, target: far, onReadable, onWritable });
}

const COMMANDS: Record<string, (value: never) => unknown> = {
  start: ({ backend, network }: Start) => {
    scratch = new Uint8Array(SCRATCH_BYTES);
    listen = () => {
      const listener = new host.Listener({
        port: 80,
        onReadable: () => serve(listener.read(), backend),
      });
    };
    COMMANDS.network(network as never);
  },
  network: ({ address }: Start["network"]) => {
    if (address === undefined || listening) return;
    listening = true;
    listen();
  },
};

host.command = text => {
  const [name, value] = JSON.parse(text);
  COMMANDS[name](value as never);
  return undefined;
};
