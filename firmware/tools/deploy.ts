import { oneOf, runCommand, UsageError } from "./command-line.ts";
import { DEFAULT_BOARD, deployFirmware, FIRMWARE_BOARDS, requireSdk } from "./moddable.ts";
import { personAsk, SECRETS_OPTIONS, settingsOf } from "./secrets.ts";

await runCommand(
  {
    name: "firmware:deploy",
    usage: ["--port PATH [options] [ssid=… password=… backends=IP:PORT,… port=… token=…]"],
    about: `
Builds the firmware for the board with your Moddable SDK and flashes it over a serial port.
HOT_POTATO_SSID, HOT_POTATO_PASSWORD and HOT_POTATO_TOKEN are read from the environment. With an ssid and no
password, a terminal prompts for the password and does not show it.`,
    options: {
      port: {
        value: "PATH",
        help: "the board's serial port, such as /dev/ttyUSB0, /dev/cu.usbserial-0001 or COM3",
      },
      board: {
        value: FIRMWARE_BOARDS.join("|"),
        read: oneOf(FIRMWARE_BOARDS),
        default: DEFAULT_BOARD,
        help: "an ESP32 with Wi-Fi, or a WT32-ETH01 with Ethernet, which needs no ssid and no password",
      },
      ...SECRETS_OPTIONS,
    },
    word: text => text,
  },
  async ({ values, words }) => {
    if (!values.port)
      throw new UsageError("--port is missing: the board's serial port, such as /dev/ttyUSB0");
    requireSdk("esp32");
    const { port, board } = values;
    await deployFirmware(port, await settingsOf(words, values, personAsk(), board), board);
  },
);
