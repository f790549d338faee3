import { expect, test } from "vitest";
import { esp32 } from "./esp32.ts";

test("without settings a board has Moddable's numbers", () => {
  expect(esp32()).toMatchObject({
    connectionsMax: 8,
    listenersMax: 4,
    segmentBytes: 1436,
    sendBufferBytes: 8192,
    receiveWindowBytes: 8192,
    segmentsQueuedMax: 23,
    connectTimeoutMs: 9_500,
    timerMs: 250,
    timeWaitMs: 120_000,
    lastAckTimeoutMs: 120_000,
    finWaitTimeoutMs: 20_000,
    eventQueueLength: 10,
  });
});

test("each line of sdkconfig changes its number, and no other", () => {
  const sdkconfig = [
    "# CONFIG_LWIP_MAX_LISTENING_TCP=99",
    "CONFIG_LWIP_MAX_ACTIVE_TCP=32",
    "",
    "CONFIG_LWIP_TCP_WND_DEFAULT=5744",
    "CONFIG_ESP_TASK_WDT_EN=y",
    'CONFIG_IDF_TARGET="esp32"',
  ].join("\n");
  expect(esp32({ sdkconfig })).toEqual({
    ...esp32(),
    connectionsMax: 32,
    receiveWindowBytes: 5744,
  });
});

test("what follows from a setting changes with it", () => {
  const sdkconfig = [
    "CONFIG_LWIP_TCP_SND_BUF_DEFAULT=5744",
    "CONFIG_LWIP_TCP_MSL=2000",
    "CONFIG_LWIP_TCP_TMR_INTERVAL=50",
  ].join("\n");
  expect(esp32({ sdkconfig })).toEqual({
    ...esp32(),
    sendBufferBytes: 5744,
    segmentsQueuedMax: 16,
    timeWaitMs: 4_000,
    lastAckTimeoutMs: 4_000,
    timerMs: 50,
    connectTimeoutMs: 9_100,
  });
});

test("of two lines for one number the last one counts, as in ESP-IDF", () => {
  const sdkconfig = "CONFIG_LWIP_MAX_ACTIVE_TCP=16\nCONFIG_LWIP_MAX_ACTIVE_TCP=32\n";
  expect(esp32({ sdkconfig }).connectionsMax).toBe(32);
});

test("the length of the event queue is the manifest's, the platform's value before the general one", () => {
  const task = (queueLength: number) => ({ defines: { task: { queueLength } } });
  const length = (manifest: object) =>
    esp32({ manifest: JSON.stringify(manifest) }).eventQueueLength;
  expect(length({ defines: { xs: { abortHook: 1 } } })).toBe(10);
  expect(length(task(64))).toBe(64);
  expect(length({ ...task(64), platforms: { lin: task(1) } })).toBe(64);
  expect(length({ ...task(64), platforms: { esp32: task(128) } })).toBe(128);
});

test("a manifest that is no JSON is an error, not a board with defaults", () => {
  expect(() => esp32({ manifest: "{" })).toThrow(SyntaxError);
});
