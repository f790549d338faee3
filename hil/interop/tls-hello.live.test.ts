import dgram from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import { Duplex } from "node:stream";
import tls from "node:tls";
import { seeded } from "net-mock-socket";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Running, startSystemServer } from "../../emulator/proxy/bench/system-server.ts";
import {
  alpn,
  clientHello,
  extension,
  inRecords,
  name,
  recordedHellos,
} from "../../firmware/src/net/hellos/testing.ts";
import { ALPN_CHARS_MAX, HELLO_BYTES_MAX, readHello } from "../../firmware/src/net/tls-hello.ts";
import { onThisComputer } from "../kit/patience.ts";
import { readSeed } from "../kit/seed.ts";
import { missing } from "./reference-proxies.ts";

// HAProxy as a second opinion on TLS hellos: the same bytes, the name and the protocols that each finds in them.

/** Mutated hellos for each recorded one. */
const MUTANTS = 6;

/** Bytes of a name that HAProxy logs; a mutated one may have thousands. */
const NAME_BYTES = 300;

/** Connections to HAProxy at once. */
const LANES = 16;

interface Found {
  readonly serverName: string | undefined;
  /** The first protocol: HAProxy shows no other. */
  readonly alpn: string;
}

const NOTHING: Found = { serverName: undefined, alpn: "" };

/** HAProxy, which logs what it finds in the first bytes of each connection. */
class Oracle {
  readonly #log = dgram.createSocket("udp4");
  readonly #waiting = new Map<string, (found: Found) => void>();
  #haproxy!: Running;

  async start() {
    this.#log.bind(0, "127.0.0.1");
    await once(this.#log, "listening");
    this.#log.on("message", line => {
      const [port, serverName, alpn] = line.toString("latin1").trimEnd().split("|");
      this.#waiting.get(port)?.({
        serverName: serverName === "-" ? undefined : textOf(serverName).toLowerCase(),
        alpn: alpn === "-" ? "" : textOf(alpn),
      });
    });
    const { port: logPort } = this.#log.address();
    this.#haproxy = await startSystemServer(
      "haproxy",
      port => `
global
  nbthread 1
  log 127.0.0.1:${logPort} len 8192 format raw local0
defaults
  mode tcp
  timeout client 60s
frontend hellos
  bind 127.0.0.1:${port}
  tcp-request inspect-delay 60s
  tcp-request content set-var(sess.name) req.ssl_sni,bytes(0,${NAME_BYTES}),hex if { req.ssl_hello_type 1 }
  tcp-request content set-var(sess.alpn) req.ssl_alpn,hex if { req.ssl_hello_type 1 }
  tcp-request content reject
  log global
  log-format "%cp|%[var(sess.name)]|%[var(sess.alpn)]"
`,
    );
    return this;
  }

  async read(bytes: Uint8Array): Promise<Found> {
    const socket = net.connect({ port: this.#haproxy.port, host: "127.0.0.1" });
    socket.on("error", () => {}); // it closes with a reset
    await once(socket, "connect");
    const key = String(socket.localPort);
    try {
      return await new Promise<Found>((resolve, reject) => {
        const tooLate = () => reject(new Error("HAProxy has logged nothing"));
        const timer = setTimeout(tooLate, onThisComputer(2_000));
        this.#waiting.set(key, found => {
          clearTimeout(timer);
          resolve(found);
        });
        socket.end(bytes);
      });
    } finally {
      this.#waiting.delete(key);
      socket.destroy();
    }
  }

  async stop() {
    await this.#haproxy.stop();
    this.#log.close();
  }
}

const textOf = (hex: string) => Buffer.from(hex, "hex").toString("latin1");

/** The result of `readHello` in HAProxy's form: without a whole hello there is neither a name nor a protocol. */
function ours(bytes: Uint8Array): Found {
  const hello = readHello(bytes);
  if (typeof hello === "string") return NOTHING;
  return { serverName: hello.serverName, alpn: hello.alpn.split(",")[0] };
}

const recordBytes = (bytes: Uint8Array) => (bytes[3] << 8) | bytes[4];
const messageBytes = (bytes: Uint8Array) => (bytes[6] << 16) | (bytes[7] << 8) | bytes[8];

const ALERT = 21;
const ILLEGAL_PARAMETER = 47;
const DECODE_ERROR = 50;

/**
 * True if OpenSSL, as a server, calls the hello malformed. It has no certificate, so that it refuses the others for
 * that: an alert answers each hello. Record and version are corrected first, because it looks at those before.
 */
function isMalformedToOpenSsl(bytes: Uint8Array): Promise<boolean> {
  return new Promise(resolve => {
    const wire = new Duplex({
      read() {},
      write([type, , , , , , alert]: Buffer, _encoding, done) {
        resolve(type === ALERT && (alert === DECODE_ERROR || alert === ILLEGAL_PARAMETER));
        done();
      },
    });
    const context = tls.createSecureContext({ minVersion: "TLSv1", ciphers: "ALL:@SECLEVEL=0" });
    const socket = new tls.TLSSocket(wire, { isServer: true, secureContext: context });
    socket.on("error", () => setImmediate(() => resolve(false))); // if no alert comes before it
    const message = bytes.slice(5, 9 + messageBytes(bytes));
    message.set([3, 3], 4);
    wire.push(inRecords(message));
  });
}

/** Why we find something else than HAProxy in the same bytes, and whether that is so. */
const REASONS: Record<
  string,
  (bytes: Uint8Array, our: Found, its: Found) => boolean | Promise<boolean>
> = {
  "HAProxy takes any bytes for a name": (bytes, our, { serverName = "", alpn }) => {
    const labels = serverName.split(".");
    const isName =
      serverName.length <= 253 &&
      labels.every(label => /^[a-z0-9_-]{1,63}$/.test(label)) &&
      !/^\d+$/.test(labels.at(-1)!);
    const isHello = typeof readHello(bytes) === "object";
    return isHello && our.serverName === undefined && our.alpn === alpn && !isName;
  },
  "a dot at the end of a name": (_, our, its) =>
    `${our.serverName}.` === its.serverName && our.alpn === its.alpn,
  "HAProxy shows a protocol that no log can": (_, our, its) =>
    our.serverName === its.serverName &&
    !(/^[\w./-]*$/.test(its.alpn) && its.alpn.length <= ALPN_CHARS_MAX),
  "HAProxy does not look at the length of the record": bytes =>
    recordBytes(bytes) > 16_384 || recordBytes(bytes) < messageBytes(bytes) + 4,
  "HAProxy takes later major versions of the record": bytes => bytes[1] > 3,
  "HAProxy reads hellos of any length": bytes =>
    readHello(bytes) === "too-long" && bytes.length > HELLO_BYTES_MAX,
  "HAProxy refuses a hello of version 3.0": (bytes, _, its) =>
    bytes[10] === 0 && its.serverName === undefined,
  "HAProxy stops at the name, where servers refuse the hello for what is behind it": bytes =>
    readHello(bytes) === "malformed" && isMalformedToOpenSsl(bytes),
};

describe.skipIf(missing("haproxy").length > 0)("HAProxy reads the same hellos", () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await new Oracle().start();
  });
  afterAll(() => oracle.stop());

  const HELLOS = recordedHellos();
  const used = new Map<string, number>();

  /** The differences that have no reason. */
  async function compare(inputs: readonly (readonly [string, Uint8Array])[]): Promise<string[]> {
    const unexplained: string[] = [];
    const queue = inputs.values();
    const lane = async () => {
      for (const [title, bytes] of queue) {
        const [our, its] = [ours(bytes), await oracle.read(bytes)];
        if (our.serverName === its.serverName && our.alpn === its.alpn) continue;
        let reason: string | undefined;
        for (const [text, holds] of Object.entries(REASONS)) {
          if (reason === undefined && (await holds(bytes, our, its))) reason = text;
        }
        if (reason !== undefined) {
          used.set(reason, (used.get(reason) ?? 0) + 1);
          continue;
        }
        const hex = Buffer.from(bytes).toString("hex");
        unexplained.push(
          `${title}: ${JSON.stringify(readHello(bytes))}, HAProxy ${JSON.stringify(its)}: ${hex}`,
        );
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return unexplained;
  }

  test("of every client, with the same result", async () => {
    expect(await compare(HELLOS.map(({ client, bytes }) => [client, bytes]))).toEqual([]);
    expect(used.size).toBe(0);
  });

  test("mutated, cut, long and in several records; each difference has a reason, and each reason is needed", async () => {
    const random = seeded(readSeed(process.env.SEED));
    const below = (limit: number) => Math.floor(random() * limit);
    const inputs: [string, Uint8Array][] = [];
    for (const { client, bytes, helloBytes } of HELLOS) {
      for (let i = 0; i < MUTANTS; i++) {
        const mutant = Uint8Array.from(bytes);
        // Lengths stand before and behind the random bytes, and among the extensions.
        for (let changes = 1 + below(3); changes > 0; changes--) {
          const at = below(2) === 0 ? below(mutant.length) : below(Math.min(12, mutant.length));
          mutant[at] = below(2) === 0 ? below(256) : mutant[at] ^ (1 << below(8));
        }
        inputs.push([`${client}, mutated`, mutant]);
      }
      inputs.push([`${client}, cut`, bytes.slice(0, below(bytes.length))]);
      inputs.push([`${client}, without its last bytes`, bytes.slice(0, -1 - below(6))]);
      inputs.push([`${client}, and more`, Uint8Array.of(...bytes, 23, 3, 3, 0, 1, below(256))]);
      inputs.push([
        `${client}, in records`,
        inRecords(bytes.slice(5, helloBytes), 40 + below(bytes.length)),
      ]);
    }
    // Each length of the extensions of one hello, a little longer and shorter.
    const { bytes } = HELLOS.find(({ client }) => client.startsWith("go "))!;
    for (let at = 0; at < bytes.length; at++) {
      for (const by of [-1, 1, 2]) {
        const mutant = Uint8Array.from(bytes);
        mutant[at] += by;
        inputs.push([`byte ${at} of Go's, ${by} more`, mutant]);
      }
    }
    for (const text of ["example.org.", "192.0.2.1", "a b", "..", "x".repeat(200)]) {
      inputs.push([text, clientHello(name(text), alpn("h2"))]);
    }
    inputs.push(["long", clientHello(name("a.home"), extension(21, ...new Array(5_000).fill(0)))]);
    expect(await compare(inputs)).toEqual([]);
    expect([...used.keys()].sort()).toEqual(Object.keys(REASONS).sort());
  });

  test("in one record, where ours finds the same in several", async () => {
    for (const { client, bytes, helloBytes } of HELLOS.filter((_, number) => number % 8 === 0)) {
      const { serverName, alpn } = ours(inRecords(bytes.slice(5, helloBytes), 100));
      expect(await oracle.read(bytes), client).toMatchObject({ serverName, alpn });
    }
  });
});
