import WiFi from "embedded:network/interface/wifi";
import storage from "embedded:storage/key-value";
import { disablePowerSave } from "chip/machine";
import { nativeCode } from "chip/native";
import { TextStore } from "config/storage";
import { interfaceState } from "link/interface-state";
import { openWifi } from "link/wifi-link";
import type { OpenLink } from "../exports.ts";

/** The namespace of NVS for the credentials. */
const STORAGE_PATH = "wifi";

/** ESP-IDF's name of the interface. */
const INTERFACE = "WIFI_STA_DEF";

export const openLink: OpenLink = (clock, report, given) => {
  const store = TextStore.open(storage, STORAGE_PATH, report);
  const state = () => interfaceState(nativeCode, INTERFACE);
  return openWifi({ WiFi, clock, report, state, store, stayAwake: disablePowerSave }, given);
};
