import Listener from "embedded:io/socket/listener";
import TCP from "embedded:io/socket/tcp";
import type { ListenerConstructor, TCPConstructor } from "../../platform.ts";
import type { ResetConnections, Sockets } from "../exports.ts";

/** The SDK's sockets. Its published typings say that read and write return nothing; they return numbers. */
export const sockets: Sockets = {
  TCP: TCP as unknown as TCPConstructor,
  Listener: Listener as unknown as ListenerConstructor,
};

export const resetConnections: ResetConnections = undefined;
