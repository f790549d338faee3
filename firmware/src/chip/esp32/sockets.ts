import Listener from "native/listener";
import Search from "native/search";
import TCP from "native/tcp";
import type { Sockets } from "../exports.ts";

/** The sockets of `firmware/native`. */
export const sockets: Sockets = { TCP, Listener, Search, closesListeners: true };
