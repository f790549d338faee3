import { expect, test } from "vitest";
import type { AdminClient } from "../../emulator/proxy/workbench/admin-client.ts";
import { AddressDevice } from "./address-device.ts";

test("a board that refuses its own configuration at the end is reported", async () => {
  const device = new AddressDevice({ host: "10.0.0.7", port: 8404, token: "token" }, () => {});
  const outcomes = [{ complaints: ["connect ECONNREFUSED 10.0.0.7:8404"] }];
  const admin = {
    status: async () => ({ version: "0.1.0", sockets: { halfClose: false } }),
    document: async () => ({ listeners: [], backends: [] }),
    newEvents: async () => [],
    change: async () => outcomes.shift() ?? { done: "kept" },
  };
  Object.defineProperty(device, "admin", { value: admin as unknown as AdminClient });
  await device.ready();
  await expect(device.release()).rejects.toThrow("connect ECONNREFUSED 10.0.0.7:8404");
  await device.release();
});

test.each([
  [true, ["status", "half-close"]],
  [false, ["status"]],
])("a board says whether its sockets half-close: %s", async (halfClose, offers) => {
  const device = new AddressDevice({ host: "10.0.0.7", port: 8404, token: "token" }, () => {});
  const admin = {
    status: async () => ({ version: "0.1.0", sockets: { halfClose } }),
    document: async () => ({ listeners: [], backends: [] }),
    newEvents: async () => [],
    change: async () => ({ done: "kept" }),
  };
  Object.defineProperty(device, "admin", { value: admin as unknown as AdminClient });
  await device.ready();
  expect(device.offers).toEqual(offers);
  await device.release();
});
