import { connectionHeapBytes, creationOf, fixedLines, type Settings } from "./chip-memory.ts";
import type { BoardKind, LinkKind, SocketKind } from "./kind.ts";

/**
 * Moddable's lwIP settings for the ESP32: build/devices/esp32/xsProj-esp32/sdkconfig.defaults
 * @ 48ee02d. A setting that is not listed has ESP-IDF's default (components/lwip/Kconfig, v6.0).
 */
const MODDABLE_SDKCONFIG: Readonly<Record<string, number>> = {
  LWIP_MAX_ACTIVE_TCP: 8,
  LWIP_MAX_LISTENING_TCP: 4,
  LWIP_TCP_MSS: 1436,
  LWIP_TCP_SND_BUF_DEFAULT: 8192,
  LWIP_TCP_WND_DEFAULT: 8192,
  LWIP_TCP_FIN_WAIT_TIMEOUT: 20_000, // IDF
  ESP_TASK_WDT_TIMEOUT_S: 5, // IDF; Moddable turns the watchdog off
  LWIP_TCP_MSL: 60_000, // IDF
  LWIP_TCP_TMR_INTERVAL: 250, // IDF
  LWIP_TCP_SYNMAXRTX: 6,
  LWIP_TCP_RTO_TIME: 1500, // IDF
  LWIP_TCPIP_RECVMBOX_SIZE: 32, // IDF
  ESP_WIFI_STATIC_RX_BUFFER_NUM: 6,
  ESP_WIFI_DYNAMIC_RX_BUFFER_NUM: 12,
  ESP_WIFI_DYNAMIC_TX_BUFFER_NUM: 12,
  ETH_DMA_BUFFER_SIZE: 512, // IDF, as the next two
  ETH_DMA_RX_BUFFER_NUM: 10,
  ETH_DMA_TX_BUFFER_NUM: 10,
};

/** About what a board takes from reset to an address by DHCP; to be measured. */
const JOIN_MS: Readonly<Record<LinkKind, number>> = {
  wifi: 800,
  ethernet: 2_500, // the two ends negotiate their speed first
};

/** Length of the event queue where the manifest sets none (xs/platforms/esp/xsHost.c). */
const EVENT_QUEUE_LENGTH = 10;

/** A firmware's settings of its board: the texts of its two files. */
export interface FirmwareSettings {
  /** `sdkconfig.defaults`: lines of NAME=value. */
  readonly sdkconfig?: string;
  /** `manifest.json`. */
  readonly manifest?: string;
  readonly sockets?: SocketKind;
  readonly link?: LinkKind;
}

/** A DOIT DevKit V1 (ESP32-WROOM-32), or with `ethernet` a WT32-ETH01, that runs a firmware with these settings. */
export function esp32(settings: FirmwareSettings = {}): BoardKind {
  const { sdkconfig = "", manifest, sockets = "sdk", link = "wifi" } = settings;
  const set = settingsOf(sdkconfig);
  const { creation, ...defined } = JSON.parse(manifest ?? "{}");
  const eventQueueLength = queueLength(defined);
  const watchdog = set.ESP_TASK_WDT_EN && set.ESP_TASK_WDT_INIT && set.ESP_TASK_WDT_PANIC;
  const timerMs = set.LWIP_TCP_TMR_INTERVAL;
  const segmentBytes = set.LWIP_TCP_MSS;
  const sendBufferBytes = set.LWIP_TCP_SND_BUF_DEFAULT;
  return {
    name: link === "wifi" ? "esp32" : "wt32-eth01",
    connectionsMax: set.LWIP_MAX_ACTIVE_TCP,
    listenersMax: set.LWIP_MAX_LISTENING_TCP,
    sendBufferBytes,
    receiveWindowBytes: set.LWIP_TCP_WND_DEFAULT,
    segmentBytes,
    segmentsQueuedMax: segmentsQueuedMax(set),
    // tcp_slowtmr gives up at its next turn after the last SYN
    connectTimeoutMs: set.LWIP_TCP_SYNMAXRTX * set.LWIP_TCP_RTO_TIME + 2 * timerMs,
    timerMs,
    timeWaitMs: 2 * set.LWIP_TCP_MSL,
    lastAckTimeoutMs: 2 * set.LWIP_TCP_MSL,
    finWaitTimeoutMs: set.LWIP_TCP_FIN_WAIT_TIMEOUT,
    eventQueueLength,
    link,
    joinMs: JOIN_MS[link],
    bootMs: 400, // about, with a silent bootloader and a program of 1.5 MB; to be measured
    taskWatchdogMs: watchdog ? set.ESP_TASK_WDT_TIMEOUT_S * 1000 : undefined,
    heapBytes: connectionHeapBytes(fixedLines(set, creationOf(creation), eventQueueLength, link)),
    creation: manifest === undefined ? undefined : creationOf(creation),
    sockets,
    pipes: false,
    socketsMended: false,
    rssi: link === "wifi" ? -54 : undefined,
  };
}

/** TCP_SND_QUEUELEN: components/lwip/port/include/lwipopts.h */
export function segmentsQueuedMax(set: Settings): number {
  const { LWIP_TCP_SND_BUF_DEFAULT: bufferBytes, LWIP_TCP_MSS: segmentBytes } = set;
  return Math.floor((4 * bufferBytes + segmentBytes - 1) / segmentBytes);
}

/** Moddable's settings, and what a firmware changes of them; of two lines for one the last one counts. `y` is 1, `n` is 0. */
export function settingsOf(sdkconfig: string): Settings {
  const set: Record<string, number> = { ...MODDABLE_SDKCONFIG };
  for (const [, name, value] of sdkconfig.matchAll(/^CONFIG_(\w+)=(\d+|y|n)$/gm))
    set[name] = value === "y" ? 1 : value === "n" ? 0 : Number(value);
  return set;
}

export function queueLength(manifest: {
  defines?: { task?: { queueLength?: number } };
  platforms?: { esp32?: { defines?: { task?: { queueLength?: number } } } };
}): number {
  return (
    manifest.platforms?.esp32?.defines?.task?.queueLength ??
    manifest.defines?.task?.queueLength ??
    EVENT_QUEUE_LENGTH
  );
}
