import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { IDF_CHECKED, refuseWrong, SDK_INSTALL, settingsOf, withSecrets } from "./moddable.ts";

test.each([
  [["backends=server:8080"], 'backends[0].address: is "server"; wanted an IPv4 address'],
  [["backends=10.0.0.1"], "backends[0].address"],
  [["backends=10.0.0.1:80,"], "backends[1].address"],
  [["port=99999"], "listeners[0].port: is 99999; wanted"],
  [["port=http"], "listeners[0].port"],
  [["token=abc"], "token: wanted 8 to 64 printable characters"],
])(
  "what the board would refuse when it boots is refused before it is built: %s",
  (settings, complaint) => {
    expect(() => refuseWrong(settings)).toThrow(complaint);
  },
);

test("what it takes is taken, and nothing given is its gateway.json", () => {
  refuseWrong([]);
  refuseWrong([
    "ssid=home",
    "password=a=b",
    "backends=10.0.0.1:80,10.0.0.2:81",
    "port=81",
    "token=",
  ]);
});

test.each(["README.md", "firmware/README.md"])("%s names the versions that were checked", file => {
  const text = readFileSync(file, "utf8");
  expect(text).toContain(SDK_INSTALL);
  expect(text).toContain(`ESP-IDF ${IDF_CHECKED}`);
});

test("secrets come from the environment where they are not given, and a given one is warned of", () => {
  const environment = {
    HOT_POTATO_SSID: "home",
    HOT_POTATO_PASSWORD: "pass-1",
    HOT_POTATO_TOKEN: "",
  };
  const notes: string[] = [];
  const warn = (line: string) => notes.push(line);
  expect(withSecrets(["port=80"], [], environment, warn)).toEqual([
    "port=80",
    "ssid=home",
    "password=pass-1",
  ]);
  expect(notes).toEqual([]);
  const given = ["ssid=lab", "password=pass-2", "token=token-12"];
  expect(withSecrets(given, [], environment, warn)).toEqual(given);
  expect(notes).toHaveLength(2);
  expect(notes.join()).toContain("HOT_POTATO_PASSWORD");
  expect(notes.join()).not.toContain("pass-2");
  const kept = ["password=pass-3", "token=token-34"];
  expect(withSecrets(["token=token-12"], kept, environment, warn)).toEqual([
    "token=token-12",
    "password=pass-3",
    "ssid=home",
  ]);
});

test.skipIf(process.platform === "win32")(
  "secrets come from a file that only its owner may read",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "secrets-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "secrets");
    vi.stubEnv("HOT_POTATO_TOKEN", "");
    onTestFinished(() => void vi.unstubAllEnvs());
    writeFileSync(file, "ssid=home\npassword=a b=c\n\n", { mode: 0o600 });
    expect(settingsOf(["port=80"], file)).toEqual(["port=80", "ssid=home", "password=a b=c"]);
    expect(settingsOf(["ssid=lab"], file)).toEqual(["ssid=lab", "password=a b=c"]);
    chmodSync(file, 0o644);
    expect(() => settingsOf([], file)).toThrow("others may read it");
    writeFileSync(file, "port=80\n");
    chmodSync(file, 0o600);
    expect(() => settingsOf([], file)).toThrow("line 1: wanted ssid=…, password=…, token=…");
    expect(() => settingsOf([], join(folder, "none"))).toThrow("cannot be read: ENOENT");
  },
);
