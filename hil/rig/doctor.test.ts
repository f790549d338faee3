import { describe, expect, test } from "vitest";
import { readCommandLine } from "../../firmware/tools/command-line.ts";
import type { DoctorBoard, DoctorParts } from "./doctor/step.ts";
import { runDoctor } from "./doctor.ts";
import { DOCTOR, readDoctorOptions } from "./options.ts";

const CP2102 = {
  path: "/dev/ttyUSB0",
  usb: "10c4:ea60",
  adapter: "CP2102 (Silicon Labs)",
  serialNumber: "0001",
};
const STARTS = "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)";
const OURS = "I (3) boot: version=0.1.0 build=1f09c2ab reset=power-on heap=84620";
const JOINED = "I (812) net: ip=192.168.1.50 rssi=-54";
const BROWNOUT = "Brownout detector was triggered";

/** A board that prints these lines after a reset. */
function board(...lines: string[]): DoctorBoard & { released: boolean } {
  let at = lines.length;
  return {
    released: false,
    async reset() {
      at = 0;
    },
    loads: async () => true,
    async line(pattern) {
      const found = lines.findIndex((line, i) => i >= at && pattern.test(line));
      if (found === -1) return undefined;
      at = found + 1;
      return lines[found];
    },
    async release() {
      this.released = true;
    },
  };
}

const well = (): DoctorParts => ({
  platform: "linux",
  nodeVersion: "v22.1.0",
  environment: { MODDABLE: "/sdk", IDF_PATH: "/idf" },
  addresses: [{ name: "wlan0", cidr: "192.168.1.10/24" }],
  backendPorts: [8080, 8081],
  exists: () => true,
  ports: async () => [CP2102],
  open: async () => board(STARTS, OURS, JOINED),
  taken: async () => undefined,
  dialsBack: async () => "reached",
});

async function diagnose(parts: Partial<DoctorParts> = {}) {
  const lines: string[] = [];
  const code = await runDoctor({ ...well(), ...parts }, line => lines.push(line));
  const [verdict, ...words] = lines.find(line => line.startsWith("not ok"))?.split(/ {2,}/) ?? [];
  return { code, text: lines.join("\n"), wrong: verdict && words.join(": ") };
}

const printing = (...lines: string[]): Partial<DoctorParts> => ({
  open: async () => board(...lines),
});
const fails = (message: string): Partial<DoctorParts> => ({
  open: () => Promise.reject(new Error(message)),
});
const refused = (platform: NodeJS.Platform): Partial<DoctorParts> => ({
  platform,
  dialsBack: async () => "timeout",
});

test("if all is well every step prints its result, and the exit code is 0", async () => {
  const { code, text } = await diagnose();
  expect(code).toBe(0);
  expect(text.split("\n")).toEqual([
    "ok       Node.js                   v22.1.0",
    "ok       ports for the backends    8080 and 8081 are free",
    "ok       serial port               /dev/ttyUSB0  10c4:ea60  CP2102 (Silicon Labs)  serial 0001",
    "ok       permission to use it      it opens",
    "ok       the board answers         it starts when it is reset",
    "ok       its way to be flashed     its lines bring it into download mode",
    "ok       its firmware              version 0.1.0, build 1f09c2ab",
    "ok       its Wi-Fi                 joined, its address is 192.168.1.50",
    "ok       its way to this computer  the board has connected",
    "ok       Moddable SDK              MODDABLE=/sdk",
    "ok       ESP-IDF                   IDF_PATH=/idf",
    "",
    "All is well.",
  ]);
});

describe("each fault is named, with what would help", () => {
  test.each<[string, Partial<DoctorParts>, number, string, string[]]>([
    ["an old Node", { nodeVersion: "v20.18.3" }, 4, "v20.18.3 is too old", ["20.19"]],
    [
      "a port that is taken",
      { taken: async port => (port === 8081 ? "EADDRINUSE" : undefined) },
      4,
      "port 8081 is not free: EADDRINUSE",
      ["lsof -nP -iTCP:8081 -sTCP:LISTEN"],
    ],
    [
      "no board",
      { ports: async () => [{ ...CP2102, adapter: undefined, path: "/dev/ttyS0" }] },
      3,
      "no board found",
      ["1a86:7523", "/dev/ttyS0", "dialout", "--board emulated"],
    ],
    [
      "a port that is not there",
      { wanted: "/dev/ttyUSB9" },
      3,
      "there is no serial port /dev/ttyUSB9",
      ["There: /dev/ttyUSB0"],
    ],
    [
      "no permission",
      fails("Error: Permission denied, cannot open /dev/ttyUSB0"),
      4,
      "you may not use it",
      ["sudo usermod -aG dialout $USER", "ls -l /dev/ttyUSB0", "log in again"],
    ],
    [
      "a port that is open elsewhere",
      fails("Error Resource temporarily unavailable Cannot lock port"),
      4,
      "another program has it open",
      ["idf-monitor", "lsof /dev/ttyUSB0"],
    ],
    [
      "a port that is open elsewhere on Windows",
      { ...fails("Opening COM3: Access denied"), platform: "win32" },
      4,
      "another program has it open",
      ["Close screen"],
    ],
    [
      "a port that went away",
      fails("No such file or directory"),
      3,
      "No such file",
      ["Pull the cable"],
    ],
    ["silence", printing(), 4, "no output within 3 s", ["cable brings no power", "button EN"]],
    ["a weak supply", printing(BROWNOUT), 4, "its supply breaks down", ["thick USB cable"]],
    [
      "a weak supply that breaks down when the radio starts",
      printing(STARTS, OURS, BROWNOUT),
      4,
      "its Wi-Fi: its supply breaks down",
      ["thick USB cable"],
    ],
    [
      "download mode",
      printing("rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0))"),
      4,
      "download mode",
      ["button BOOT", "GPIO0"],
    ],
    [
      "lines that reset and do not bring it into its loader",
      { open: async () => ({ ...board(STARTS, OURS, JOINED), loads: async () => false }) },
      4,
      "its way to be flashed: its lines do not",
      ["button BOOT", "GPIO0"],
    ],
    [
      "an erased flash",
      printing(STARTS, "invalid header: 0xffffffff"),
      4,
      "there is no program in its flash",
      ["firmware:deploy", "GPIO6"],
    ],
    [
      "another program",
      printing(STARTS, "hello world"),
      4,
      "it runs another program",
      ["npm run firmware:deploy -- --port /dev/ttyUSB0"],
    ],
    [
      "no Wi-Fi known",
      printing(STARTS, OURS, 'E (9) net: no-ssid error="no Wi-Fi is known"'),
      4,
      "it has no Wi-Fi stored",
      ["wifi NAME PASSWORD", "ssid=NAME password=PASSWORD"],
    ],
    [
      "a Wi-Fi that does not let it in",
      printing(
        STARTS,
        OURS,
        "W (9) net: join-failed retryMs=1000",
        "W (99) net: join-failed retryMs=2000",
      ),
      4,
      "it tries to join and fails",
      ["password", "2.4 GHz", "wifi NAME PASSWORD"],
    ],
    ["a Wi-Fi that hangs", printing(STARTS, OURS), 4, "neither joins nor gives up", ["2.4 GHz"]],
    [
      "a firewall on Windows",
      refused("win32"),
      4,
      "got no answer",
      [
        'Set-NetConnectionProfile -InterfaceAlias "Wi-Fi" -NetworkCategory Private',
        'New-NetFirewallRule -DisplayName "Hot Potato" -Direction Inbound -Protocol TCP -RemoteAddress 192.168.1.50 -Action Allow',
        "dir=in action=allow protocol=TCP remoteip=192.168.1.50",
      ],
    ],
    ["a firewall on macOS", refused("darwin"), 4, "got no answer", ["socketfilterfw --unblockapp"]],
    [
      "a firewall on Linux",
      refused("linux"),
      4,
      "got no answer",
      [
        "sudo ufw allow proto tcp from 192.168.1.50",
        "rule family=ipv4 source address=192.168.1.50 accept",
        "ip saddr 192.168.1.50 tcp",
      ],
    ],
    [
      "another network",
      { ...refused("linux"), addresses: [{ name: "eth0", cidr: "192.168.2.10/24" }] },
      4,
      "got no answer",
      ["192.168.1.50", "192.168.2.10/24 (eth0)", "guest network", "WSL"],
    ],
    [
      "another computer at that address",
      { dialsBack: async () => "refused" },
      4,
      "the board was refused",
      ["ufw"],
    ],
    [
      "an SDK that is not built",
      { exists: path => !path.startsWith("/sdk") },
      4,
      'MODDABLE="/sdk", and there is no /sdk/build/bin',
      ["npx xs-dev setup --release 8.2.3"],
    ],
  ])("%s", async (_what, parts, code, bad, help) => {
    const found = await diagnose(parts);
    expect(found.wrong).toContain(bad);
    for (const part of help) expect(found.text).toContain(part);
    expect(found.code).toBe(code);
  });
});

test("a step that needs a failed one is skipped instead of failing, too", async () => {
  const { text } = await diagnose(printing());
  expect(text.match(/^(skipped|not ok) .*/gm)).toEqual([
    expect.stringMatching(/^not ok +the board answers/),
    expect.stringMatching(/^skipped +its way to be flashed +the board does not start$/),
    expect.stringMatching(/^skipped +its firmware +the board does not start$/),
    expect.stringMatching(/^skipped +its Wi-Fi +not our firmware$/),
    expect.stringMatching(/^skipped +its way to this computer +the board has no address$/),
  ]);
  expect(text).toMatch(/1 of 11 checks failed\.$/);
});

test("a failed first attempt to join is tolerated", async () => {
  const found = await diagnose(
    printing(STARTS, OURS, "W (9) net: join-failed retryMs=1000", JOINED),
  );
  expect([found.code, found.wrong]).toEqual([0, undefined]);
});

test("a missing SDK is a fault only if the board does not have our firmware", async () => {
  const environment = {};
  expect(await diagnose({ environment })).toMatchObject({ code: 0 });
  const { text } = await diagnose({ environment, ...printing(STARTS) });
  expect(text).toMatch(
    /^not ok +Moddable SDK +MODDABLE is not set\n +npx xs-dev setup --release 8\.2\.3$/m,
  );
  expect(text).toMatch(
    /^not ok +ESP-IDF +IDF_PATH is not set\n +npx xs-dev setup --device esp32$/m,
  );
});

test("the port is closed, also if the diagnosis itself fails", async () => {
  const calm = board(STARTS, OURS, JOINED);
  await diagnose({ open: async () => calm });
  const torn = board(STARTS, OURS, JOINED);
  const dialsBack = () => Promise.reject(new Error("a bug"));
  await expect(diagnose({ open: async () => torn, dialsBack })).rejects.toThrow("a bug");
  expect([calm.released, torn.released]).toEqual([true, true]);
});

test.each([
  [["--list"], "--list: unknown option; --help lists the options"],
  [["--port", "a", "--port", "b"], "--port: doctor checks one board at a time"],
])("an option that doctor would not heed is refused: %j", (args, complaint) => {
  const read = () => {
    const line = readCommandLine(DOCTOR, args);
    return typeof line === "string" ? line : readDoctorOptions(line);
  };
  expect(read).toThrow(complaint);
});
