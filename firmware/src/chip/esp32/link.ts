import WiFi from "embedded:network/interface/wifi";
import storage from "embedded:storage/key-value";
import { disablePowerSave } from "chip/machine";
import { TextStore } from "config/storage";
import { openWifi } from "wifi-link";
import type { OpenLink } from "../exports.ts";

/** The namespace of NVS for the credentials. */
const STORAGE_PATH = "wifi";

export const openLink: OpenLink = (clock, report, given) => {
  const store = TextStore.open(storage, STORAGE_PATH, report);
  return openWifi({ WiFi, clock, report, store, stayAwake: disablePowerSave }, given);
};
