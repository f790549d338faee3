import { expect, test } from "vitest";
import { functionCosts } from "./callgrind.ts";

const PROGRAM = "/build/firmware";

const PROFILE = `# callgrind format
events: Ir
summary: 999

ob=${PROGRAM}
fl=/tmp/xs/package/moddable/xs/sources/xsRun.c
fn=fxRunID
10 100
+3 20
fi=/tmp/xs/package/moddable/xs/includes/xs.h
5 3
fe=/tmp/xs/package/moddable/xs/sources/xsRun.c
cob=/lib/libc.so.6
cfi=./string/memcpy.S
cfn=memcpy
calls=2 7
15 40
cfi=/repository/firmware/native/binding.c
cfn=xs_native_tcp_read
calls=1 9
16 500

fl=/repository/firmware/native/binding.c
fn=xs_native_tcp_read
9 60

fl=/tmp/lwip/objects/core-tcp_in.c
fn=tcp_input
1 7
cob=???
cfi=???
cfn=0x1234
calls=1 0
* 2

fn=peer_tcp_input
1 70

fl=/repository/emulator/lwip/native/world.c
fn=carry
1 700

ob=/lib/libc.so.6
fl=./string/memcpy.S
fn=memcpy
1 7000
`;

test("a function counts with what it has called of the C library; the peer and the wire do not count", () => {
  expect(functionCosts(PROFILE, PROGRAM)).toEqual([
    { name: "fxRunID", part: "engine", instructions: 163 },
    { name: "xs_native_tcp_read", part: "sockets", instructions: 60 },
    { name: "tcp_input", part: "lwip", instructions: 9 },
  ]);
});
