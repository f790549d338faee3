import { readCommandLine } from "./command-line.ts";
import {
  buildFirmware,
  FIRMWARE,
  readPlatform,
  requireSdk,
  runTool,
  simulatorCommand,
  simulatorProgram,
} from "./moddable.ts";
import { personAsk, settingsOf } from "./secrets.ts";

const HELP = `npm run firmware:build -- esp32|lin [ssid=… password=… backends=IP:PORT,… port=… token=…]

Builds the firmware with your Moddable SDK, for the board or for the SDK's Linux simulator.
HOT_POTATO_SSID, HOT_POTATO_PASSWORD and HOT_POTATO_TOKEN are read from the environment, and with
--secrets FILE the lines ssid=…, password=…, token=… of a file that only you may read.
On a terminal, the password of a Wi-Fi that is named without one is asked for, and with --ask-token the
token; neither is shown.
`;

await runTool("firmware:build", async () => {
  const { values, positionals } = readCommandLine({
    options: {
      secrets: { type: "string" },
      "ask-token": { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  const [word, ...words] = positionals;
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const platform = readPlatform(word);
  requireSdk(platform);
  await buildFirmware(platform, await settingsOf(words, values, personAsk()));
  if (platform === "lin") {
    const start = [...simulatorCommand(), simulatorProgram(FIRMWARE)].join(" ");
    process.stdout.write(`start it, where there is a display: ${start}\n`);
  }
});
