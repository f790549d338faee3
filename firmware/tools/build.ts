import { runCommand } from "./command-line.ts";
import {
  buildFirmware,
  FIRMWARE,
  readTarget,
  requireSdk,
  simulatorCommand,
  simulatorProgram,
} from "./moddable.ts";
import { personAsk, SECRETS_OPTIONS, settingsOf } from "./secrets.ts";

await runCommand(
  {
    name: "firmware:build",
    usage: ["esp32|wt32-eth01|lin [options] [ssid=… password=… backends=IP:PORT,… port=… token=…]"],
    about: `
Builds the firmware with your Moddable SDK: for an ESP32 with Wi-Fi, for a WT32-ETH01 with Ethernet, which needs no
ssid and no password, or for the SDK's Linux simulator.
HOT_POTATO_SSID, HOT_POTATO_PASSWORD and HOT_POTATO_TOKEN are read from the environment. With an ssid and no
password, a terminal prompts for the password and does not show it.`,
    options: SECRETS_OPTIONS,
    word: text => text,
  },
  async ({ values, words: [word, ...words] }) => {
    const target = readTarget(word);
    const { platform, board } = target;
    requireSdk(platform);
    await buildFirmware(target, await settingsOf(words, values, personAsk(), board));
    if (platform === "lin") {
      const start = [...simulatorCommand(), simulatorProgram(FIRMWARE)].join(" ");
      process.stdout.write(`to start it (needs a display): ${start}\n`);
    }
  },
);
