import { expect, test } from "vitest";
import type { Ask } from "../../firmware/tools/secrets.ts";
import { wifiCredentials } from "./credentials.ts";

/** A person who answers so, and what was asked. */
function person(...answers: string[]): { ask: Ask; questions: unknown[] } {
  const questions: unknown[] = [];
  const ask: Ask = async (question, { hidden }) => {
    questions.push([question.split(" (")[0], hidden ? "hidden" : "shown"]);
    return answers.shift()!;
  };
  return { ask, questions };
}

test("the environment is enough, and nobody is asked", async () => {
  const { ask, questions } = person();
  const environment = { HOT_POTATO_SSID: "home", HOT_POTATO_PASSWORD: "" };
  expect(await wifiCredentials(environment, ask)).toEqual({ ssid: "home", password: "" });
  expect(questions).toEqual([]);
});

test("a person is asked for what is missing, the password unseen", async () => {
  const both = person("home", "secret");
  expect(await wifiCredentials({}, both.ask)).toEqual({ ssid: "home", password: "secret" });
  const passwordOnly = person("secret");
  const named = { HOT_POTATO_SSID: "home" };
  expect(await wifiCredentials(named, passwordOnly.ask)).toMatchObject({ password: "secret" });
  const password = ['Password of "home"', "hidden"];
  expect(both.questions).toEqual([["Wi-Fi name", "shown"], password]);
  expect(passwordOnly.questions).toEqual([password]);
});

test("nothing given means what the board knows; with nobody there, nobody is asked", async () => {
  expect(await wifiCredentials({}, person("").ask)).toBeUndefined();
  expect(await wifiCredentials({}, undefined)).toBeUndefined();
});

test("a password without a network is a mistake, and is named without telling it", async () => {
  const given = wifiCredentials({ HOT_POTATO_PASSWORD: "secret" }, undefined);
  await expect(given).rejects.toThrow("HOT_POTATO_PASSWORD is set, and HOT_POTATO_SSID is not");
});
