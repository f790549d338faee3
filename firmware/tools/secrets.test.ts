import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test, vi } from "vitest";
import { settingsOf, terminalAsk, withSecrets } from "./secrets.ts";

/** Removes the variables from the environment. */
function noVariables(): void {
  for (const name of ["SSID", "PASSWORD", "TOKEN"]) vi.stubEnv(`HOT_POTATO_${name}`, undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
}

/** A terminal on which each question is answered with the next line. */
function terminal(...answers: string[]) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const shown: string[] = [];
  output.on("data", text => {
    shown.push(String(text));
    if (/: $/.test(String(text))) setImmediate(() => input.write(`${answers.shift()}\r`));
  });
  return { ask: terminalAsk(input, output), shown: () => shown.join("") };
}

test("secrets that are not given come from the environment; a given one causes a warning", () => {
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
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "secrets-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "secrets");
    noVariables();
    writeFileSync(file, "ssid=home\npassword=a b=c\n\n", { mode: 0o600 });
    expect(await settingsOf(["port=80"], { secrets: file }, undefined)).toEqual([
      "port=80",
      "ssid=home",
      "password=a b=c",
    ]);
    expect(await settingsOf(["ssid=lab"], { secrets: file }, undefined)).toEqual([
      "ssid=lab",
      "password=a b=c",
    ]);
    chmodSync(file, 0o644);
    await expect(settingsOf([], { secrets: file }, undefined)).rejects.toThrow(
      "others may read it",
    );
    writeFileSync(file, "port=80\n");
    chmodSync(file, 0o600);
    await expect(settingsOf([], { secrets: file }, undefined)).rejects.toThrow(
      "line 1: wanted ssid=…, password=…, token=…",
    );
    await expect(settingsOf([], { secrets: join(folder, "none") }, undefined)).rejects.toThrow(
      "cannot be read: ENOENT",
    );
  },
);

test("the password of a Wi-Fi that is named without one is asked for, and not shown", async () => {
  noVariables();
  const { ask, shown } = terminal("pass-1=");
  expect(await settingsOf(["ssid=home", "port=81"], {}, ask)).toEqual([
    "ssid=home",
    "port=81",
    "password=pass-1=",
  ]);
  expect(shown()).toBe('Password of "home" (empty: an open network): \n');
});

test("nothing is asked that was given, nor without an ssid, nor without a terminal", async () => {
  noVariables();
  const { ask, shown } = terminal();
  for (const words of [[], ["port=81"], ["ssid="], ["ssid=home", "password="]]) {
    expect(await settingsOf(words, {}, ask)).toEqual(words);
  }
  expect(await settingsOf(["ssid=home"], {}, undefined)).toEqual(["ssid=home"]);
  vi.stubEnv("HOT_POTATO_PASSWORD", ""); // an open network
  expect(await settingsOf(["ssid=home"], {}, ask)).toEqual(["ssid=home", "password="]);
  expect(shown()).toBe("");
});

test("wrong settings are refused before the password is asked for", async () => {
  noVariables();
  const { ask, shown } = terminal();
  await expect(settingsOf(["ssid=home", "port=http"], {}, ask)).rejects.toThrow(
    "listeners[0].port",
  );
  expect(shown()).toBe("");
});

test("--ask-token asks twice for the token, in place of the environment's", async () => {
  noVariables();
  vi.stubEnv("HOT_POTATO_TOKEN", "token-of-env");
  const { ask, shown } = terminal("token-12", "token-12");
  expect(await settingsOf([], { "ask-token": true }, ask)).toEqual(["token=token-12"]);
  expect(shown()).toBe("Token: \nToken again: \n");
});

test.each([
  [["token-12", "token-13"], [], "--ask-token: the two tokens differ"],
  [[""], [], "--ask-token: nothing was typed"],
  [[], ["token=token-12"], "token=… and --ask-token: only one of them can be given"],
])("--ask-token with the answers %j and the settings %j: %s", async (answers, words, complaint) => {
  noVariables();
  const typed = terminal(...answers);
  await expect(settingsOf(words, { "ask-token": true }, typed.ask)).rejects.toThrow(complaint);
});

test("--ask-token without a terminal says how else a token is given", async () => {
  noVariables();
  await expect(settingsOf([], { "ask-token": true }, undefined)).rejects.toThrow(
    "--ask-token: there is no terminal to ask on; use HOT_POTATO_TOKEN or --secrets FILE",
  );
});

test("a terminal echoes the name, and not the password", async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const shown: string[] = [];
  output.on("data", text => shown.push(String(text)));
  const ask = terminalAsk(input, output);
  const name = ask("Name: ", { hidden: false });
  input.write("home\r");
  expect(await name).toBe("home");
  const password = ask("Password: ", { hidden: true });
  input.write("sec");
  input.write("ret\r");
  expect(await password).toBe("secret");
  const text = shown.join("");
  expect(text).toContain("home");
  expect(text).not.toMatch(/s.?e.?c|ret/);
});

test("Ctrl-C at the question is an error, not an empty password", async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const password = terminalAsk(input, output)("Password: ", { hidden: true });
  input.write("\x03");
  await expect(password).rejects.toThrow("nothing was typed");
});
