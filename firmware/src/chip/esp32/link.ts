/// <reference path="../host.d.ts" />
import WiFi from "embedded:network/interface/wifi";
import storage from "embedded:storage/key-value";
import { nativeCode } from "chip/native";
import { TextStore } from "config/storage";
import { interfaceState } from "link/interface-state";
import { openWifi } from "link/wifi-link";
import type { OpenLink } from "../exports.ts";

/** The namespace of NVS for the credentials. */
const STORAGE_PATH = "wifi";

/** ESP-IDF's name of the interface. */
const INTERFACE = "WIFI_STA_DEF";

/** In link.c: the linker takes all of ESP-IDF's Wi-Fi for a program with this function, and a board with Ethernet has none. */
const keepAwake = native("xs_link_stay_awake");

export const openLink: OpenLink = (clock, report, given) => {
  const store = TextStore.open(storage, STORAGE_PATH, report);
  const state = () => interfaceState(nativeCode, INTERFACE);
  const stayAwake = () => keepAwake.call(WiFi);
  return openWifi({ WiFi, clock, report, state, store, stayAwake }, given);
};
