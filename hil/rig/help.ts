import { ADMIN_PORT } from "../../emulator/proxy/workbench/admin-client.ts";
import { INJECTABLE_FAULTS } from "./inject.ts";

/** What `npm run hil -- --help` prints. */
export const HELP = `npm run hil -- [options]
npm run hil -- doctor [--port PATH | --board emulated]
npm run hil -- diff A B

Plays the scenarios of hil/scenarios on a board, over its serial port and real TCP: an ESP32 that is
plugged in, or an emulated one. One verdict, and reports. doctor says in plain words what keeps board
and computer apart; diff compares two recorded runs.

  --list                 boards that are there, and the scenarios
  --port PATH            this serial port (repeatable: several boards at once)
  --board emulated       a board without hardware, by the same code
  --address IP[:PORT]    a board without a serial line, through its admin port (default ${ADMIN_PORT})
  --token TOKEN          what its admin port wants for changes; or HOT_POTATO_TOKEN
  --flash POLICY         changed (default): when the board has another build than the sources;
                         always, never
  --image FILE           flash this image (esptool merge-bin) with esptool-js; else your Moddable
                         SDK builds and writes the firmware. Wi-Fi: HOT_POTATO_SSID,
                         HOT_POTATO_PASSWORD, or you are asked
  --scenario WORDS       only scenarios with these words in theme or title (repeatable)
  --repeat N             each scenario so often
  --soak 8h              again and again for so long
  --patience 60s         how long a scenario may take
  --report DIR           where the log and the reports go (default hil-report)
  --inject NAME          something goes wrong with the emulated board; see below
  --verbose              the board's lines as they come
  --help                 this text

Examples

  npm run hil                                          the board that is plugged in
  npm run hil -- --board emulated --scenario keyword   one theme, no hardware
  npm run hil -- --port /dev/ttyUSB0 --soak 8h         through the night
  npm run hil -- --board emulated --inject panic       what a failure looks like

What can go wrong (--inject)

${Object.entries(INJECTABLE_FAULTS)
  .map(([name, { help }]) => `  ${name.padEnd(13)} ${help}`)
  .join("\n")}

It ends with 0: passed, 1: the firmware failed, 2: this command was misunderstood, or nothing that it
asks for can be played on this board, 3: no board, 4: a fault of the rig (power, cable, Wi-Fi),
5: the board was lost.
`;
