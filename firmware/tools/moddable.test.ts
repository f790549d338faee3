import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { IDF_CHECKED, refuseWrong, SDK_INSTALL } from "./moddable.ts";

test.each([
  [["backends=my server:8080"], 'backends[0].address: is "my server"; wanted an IPv4 address'],
  [["backends=10.0.0.1"], "backends[0].address"],
  [["backends=10.0.0.1:80,"], "backends[1].address"],
  [["port=99999"], "listeners[0].port: is 99999; wanted"],
  [["port=http"], "listeners[0].port"],
  [["token=abc"], "token: must have 8 to 64 printable characters"],
])(
  "what the board would refuse when it boots is refused before it is built: %s",
  (settings, complaint) => {
    expect(() => refuseWrong(settings)).toThrow(complaint);
  },
);

test("right settings are accepted, and without any the document is gateway.json", () => {
  refuseWrong([]);
  refuseWrong([
    "ssid=home",
    "password=a=b",
    "backends=10.0.0.1:80,10.0.0.2:81",
    "port=81",
    "token=",
  ]);
});

test.each(["README.md", "firmware/README.md"])("%s names the versions that were checked", file => {
  const text = readFileSync(file, "utf8");
  expect(text).toContain(SDK_INSTALL);
  expect(text).toContain(`ESP-IDF ${IDF_CHECKED}`);
});
