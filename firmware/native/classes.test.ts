import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

// The chip's classes in TypeScript name functions of C, which only the SDK's linker looks for.

const CHIP = "firmware/src/chip/esp32";
const NATIVE = "firmware/native";

function namesIn(folder: string, file: RegExp, name: RegExp): string[] {
  const texts = readdirSync(folder).filter(each => file.test(each));
  const names = texts.flatMap(each =>
    [...readFileSync(`${folder}/${each}`, "utf8").matchAll(name)].map(([, found]) => found),
  );
  return [...new Set(names)].sort();
}

test("every function of C that binding.h and binding-udp.h have for JavaScript is in a class of the chip, and no class names one that does not exist", () => {
  const declared = [
    ...namesIn(NATIVE, /^binding(-udp)?\.h$/, /^extern void (\w+)\(/gm),
    ...namesIn(CHIP, /\.c$/, /^void (\w+)\(xsMachine\*/gm),
  ];
  const named = namesIn(CHIP, /\.ts$/, /\b[nN]ative(?:<[^>]*>)?\("(\w+)"\)/g);
  const methods = declared.filter(name => name.startsWith("xs_native_"));
  expect(methods.length).toBeGreaterThan(10);
  expect(named.filter(name => !declared.includes(name))).toEqual([]);
  expect(methods.filter(name => !named.includes(name))).toEqual([]);
});
