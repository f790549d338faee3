import { readCommandLine } from "./command-line.ts";
import {
  buildFirmware,
  FIRMWARE,
  readPlatform,
  readSettings,
  runTool,
  simulatorCommand,
  simulatorProgram,
  withSecrets,
} from "./moddable.ts";

const HELP = `npm run firmware:build -- esp32|lin [ssid=… password=… backends=IP:PORT,… port=… token=…]

Builds the firmware with your Moddable SDK, for the board or for the SDK's Linux simulator.
HOT_POTATO_SSID, HOT_POTATO_PASSWORD and HOT_POTATO_TOKEN are read from the environment.
`;

await runTool("firmware:build", async () => {
  const { values, positionals } = readCommandLine({
    options: { help: { type: "boolean", short: "h" } },
    allowPositionals: true,
  });
  const [word, ...settings] = positionals;
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const platform = readPlatform(word);
  await buildFirmware(platform, withSecrets(readSettings(settings)));
  if (platform === "lin") {
    const start = [...simulatorCommand(), simulatorProgram(FIRMWARE)].join(" ");
    process.stdout.write(`start it, where there is a display: ${start}\n`);
  }
});
