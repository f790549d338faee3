import { readCommandLine } from "./command-line.ts";
import { deployFirmware, requireSdk, runTool, UsageError } from "./moddable.ts";
import { personAsk, settingsOf } from "./secrets.ts";

const HELP = `npm run firmware:deploy -- --port PATH [ssid=… password=… backends=IP:PORT,… port=… token=…]

Builds the firmware for the ESP32 with your Moddable SDK and flashes it over the serial port PATH,
such as /dev/ttyUSB0, /dev/cu.usbserial-0001 or COM3. HOT_POTATO_SSID, HOT_POTATO_PASSWORD and
HOT_POTATO_TOKEN are read from the environment, and with --secrets FILE the lines ssid=…, password=…,
token=… of a file that only you may read. On a terminal, the password of a Wi-Fi that is named without one
is asked for, and with --ask-token the token; neither is shown.
`;

await runTool("firmware:deploy", async () => {
  const { values, positionals } = readCommandLine({
    options: {
      port: { type: "string" },
      secrets: { type: "string" },
      "ask-token": { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (!values.port)
    throw new UsageError("--port is missing: the board's serial port, such as /dev/ttyUSB0");
  requireSdk("esp32");
  await deployFirmware(values.port, await settingsOf(positionals, values, personAsk()));
});
