import dnsPacket, { type Answer } from "dns-packet";
import { expect, test } from "vitest";
import { boardsIn, listNamed } from "./named-boards.ts";

const ANSWERS: Answer[] = [
  { name: "_hot-potato._tcp.local", type: "PTR", data: "kitchen._hot-potato._tcp.local" },
];
const ADDITIONALS: Answer[] = [
  { name: "kitchen.local", type: "A", data: "192.168.1.50" },
  {
    name: "kitchen._hot-potato._tcp.local",
    type: "SRV",
    data: { port: 80, target: "kitchen.local" },
  },
  {
    name: "kitchen._hot-potato._tcp.local",
    type: "TXT",
    data: ["version=0.1.0", "build=abc", "admin=8404"],
  },
];
const decoded = (answers: Answer[], additionals: Answer[]) =>
  dnsPacket.decode(dnsPacket.encode({ type: "response", answers, additionals }));

test("a response has a board where it says its address and port", () => {
  const board = {
    name: "kitchen.local",
    address: "192.168.1.50",
    port: 80,
    adminPort: 8404,
    version: "0.1.0",
    build: "abc",
  };
  expect(boardsIn(decoded(ANSWERS, ADDITIONALS))).toEqual([board]);
  expect(boardsIn(decoded(ANSWERS, ADDITIONALS.slice(1)))).toEqual([]);
  expect(boardsIn(decoded([], ADDITIONALS))).toEqual([]);
  expect(boardsIn(decoded([{ ...ANSWERS[0], name: "_ipp._tcp.local" } as Answer], []))).toEqual([]);
});

test("each board has a line with the option that plays on it; text from the network has no control characters", () => {
  const [board] = boardsIn(decoded(ANSWERS, ADDITIONALS));
  expect(listNamed([board, { ...board, name: "\x1b[2J.local", adminPort: 0 }])).toBe(
    [
      "kitchen.local  192.168.1.50:80  0.1.0 abc  (--address 192.168.1.50:8404)",
      "?[2J.local  192.168.1.50:80  0.1.0 abc  (no admin port)",
    ].join("\n"),
  );
  expect(listNamed([])).toBe("none has answered");
});
