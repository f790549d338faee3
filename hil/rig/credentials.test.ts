import { expect, test } from "vitest";
import type { Ask } from "../../firmware/tools/secrets.ts";
import { wifiCredentials } from "./credentials.ts";

/** A prompt with these answers, and the questions that it was asked. */
function person(...answers: string[]): { ask: Ask; questions: unknown[] } {
  const questions: unknown[] = [];
  const ask: Ask = async (question, { hidden }) => {
    questions.push([question.split(" (")[0], hidden ? "hidden" : "shown"]);
    return answers.shift()!;
  };
  return { ask, questions };
}

test("with the environment set no question is asked", async () => {
  const { ask, questions } = person();
  const environment = { HOT_POTATO_SSID: "home", HOT_POTATO_PASSWORD: "" };
  expect(await wifiCredentials(environment, ask)).toEqual({ ssid: "home", password: "" });
  expect(questions).toEqual([]);
});

test("missing credentials are asked for, and the password is not echoed", async () => {
  const both = person("home", "secret");
  expect(await wifiCredentials({}, both.ask)).toEqual({ ssid: "home", password: "secret" });
  const passwordOnly = person("secret");
  const named = { HOT_POTATO_SSID: "home" };
  expect(await wifiCredentials(named, passwordOnly.ask)).toMatchObject({ password: "secret" });
  const password = ['Password of "home"', "hidden"];
  expect(both.questions).toEqual([["Wi-Fi name", "shown"], password]);
  expect(passwordOnly.questions).toEqual([password]);
});

test("an empty name means what the board has stored; without a terminal no question is asked", async () => {
  expect(await wifiCredentials({}, person("").ask)).toBeUndefined();
  expect(await wifiCredentials({}, undefined)).toBeUndefined();
});

test("a password without a network is an error, which does not contain the password", async () => {
  const given = wifiCredentials({ HOT_POTATO_PASSWORD: "secret" }, undefined);
  await expect(given).rejects.toThrow("HOT_POTATO_PASSWORD is set, and HOT_POTATO_SSID is not");
});
