import { runCommand } from "./command-line.ts";
import {
  buildFirmware,
  FIRMWARE,
  readPlatform,
  requireSdk,
  simulatorCommand,
  simulatorProgram,
} from "./moddable.ts";
import { personAsk, SECRETS_OPTIONS, settingsOf } from "./secrets.ts";

await runCommand(
  {
    name: "firmware:build",
    usage: ["esp32|lin [options] [ssid=… password=… backends=IP:PORT,… port=… token=…]"],
    about: `
Builds the firmware with your Moddable SDK, for the board or for the SDK's Linux simulator.
HOT_POTATO_SSID, HOT_POTATO_PASSWORD and HOT_POTATO_TOKEN are read from the environment. With an ssid and no
password, a terminal prompts for the password and does not show it.`,
    options: SECRETS_OPTIONS,
    word: text => text,
  },
  async ({ values, words: [word, ...words] }) => {
    const platform = readPlatform(word);
    requireSdk(platform);
    await buildFirmware(platform, await settingsOf(words, values, personAsk()));
    if (platform === "lin") {
      const start = [...simulatorCommand(), simulatorProgram(FIRMWARE)].join(" ");
      process.stdout.write(`to start it (needs a display): ${start}\n`);
    }
  },
);
