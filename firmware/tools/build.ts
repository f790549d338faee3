import {
  buildFirmware,
  FIRMWARE,
  type FirmwarePlatform,
  PLATFORMS,
  readSettings,
  runTool,
  simulatorCommand,
  simulatorProgram,
  UsageError,
} from "./moddable.ts";

const HELP = `npm run firmware:build -- esp32|lin [ssid=… password=… backends=IP:PORT,… port=… token=…]

Builds the firmware with your Moddable SDK, for the board or for the SDK's Linux simulator.
`;

await runTool("firmware:build", async () => {
  const [platform, ...settings] = process.argv.slice(2);
  if (platform === "--help") {
    process.stdout.write(HELP);
    return;
  }
  if (!PLATFORMS.includes(platform as FirmwarePlatform)) {
    throw new UsageError(`platform "${platform ?? ""}": wanted ${PLATFORMS.join(" or ")}`);
  }
  await buildFirmware(platform as FirmwarePlatform, readSettings(settings));
  if (platform === "lin") {
    const start = [...simulatorCommand(), simulatorProgram(FIRMWARE)].join(" ");
    process.stdout.write(`start it, where there is a display: ${start}\n`);
  }
});
