import { describe, expect, test } from "vitest";
import { adminLab, restart } from "../../../hil/kit/admin-lab.ts";
import { get, put, TOKEN } from "../../../hil/kit/admin-port.ts";
import type { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";

describe("a new token", () => {
  const tokenOf = (lab: EmulatedLab) => lab.app!.runtime.token.value;
  const OTHER = "battery-staple";

  test("is valid at once, and saved when a request with it arrives", async () => {
    const lab = await adminLab();
    lab.app!.runtime.token.set(OTHER);
    expect((await put(lab, "/api/backends/a", { state: "drain" })).status).toBe(401);
    await get(lab, "/api/status", { token: OTHER });
    expect(lab.events("admin", "token-saved")).toHaveLength(1);
    await lab.clock.run({ ms: 31_000 });
    await restart(lab);
    expect(tokenOf(lab)).toBe(OTHER);
  });

  test("is rolled back if no request with it arrives within the trial", async () => {
    const lab = await adminLab();
    lab.app!.runtime.token.set(OTHER);
    for (const token of [TOKEN, "a-third-token", undefined]) await get(lab, "/", { token });
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("admin", "token-rolled-back")[0].values).toEqual({ why: "unconfirmed" });
    expect(tokenOf(lab)).toBe(TOKEN);
    await restart(lab);
    expect(tokenOf(lab)).toBe(TOKEN);
  });

  test("is gone after a reset during the trial", async () => {
    const lab = await adminLab();
    lab.app!.runtime.token.set(OTHER);
    await lab.clock.run({ ms: 5000 });
    await restart(lab);
    expect(tokenOf(lab)).toBe(TOKEN);
  });

  test("followed by a third one returns to the first", async () => {
    const lab = await adminLab();
    lab.app!.runtime.token.set(OTHER);
    await lab.clock.run({ ms: 20_000 });
    lab.app!.runtime.token.set("a-third-token");
    await lab.clock.run({ ms: 20_000 });
    expect(tokenOf(lab)).toBe("a-third-token");
    await lab.clock.run({ ms: 11_000 });
    expect(tokenOf(lab)).toBe(TOKEN);
  });

  test("needs no confirmation where the admin port is off", async () => {
    const lab = await adminLab({ adminPort: 0 });
    lab.app!.runtime.token.set(OTHER);
    await lab.clock.run({ ms: 31_000 });
    expect(tokenOf(lab)).toBe(OTHER);
  });
});
