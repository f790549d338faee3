import Listener from "embedded:io/socket/listener";
import TCP from "embedded:io/socket/tcp";
import UDP from "embedded:io/socket/udp";
import type { ListenerConstructor, TCPConstructor, UDPConstructor } from "../../platform.ts";
import type { ResetConnections, Sockets } from "../exports.ts";

/**
 * The SDK's sockets. Its published typings say that read and write of TCP return nothing; they return numbers. Its UDP has no
 * groups here, takes one datagram each 20 ms, drops empty ones, and keeps the newest 100 (modules/io/socket/lin/udp.c).
 */
export const sockets: Sockets = {
  TCP: TCP as unknown as TCPConstructor,
  Listener: Listener as unknown as ListenerConstructor,
  UDP: UDP as unknown as UDPConstructor,
};

export const resetConnections: ResetConnections = undefined;
