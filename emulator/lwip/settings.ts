import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { settingsOf } from "../src/boards/esp32.ts";

/** The settings of ESP-IDF that the firmware changes. */
const FIRMWARE_SDKCONFIG = new URL("../../firmware/sdkconfig/sdkconfig.defaults", import.meta.url);

/**
 * ESP-IDF's defaults (components/lwip/Kconfig, v6.0) for what neither the SDK nor the emulated board names.
 */
const IDF_DEFAULTS: Readonly<Record<string, number>> = {
  LWIP_IPV6: 1,
  LWIP_LOOPBACK_MAX_PBUFS: 8,
  LWIP_MAX_UDP_PCBS: 16,
  LWIP_TCP_MAXRTX: 12,
  LWIP_TCPIP_CORE_LOCKING: 0,
  LWIP_TCPIP_RECVMBOX_SIZE: 32,
};

/** Settings of the firmware that have no line in `native/lwipopts.h`, and why. */
export const NOT_OPTIONS: Readonly<Record<string, string>> = {
  LWIP_L2_TO_L3_COPY: "is the Wi-Fi driver's: receivePacket copies, as it does then",
  LWIP_TCPIP_TASK_STACK_SIZE: "is FreeRTOS's: a computer gives its threads much more",
};

export function firmwareSdkconfig(): string {
  return readFileSync(fileURLToPath(FIRMWARE_SDKCONFIG), "utf8");
}

/** Every number that `native/lwipopts.h` may name, as a flag of the compiler. */
export function settingFlags(sdkconfig = firmwareSdkconfig()): string[] {
  const settings = { ...IDF_DEFAULTS, ...settingsOf(sdkconfig) };
  return Object.entries(settings)
    .filter(([name]) => name.startsWith("LWIP_"))
    .map(([name, value]) => `-DCONFIG_${name}=${value}`)
    .sort();
}
