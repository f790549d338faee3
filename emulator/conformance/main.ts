import "chip/abort"; // before all that may throw
import Listener from "embedded:io/socket/listener";
import TCP from "embedded:io/socket/tcp";
import UDP from "embedded:io/socket/udp";
import { ChipClock } from "chip/clock";
import { openLink } from "chip/link";
import { restart } from "chip/restart";
import { NETWORK_DEFAULTS } from "config/network";
import config from "mc/config";
import type { ListenerClass, TCPClass, UDPClass } from "../src/platform.ts";
import { play } from "./remote/play.ts";

/** The conformance cases as a program of the chip: its real sockets, examined by the host. */
export default function main(): void {
  const { host, ssid, password } = config as unknown as {
    host: string;
    ssid: string;
    password: string;
  };
  const log = (line: string) => trace(line, "\n");

  const clock = new ChipClock(error => log(`# exception out of an alarm: ${error}`));
  const [address, port] = host.split(":");
  const link = openLink(clock, event => log(`# ${JSON.stringify(event)}`), { ssid, password });
  link.configure?.(NETWORK_DEFAULTS);
  play({
    TCP: TCP as unknown as TCPClass,
    Listener: Listener as unknown as ListenerClass,
    UDP: UDP as unknown as UDPClass,
    clock,
    link,
    host: { address, port: Number(port) },
    log,
    restart: () => restart?.(),
  });
}
