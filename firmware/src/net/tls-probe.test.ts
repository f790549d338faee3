import { PassThrough } from "node:stream";
import { getExtensionData, readTlsClientHello } from "read-tls-client-hello";
import { describe, expect, test } from "vitest";
import { readHello } from "./tls-hello.ts";
import { clientHello, readServerHello } from "./tls-probe.ts";

describe("our hello", () => {
  test.each([undefined, "a.home", `${"abc.".repeat(63)}x`])(
    "for the name %s is a whole one",
    async name => {
      const bytes = clientHello(name);
      expect(readHello(bytes)).toEqual({
        serverName: name,
        alpn: "",
        hasEarlyData: false,
        bytes: bytes.length,
      });
      const stream = new PassThrough();
      stream.write(bytes);
      const read = await readTlsClientHello(stream);
      expect(getExtensionData(read, "server_name")).toEqual(
        name === undefined ? undefined : { serverName: name },
      );
      expect(getExtensionData(read, "supported_versions")).toEqual({
        versions: [0x304, 0x303, 0x302, 0x301],
      });
      expect(read.extensions).toHaveLength(name === undefined ? 7 : 8);
      expect(read.cipherSuites).toHaveLength(17);
    },
  );
});

/** The answer after each byte: how many it took to decide. */
function byteByByte(...bytes: readonly number[]) {
  for (let count = 0; count <= bytes.length; count++) {
    const answer = readServerHello(Uint8Array.from(bytes.slice(0, count)));
    if (answer !== "more") return [answer, count];
  }
  return ["more", bytes.length];
}

describe("a server's answer", () => {
  const WARNING = [21, 3, 3, 0, 2, 1, 112];

  test.each<[string, number[], unknown, number]>([
    ["nothing", [], "more", 0],
    ["a ServerHello", [22, 3, 3, 0, 80, 2, 0, 0, 76, 3, 3], "server-hello", 6],
    ["a ServerHello of TLS 1.0", [22, 3, 1, 0, 2, 2], "server-hello", 6],
    [
      "a ServerHello behind a warning",
      [...WARNING, ...WARNING, 22, 3, 3, 0, 80, 2],
      "server-hello",
      20,
    ],
    ["a refusal", [21, 3, 3, 0, 2, 2, 40, 9], { alert: 40 }, 7],
    ["a refusal behind a warning", [...WARNING, 21, 3, 3, 0, 2, 2, 80], { alert: 80 }, 14],
    ["a close_notify", [21, 3, 1, 0, 2, 1, 0], { alert: 0 }, 7],
    ["HTTP", [72, 84, 84, 80], "not-tls", 1],
    ["SSH", [83, 83, 72], "not-tls", 1],
    ["byte 22 of another protocol", [22, 4], "not-tls", 2],
    ["another message of the handshake", [22, 3, 3, 0, 4, 14], "not-tls", 6],
    ["our own hello sent back", [...clientHello("a.home")], "not-tls", 6],
    ["a record without content", [22, 3, 3, 0, 0, 2], "not-tls", 5],
    ["an alert of three bytes", [21, 3, 3, 0, 3, 2, 40, 0], "not-tls", 5],
    ["another record behind a warning", [...WARNING, 23, 3, 3, 0, 5], "not-tls", 8],
  ])("%s", (_, bytes, answer, count) => {
    expect(byteByByte(...bytes)).toEqual([answer, count]);
    expect(readServerHello(Uint8Array.from(bytes))).toEqual(answer);
  });
});
