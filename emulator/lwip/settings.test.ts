import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { firmwareSdkconfig, NOT_OPTIONS, settingFlags } from "./settings.ts";

const OPTIONS = readFileSync(new URL("native/lwipopts.h", import.meta.url), "utf8");

test("every setting of lwIP that the firmware gives the chip is an option here, or has a reason", () => {
  const lines = [...firmwareSdkconfig().matchAll(/^CONFIG_(LWIP_\w+)=(.+)$/gm)];
  expect(lines.length).toBeGreaterThan(5);
  const flags = settingFlags();
  for (const [, name, value] of lines) {
    const used = new RegExp(`\\bCONFIG_${name}\\b`).test(OPTIONS);
    expect([name, used || name in NOT_OPTIONS]).toEqual([name, true]);
    if (used) expect(flags).toContain(`-DCONFIG_${name}=${value === "y" ? 1 : value}`);
  }
  const names = lines.map(([, name]) => name);
  expect(Object.keys(NOT_OPTIONS).filter(name => !names.includes(name))).toEqual([]);
});

test("every setting that an option names has a value, and another one with another sdkconfig", () => {
  const named = [...OPTIONS.matchAll(/\bCONFIG_(\w+)/g)].map(([, name]) => name);
  const valued = settingFlags().map(flag => /^-DCONFIG_(\w+)=\d+$/.exec(flag)?.[1]);
  expect(named.filter(name => !valued.includes(name))).toEqual([]);
  expect(settingFlags("CONFIG_LWIP_TCP_MSL=1234\n")).toContain("-DCONFIG_LWIP_TCP_MSL=1234");
});
