import { readCommandLine } from "./command-line.ts";
import {
  buildFirmware,
  FIRMWARE,
  readPlatform,
  runTool,
  settingsOf,
  simulatorCommand,
  simulatorProgram,
} from "./moddable.ts";

const HELP = `npm run firmware:build -- esp32|lin [ssid=… password=… backends=IP:PORT,… port=… token=…]

Builds the firmware with your Moddable SDK, for the board or for the SDK's Linux simulator.
HOT_POTATO_SSID, HOT_POTATO_PASSWORD and HOT_POTATO_TOKEN are read from the environment, and with
--secrets FILE the lines ssid=…, password=…, token=… of a file that only you may read.
`;

await runTool("firmware:build", async () => {
  const { values, positionals } = readCommandLine({
    options: { secrets: { type: "string" }, help: { type: "boolean", short: "h" } },
    allowPositionals: true,
  });
  const [word, ...settings] = positionals;
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const platform = readPlatform(word);
  await buildFirmware(platform, settingsOf(settings, values.secrets));
  if (platform === "lin") {
    const start = [...simulatorCommand(), simulatorProgram(FIRMWARE)].join(" ");
    process.stdout.write(`start it, where there is a display: ${start}\n`);
  }
});
