import Ethernet from "embedded:network/interface/ethernet";
import { nativeCode } from "chip/native";
import { openEthernet } from "link/ethernet-link";
import { interfaceState } from "link/interface-state";
import type { OpenLink } from "../exports.ts";

/** ESP-IDF's name of the interface. */
const INTERFACE = "ETH_DEF";

/** A cable needs no credentials. */
export const openLink: OpenLink = (clock, report) => {
  const state = () => interfaceState(nativeCode, INTERFACE);
  return openEthernet({ Ethernet, clock, report, state });
};
