/// <reference path="../host.d.ts" />
import Listener from "native/listener";
import Search from "native/search";
import TCP from "native/tcp";
import UDP from "native/udp";
import type { ResetConnections, Sockets } from "../exports.ts";

/** The sockets of `firmware/native`. */
export const sockets: Sockets = {
  TCP,
  Listener,
  UDP,
  Search,
  closesListeners: true,
  multicast: true,
};

const stop = native("bindingStop");

/**
 * Before a restart: esp_restart closes no connection, and a client that waits for an answer would wait until its own time-out. The
 * segments go to the Wi-Fi driver at once, and leave if it still has time to send them.
 */
export const resetConnections: ResetConnections = () => stop.call(sockets);
