import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import path from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { drawingOf, PARTS, violationsOf } from "./firmware/tools/floors.ts";
import { FILES, IS_TEST, importsOf, sourcesBelow } from "./firmware/tools/sources.ts";

// Which folder may import which. CONTRIBUTING.md has the table; `npm run imports` draws the floors.

const IS_TOOL = /^firmware\/tools\//; // run on the computer, call the SDK

const BUILTIN = new Set(builtinModules);

/** `node:net`, an npm package, or the folder of ours that holds it. */
function kindOf(target: string): string {
  if (target.startsWith("node:") || BUILTIN.has(target)) return "node";
  if (target.startsWith("emulator/net-mock-socket/")) return "emulator/net-mock-socket";
  if (/^(firmware\/src|emulator\/conformance)\/(main\.ts|chip\/)/.test(target)) return "chip";
  if (/^(firmware|emulator|backends|hil)\//.test(target)) return target.split("/")[0];
  return "package";
}

/** One row of the table: what the files of a place may import, at run time and for types. */
interface Row {
  readonly place: string;
  holds(file: string): boolean;
  runtime(target: string, kind: string): boolean;
  types(target: string, kind: string): boolean;
}

const core = (file: string) => file.startsWith("firmware/src/") && kindOf(file) === "firmware";
const played = (file: string) =>
  /^emulator\/conformance\/(cases\/|remote\/|(cases|stage|target)\.ts$)/.test(file);

const TABLE: readonly Row[] = [
  {
    place: "the proxy's core",
    holds: core,
    runtime: core,
    types: target => target.startsWith("embedded:") || core(target),
  },
  {
    place: "main.ts and chip/",
    holds: file => file.startsWith("firmware/") && kindOf(file) === "chip",
    runtime: (_target, kind) => kind === "firmware" || kind === "chip" || kind === "package",
    types: () => false,
  },
  {
    place: "main.ts of the conformance cases",
    holds: file => file.startsWith("emulator/") && kindOf(file) === "chip",
    runtime: (target, kind) => played(target) || kind === "chip" || kind === "package",
    types: (_target, kind) => kind === "emulator",
  },
  {
    place: "what of the conformance cases runs on the chip",
    holds: played,
    runtime: played,
    types: (_target, kind) => kind === "emulator",
  },
  {
    place: "net-mock-socket",
    holds: file => kindOf(file) === "emulator/net-mock-socket",
    runtime: (target, kind) =>
      kind === "emulator/net-mock-socket" || target === "node:stream" || target === "node:events",
    types: target => target === "node:net",
  },
  {
    place: "the emulated board with the proxy on it, and the command conformance",
    holds: file => /^emulator\/(proxy\/|conformance\/cli\.ts$)/.test(file),
    runtime: (_target, kind) => kind !== "chip" && kind !== "hil",
    types: () => false,
  },
  {
    place: "the programs that run on XS",
    holds: file => file.startsWith("emulator/xs/programs/"),
    runtime: (target, kind) =>
      kind === "emulator" ||
      core(target) ||
      ["firmware/src/chip/clock.ts", "time", "timer"].includes(target),
    types: () => false,
  },
  {
    place: "the XS engine, and the budget of the firmware on it",
    holds: file => /^emulator\/(xs|budget)\//.test(file),
    runtime: (target, kind) =>
      kind === "emulator" ||
      kind === "emulator/net-mock-socket" ||
      kind === "node" ||
      ["esbuild", "typescript"].includes(target) ||
      core(target) ||
      target === "firmware/tools/command-line.ts",
    types: target => target === "vitest/node", // of its own set-up
  },
  {
    place: "lwIP on the computer",
    holds: file => file.startsWith("emulator/lwip/"),
    runtime: (_target, kind) =>
      kind === "emulator" || kind === "emulator/net-mock-socket" || kind === "node",
    types: target => target === "vitest/node", // of its own set-up
  },
  {
    place: "the emulator",
    holds: file => file.startsWith("emulator/"),
    runtime: (target, kind) =>
      kind === "emulator" ||
      kind === "emulator/net-mock-socket" ||
      kind === "node" ||
      target === "dns-packet",
    types: target => target === "firmware/src/platform.ts",
  },
  {
    place: "the backends",
    holds: file => file.startsWith("backends/"),
    runtime: (target, kind) =>
      kind === "backends" ||
      kind === "node" ||
      /^firmware\/tools\/(columns|command-line)\.ts$/.test(target) ||
      target === "emulator/src/io/reset-socket.ts",
    types: () => false,
  },
  {
    place: "the rig",
    holds: file => file.startsWith("hil/"),
    runtime: (_target, kind) => kind !== "chip",
    types: () => false,
  },
];

test.each(TABLE)("$place: imports what it may, and nothing else", row => {
  const strays: string[] = [];
  let checked = 0;
  for (const file of FILES) {
    if (IS_TEST.test(file) || IS_TOOL.test(file) || file.endsWith(".d.ts")) continue;
    if (TABLE.find(({ holds }) => holds(file)) !== row) continue;
    checked++;
    for (const { target, typesOnly } of importsOf(file)) {
      const kind = kindOf(target);
      if (row.runtime(target, kind) || (typesOnly && row.types(target, kind))) continue;
      strays.push(`${file}: ${target}`);
    }
  }
  expect(strays).toEqual([]);
  expect(checked).toBeGreaterThan(0);
});

test.each(PARTS)("$folder: no file imports upward, and none in a circle, not even a type", part => {
  const sources = sourcesBelow(part.folder);
  expect(violationsOf(part, sources)).toEqual([]);
  expect(sources.length).toBeGreaterThan(50);
});

test("CONTRIBUTING.md shows the floors of the firmware as `npm run imports` draws them, without the counts", () => {
  const [firmware] = PARTS;
  const [, ...rows] = drawingOf(firmware, sourcesBelow(firmware.folder)).trimEnd().split("\n");
  const countsAt = rows[0].indexOf(" files ");
  const importsAt = rows[0].indexOf("imports from");
  const drawing = rows.map(row => (row.slice(2, countsAt) + row.slice(importsAt - 2)).trimEnd());
  const shown = readFileSync("CONTRIBUTING.md", "utf8").split("## Imports")[1].split("```\n")[1];
  expect(shown.trimEnd().split("\n")).toEqual(drawing);
});

/** A program for the chip: its manifests, and the folder that its modules' names are relative to. */
interface Program {
  readonly folder: string;
  /** The last one leaves out modules of those before it. */
  readonly manifests: readonly string[];
  readonly sources: string;
  /** Modules that are no sources. */
  readonly data: readonly string[];
}

const PROXY: Program = {
  folder: "firmware",
  manifests: ["manifest.json"],
  sources: "firmware/src",
  data: ["firmware/gateway"],
};
const WIRED: Program = { ...PROXY, manifests: ["manifest.json", "manifest-ethernet.json"] };
const CASES: Program = {
  folder: "emulator/conformance",
  manifests: ["manifest.json"],
  sources: "emulator/conformance",
  data: [],
};

/** The program's manifest, with what later ones add to it. */
function manifestOf({ folder, manifests }: Program) {
  const [first, ...others] = manifests.map(name =>
    JSON.parse(readFileSync(`${folder}/${name}`, "utf8")),
  );
  for (const { config, platforms } of others) {
    const { esp32 } = first.platforms;
    const { [EXCLUDED]: excluded, ...named } = platforms.esp32.modules;
    const isLeftOut = (name: string) => excluded.includes(esp32.modules[name]);
    const kept = Object.keys(esp32.modules).filter(name => !isLeftOut(name));
    Object.assign(first.config, config);
    esp32.preload = [
      ...esp32.preload.filter((name: string) => !isLeftOut(name)),
      ...platforms.esp32.preload,
    ];
    esp32.modules = {
      ...Object.fromEntries(kept.map(name => [name, esp32.modules[name]])),
      ...named,
    };
  }
  return first;
}

/** The manifest's keys for files of included manifests that are left out, and for files of C. */
const EXCLUDED = "~";
const FILES_OF_C = "*";

/** The modules of the manifest for one platform: specifier and file. */
function modules(program: Program, platform: "esp32" | "lin"): Map<string, string> {
  const manifest = manifestOf(program);
  const named = Object.entries({ ...manifest.modules, ...manifest.platforms[platform].modules });
  return new Map(
    named
      .filter(([specifier]) => specifier !== EXCLUDED && specifier !== FILES_OF_C)
      .map(([specifier, file]) => [specifier, path.join(program.folder, String(file))]),
  );
}

test.each([
  { program: PROXY, platform: "esp32" },
  { program: PROXY, platform: "lin" },
  { program: WIRED, platform: "esp32" },
  { program: CASES, platform: "esp32" },
  { program: CASES, platform: "lin" },
] as const)(
  "$program.manifests in $program.folder: exactly the modules that the program for $platform imports, and each file by one name",
  ({ program, platform }) => {
    const named = modules(program, platform);
    const reached = new Set<string>();
    const walk = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const { target, typesOnly } of importsOf(file)) {
        if (typesOnly) continue;
        const module = named.get(target);
        if (target.endsWith(".ts")) walk(target);
        else if (module !== undefined && !program.data.includes(module)) walk(`${module}.ts`);
      }
    };
    walk(`${program.sources}/main.ts`);
    // The SDK calls this one by its name.
    if (platform === "esp32") walk("firmware/src/chip/esp32/setup-network.ts");
    const shipped = [...named.values()].filter(file => !program.data.includes(file));
    expect(shipped.map(file => `${file}.ts`).sort()).toEqual([...reached].sort());
    // The chip resolves a relative import against the module's name, not against its file.
    const misnamed: string[] = [];
    for (const [specifier, file] of named) {
      if (program.data.includes(file)) continue;
      for (const { text, target, typesOnly } of importsOf(`${file}.ts`)) {
        if (typesOnly || !text.startsWith(".")) continue;
        const module = path.join(path.dirname(specifier), text).replace(/\.ts$/, "");
        if (`${named.get(module)}.ts` !== target) misnamed.push(`${specifier}: ${text}`);
      }
    }
    expect(misnamed).toEqual([]);
  },
);

/**
 * Where the firmware has regular expressions, and what bounds the text that they see: XS takes about 50 bytes of
 * the board's memory for each character that one repeats.
 */
const PATTERNS: Record<string, string> = {
  "firmware/src/config/config.ts": "forms of texts, tried by reader.ts up to 256 characters",
  "firmware/src/config/forms.ts": "as those of config.ts",
  "firmware/src/config/machines-reader.ts": "as those of config.ts",
  "firmware/src/config/http-url.ts": "a text that reader.ts has read, up to 200 characters",
  "firmware/src/machines/sleep-request.ts": "12 characters of an answer",
  "firmware/src/config/network-reader.ts": "as those of config.ts",
  "firmware/src/config/time.ts": "as those of config.ts",
  "firmware/src/admin/token.ts": "up to 64 characters",
  "firmware/src/config/config-store.ts": "what the board has written to flash",
  "firmware/src/admin/runtime-api.ts": "words of a console line of 512 characters",
};

test("no regular expression of the firmware sees text from outside that has no bound", () => {
  const found = new Set<string>();
  for (const file of FILES) {
    if (!file.startsWith("firmware/src/") || IS_TEST.test(file)) continue;
    const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest);
    const visit = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) found.add(file);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  expect([...found].filter(file => !(file in PATTERNS))).toEqual([]);
});

test("tests leave nothing to chance but by the seed of the run", () => {
  const tests = FILES.filter(file => IS_TEST.test(file) && file !== "layout.test.ts");
  const unseeded = tests.filter(file => {
    if (importsOf(file).some(({ target }) => target === "fast-check")) return true;
    const source = readFileSync(file, "utf8");
    return /^[^"'`]*\b(Math\.random|randomBytes|randomInt|randomUUID)\b/m.test(source);
  });
  expect(unseeded).toEqual([]); // they take hil/kit/properties.ts, or `seeded`
  expect(tests.length).toBeGreaterThan(100);
});

test("the cases on the chip are all that there are", () => {
  const files = readdirSync("emulator/conformance/cases").map(name => name.replace(/\.ts$/, ""));
  const named = [...modules(CASES, "lin").keys()].filter(name => name.startsWith("cases/"));
  expect(named.sort()).toEqual(files.map(name => `cases/${name}`).sort());
});

test.each([PROXY, CASES])(
  "of $folder each module has one file: the SDK's is left out where ours takes its name",
  program => {
    const { modules } = manifestOf(program).platforms.esp32;
    expect(modules["setup/network"]).toMatch(/setup-network$/);
    expect([modules[EXCLUDED]].flat()).toContain("$(BUILD)/devices/$(PLATFORM)/setup/network");
  },
);

test("the chip's program has the C of firmware/native and leaves out the SDK's sockets; lin has only the search", () => {
  const { ffi, platforms } = manifestOf(PROXY);
  const { [FILES_OF_C]: c, [EXCLUDED]: excluded } = platforms.esp32.modules;
  const named = [...c.map((file: string) => `${file}.c`), ...ffi.sources];
  const files = readdirSync("firmware/native").filter(name => name.endsWith(".c"));
  expect(named.sort()).toEqual(files.map(name => `./native/${name}`).sort());
  expect(excluded).toContain("$(MODDABLE)/modules/io/socket/lwip/*");
  expect(excluded).toContain("$(MODULES)/network/socket/lwip/modSocket");
  expect(platforms.lin.modules).not.toHaveProperty([FILES_OF_C]);
});

test("no test and no test helper reaches the chip", () => {
  const shipped = [PROXY, WIRED, CASES].flatMap(program => [
    ...modules(program, "esp32").values(),
    ...modules(program, "lin").values(),
  ]);
  expect(shipped.filter(file => /test|lab|mock/.test(file))).toEqual([]);
});

test.each([
  { program: PROXY, sdkconfig: "firmware/sdkconfig/sdkconfig.defaults" },
  { program: WIRED, sdkconfig: "firmware/sdkconfig/ethernet/sdkconfig.defaults" },
])("the proxy counts on as many connections as $sdkconfig has", ({ program, sdkconfig }) => {
  const settings = readFileSync(sdkconfig, "utf8");
  const [, connections] = /^CONFIG_LWIP_MAX_ACTIVE_TCP=(\d+)$/m.exec(settings) ?? [];
  expect(manifestOf(program).config.connectionsMax).toBe(Number(connections));
});

test("ESP-IDF has the same settings for a board with Ethernet, but for the number of connections and the link's buffers", () => {
  const settings = (file: string) =>
    readFileSync(`firmware/sdkconfig/${file}`, "utf8")
      .split("\n")
      .filter(line => /^CONFIG_(?!ESP_WIFI_|ETH_|LWIP_MAX_ACTIVE_TCP)/.test(line));
  expect(settings("ethernet/sdkconfig.defaults")).toEqual(settings("sdkconfig.defaults"));
});

test.each([PROXY, WIRED])(
  "$manifests: the chip's heap holds no code, every module of the core is linked into the flash",
  program => {
    const { preload, platforms } = manifestOf(program);
    // The other modules call the chip when they are loaded, or are data.
    const loaded = (name: string) => /^(main|gateway|(chip|setup)\/.*)$/.test(name);
    expect([...preload, ...platforms.esp32.preload].sort()).toEqual(
      [...modules(program, "esp32").keys()].filter(name => !loaded(name)).sort(),
    );
  },
);

/**
 * Packages whose scripts run when they are installed, in the versions that were looked at. `allowScripts` of package.json
 * has only their names: npm takes a version there only where the lock file has the address of each package, which
 * ours leaves out, because it is not the same everywhere.
 */
const SCRIPTS = ["@serialport/bindings-cpp@13.0.0", "esbuild@0.28.2"];

test("what runs at the installation is what was looked at, version for version", () => {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, { version: string; hasInstallScript?: boolean; integrity?: string }>;
  };
  const { allowScripts } = JSON.parse(readFileSync("package.json", "utf8"));
  const running = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript);
  const named = running.map(([where, { version }]) => {
    return `${where.slice(where.lastIndexOf("node_modules/") + "node_modules/".length)}@${version}`;
  });
  expect(named.sort()).toEqual(SCRIPTS);
  expect(running.map(([, { integrity }]) => integrity?.slice(0, 7))).toEqual(
    running.map(() => "sha512-"),
  );
  expect(allowScripts).toEqual(
    Object.fromEntries(SCRIPTS.map(name => [name.slice(0, name.lastIndexOf("@")), true])),
  );
});

test("version, Node and layout are the same wherever they are named", () => {
  const read = (file: string) => readFileSync(file, "utf8");
  const { version, engines } = JSON.parse(read("package.json"));
  // The chip's build reads no package.json.
  expect(read("firmware/src/version.ts")).toContain(`VERSION = "${version}";`);
  const lock = JSON.parse(read("package-lock.json"));
  expect([lock.version, lock.packages[""].version]).toEqual([version, version]);
  expect(engines.node).toMatch(new RegExp(`^>=${read(".nvmrc").trim()}\\.`));

  const { indentStyle, indentWidth, lineWidth } = JSON.parse(read("biome.json")).formatter;
  const editors = Object.fromEntries(
    [
      ...read(".editorconfig")
        .split("[*.{c,h}]")[0]
        .matchAll(/^(\w+) = (.+)$/gm),
    ].map(([, key, value]) => [key, value]),
  );
  expect(editors).toMatchObject({
    indent_style: indentStyle,
    indent_size: String(indentWidth),
    max_line_length: String(lineWidth),
  });
});
