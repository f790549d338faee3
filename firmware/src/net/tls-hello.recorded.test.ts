import { PassThrough } from "node:stream";
import { getExtensionData, isGREASE, readTlsClientHello } from "read-tls-client-hello";
import { expect, test } from "vitest";
import { inRecords, recordedHellos } from "./hellos/testing.ts";
import { readHello } from "./tls-hello.ts";

// Hellos of OpenSSL, curl, Node, Python, GnuTLS, wget, Go, Java and Chromium, read as the client has meant them.

const HELLOS = recordedHellos();

/** The hellos that lie in one record, as OpenSSL's with `-max_send_frag 512` do not. */
const IN_ONE_RECORD = HELLOS.filter(
  ({ bytes, helloBytes }) => helloBytes === 5 + ((bytes[3] << 8) | bytes[4]),
);

test("the hellos of every client are read as a whole", () => {
  for (const { client, bytes, helloBytes, ...expected } of HELLOS) {
    expect(readHello(bytes), client).toEqual({ ...expected, bytes: helloBytes });
  }
  expect(HELLOS.length).toBeGreaterThanOrEqual(300);
  expect(Math.max(...HELLOS.map(({ bytes }) => bytes.length))).toBeGreaterThan(1_900);
});

test("half a hello of any client is not judged, wherever it is cut", () => {
  for (const { client, bytes, helloBytes } of HELLOS) {
    for (let count = 0; count < helloBytes; count++) {
      const half = readHello(bytes.subarray(0, count));
      if (half !== "more") expect.fail(`${client}: ${count} bytes are ${JSON.stringify(half)}`);
    }
  }
});

test("a hello of any client in two records, cut anywhere, says the same", () => {
  for (const { client, bytes, helloBytes, serverName, alpn } of IN_ONE_RECORD) {
    const message = bytes.slice(5, helloBytes);
    for (let size = Math.ceil(message.length / 2); size < message.length; size += 7) {
      const cut = inRecords(message, size);
      expect(readHello(cut), client).toMatchObject({ serverName, alpn, bytes: cut.length });
    }
  }
});

test("two hellos are in several records as the client has sent them", () => {
  expect(HELLOS.length - IN_ONE_RECORD.length).toBe(2);
});

test("another reader of hellos finds the same in them", async () => {
  for (const { client, bytes, serverName, alpn, hasEarlyData } of IN_ONE_RECORD) {
    if (client.includes("%NO_EXTENSIONS")) continue; // it takes the lack of extensions for a hello that is cut
    const stream = new PassThrough();
    stream.write(bytes);
    const hello = await readTlsClientHello(stream);
    expect(getExtensionData(hello, "server_name")?.serverName?.toLowerCase(), client).toBe(
      serverName,
    );
    const protocols = getExtensionData(hello, "application_layer_protocol_negotiation")?.protocols;
    expect((protocols ?? []).join().startsWith(alpn), client).toBe(true);
    expect(
      hello.extensions.some(({ id }) => id === 42),
      client,
    ).toBe(hasEarlyData);
    expect(
      hello.extensions.some(({ id }) => isGREASE(id)),
      client,
    ).toBe(client.startsWith("chromium"));
  }
});
