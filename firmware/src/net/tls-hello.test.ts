import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { alpn, clientHello, extension, inRecords, message, name } from "./hellos/testing.ts";
import { ALPN_CHARS_MAX, HELLO_BYTES_MAX, readHello } from "./tls-hello.ts";

const read = (...extensions: (readonly number[])[]) => readHello(clientHello(...extensions));

/** Reads a client's first bytes after each of them, and all of them at last. */
function expectSameForEverySplit(bytes: Uint8Array) {
  const whole = readHello(bytes);
  let decidedAt: number | undefined;
  for (let count = 0; count < bytes.length; count++) {
    const half = readHello(bytes.slice(0, count));
    if (half === "more") expect(decidedAt).toBeUndefined();
    else {
      decidedAt ??= count;
      expect(half).toEqual(whole);
    }
  }
  return { whole, decidedAt: decidedAt ?? bytes.length };
}

describe("the server name", () => {
  test("is read among other extensions, in lower case", () => {
    const hello = clientHello(
      extension(0x1a1a), // GREASE
      extension(11, 1, 0),
      name("Www.Example.ORG"),
      extension(0xfe0d, 0, 1, 2, 3), // ECH, whose inner name is encrypted
      alpn("h2", "http/1.1"),
      extension(0xdada, 0),
    );
    expect(readHello(hello)).toEqual({
      serverName: "www.example.org",
      alpn: "h2,http/1.1",
      hasEarlyData: false,
      bytes: hello.length,
    });
  });

  test.each([
    ["a", "a"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["a_b.home", "a_b.home"],
    ["1.2.3.4.example", "1.2.3.4.example"],
    ["example.org.", "example.org"],
    [`${"a".repeat(63)}.home`, `${"a".repeat(63)}.home`],
    [`${"abc.".repeat(63)}x`, `${"abc.".repeat(63)}x`],
  ])("%s is one", (text, expected) => {
    expect(read(name(text))).toMatchObject({ serverName: expected });
  });

  test.each([
    "192.168.1.10",
    "192.168.1.10.",
    "::1",
    "[::1]",
    ".",
    "..",
    ".a",
    "a..b",
    "a..",
    "a b",
    "a\0b",
    "*.example.org",
    "(null)",
    "a.home:443",
    "b\xfccher.example",
    `${"a".repeat(64)}.home`,
    `home.${"a".repeat(64)}`,
    `${"abc.".repeat(63)}xy`,
    "a".repeat(255),
    "12345",
  ])("%j is none: the hello has no name", text => {
    expect(read(name(text), alpn("h2"))).toMatchObject({ serverName: undefined, alpn: "h2" });
  });

  test("is missing from hellos without the extension, or without any", () => {
    expect(read(extension(23), alpn("h2"))).toMatchObject({ serverName: undefined });
    expect(read()).toMatchObject({ serverName: undefined, alpn: "", hasEarlyData: false });
    expect(readHello(inRecords(message({ extensions: undefined })))).toMatchObject({
      serverName: undefined,
    });
  });

  test("the first of two counts", () => {
    expect(read(name("a.home"), name("b.home"))).toMatchObject({ serverName: "a.home" });
    const list = [0, 0, 1, 97, 0, 0, 1, 98];
    expect(read(extension(0, 0, list.length, ...list))).toMatchObject({ serverName: "a" });
  });

  test("of another type than a host name is none", () => {
    expect(read(extension(0, 0, 6, 1, 0, 3, 97, 98, 99))).toMatchObject({ serverName: undefined });
  });
});

describe("the application protocols", () => {
  test("those that a log can show are listed in the client's order", () => {
    expect(
      read(alpn("\x2a\x2a", "acme-tls/1", "a b", 'x"y', "h2", "\x16\xff", "h3")),
    ).toMatchObject({
      alpn: "acme-tls/1,h2,h3",
    });
    expect(read(alpn())).toMatchObject({ alpn: "" });
  });

  test("those beyond the limit are left out as a whole", () => {
    const long = "p".repeat(ALPN_CHARS_MAX - 3);
    expect(read(alpn("h2", long, "x"))).toMatchObject({ alpn: `h2,${long}` });
    expect(read(alpn("h2", `${long}p`, "x"))).toMatchObject({ alpn: "h2,x" });
    expect(read(alpn("p".repeat(255), "h2"))).toMatchObject({ alpn: "h2" });
  });
});

test("early data is announced by its extension", () => {
  expect(read(extension(42), name("a.home"))).toMatchObject({
    hasEarlyData: true,
    serverName: "a.home",
  });
});

describe("pieces", () => {
  const parts = [extension(0x0a0a), name("www.example.org"), alpn("h2", "http/1.1"), extension(42)];
  const whole = { serverName: "www.example.org", alpn: "h2,http/1.1", hasEarlyData: true };

  test("half a hello is never judged: the answer is that of the whole, at its last byte", () => {
    const hello = clientHello(...parts);
    expect(expectSameForEverySplit(hello)).toEqual({
      whole: { ...whole, bytes: hello.length },
      decidedAt: hello.length,
    });
  });

  test.each([1, 2, 3, 4, 5, 7, 40, 64])("a hello over records of %i bytes", size => {
    const hello = message({ extensions: parts });
    if (hello.length / size > 64) {
      expect(readHello(inRecords(hello, size))).toBe("too-long");
      return;
    }
    const bytes = inRecords(hello, size);
    expect(expectSameForEverySplit(bytes)).toEqual({
      whole: { ...whole, bytes: bytes.length },
      decidedAt: bytes.length,
    });
  });

  test("a record may end at each byte of the hello", () => {
    const hello = message({ extensions: parts });
    for (let size = 1; size < hello.length; size++) {
      const bytes = Uint8Array.of(
        ...inRecords(hello.slice(0, size)),
        ...inRecords(hello.slice(size)),
      );
      expect(readHello(bytes)).toEqual({ ...whole, bytes: bytes.length });
    }
  });

  test("bytes behind the hello do not matter", () => {
    const hello = clientHello(...parts);
    expect(readHello(Uint8Array.of(...hello, 23, 3, 3, 0, 1, 0))).toEqual({
      ...whole,
      bytes: hello.length,
    });
  });
});

describe("what is no TLS is said as soon as that is certain", () => {
  test.each([
    ["HTTP", [71], 1],
    ["an alert", [21, 3, 3, 0, 2, 1, 0], 1],
    ["SSL 2", [0x80, 0x2e, 1, 0, 2], 1],
    ["byte 22 of another protocol", [22, 2], 2],
    ["a record without content", [22, 3, 1, 0, 0], 5],
    ["a record that is too long", [22, 3, 1, 0x40, 1], 5],
    ["a ServerHello", [22, 3, 3, 0, 80, 2], 6],
  ] as const)("%s", (_, start, count) => {
    expect(expectSameForEverySplit(Uint8Array.from(start))).toEqual({
      whole: "not-tls",
      decidedAt: count,
    });
  });
});

describe("limits", () => {
  const padding = (bytes: number) => extension(21, ...new Array<number>(bytes).fill(0));
  const bytesOf = (extensionBytes: number) => clientHello(padding(extensionBytes));
  const fixed = bytesOf(0).length;

  test("the longest hello is read", () => {
    const longest = bytesOf(HELLO_BYTES_MAX - fixed);
    expect(longest.length).toBe(HELLO_BYTES_MAX);
    expect(expectSameForEverySplit(longest).whole).toMatchObject({ bytes: HELLO_BYTES_MAX });
  });

  test("a longer one is refused at its ninth byte", () => {
    const longer = bytesOf(HELLO_BYTES_MAX - fixed + 1);
    expect(expectSameForEverySplit(longer)).toEqual({ whole: "too-long", decidedAt: 9 });
  });

  test("the heads of its records count, too", () => {
    const longest = message({ extensions: [padding(HELLO_BYTES_MAX - fixed)] });
    expect(readHello(inRecords(longest, 2000))).toBe("too-long");
    const fits = message({ extensions: [padding(HELLO_BYTES_MAX - fixed - 10)] });
    expect(readHello(inRecords(fits, 2000))).toMatchObject({ bytes: HELLO_BYTES_MAX });
  });

  test("64 records are read, not 65", () => {
    const hello = message({ extensions: [name("a.home"), padding(0)] });
    const head = inRecords(hello.slice(0, 63), 1);
    const rest = hello.slice(63);
    expect(readHello(Uint8Array.of(...head, ...inRecords(rest)))).toMatchObject({
      serverName: "a.home",
    });
    const behind = [...inRecords(rest.slice(0, 1)), ...inRecords(rest.slice(1))];
    expect(readHello(Uint8Array.of(...head, ...behind))).toBe("too-long");
  });
});

describe("malformed hellos", () => {
  const whole = message({ extensions: [name("a.home")] });
  const SESSION_ID = 4 + 34;
  const CIPHERS = SESSION_ID + 1;
  const COMPRESSION = CIPHERS + 4;
  const EXTENSIONS = COMPRESSION + 2;
  const NAME = EXTENSIONS + 2 + 4;

  test.each<[string, [at: number, byte: number][]]>([
    ["a version of SSL 2", [[4, 2]]],
    ["a session id of 33 bytes", [[SESSION_ID, 33]]],
    ["no cipher", [[CIPHERS + 1, 0]]],
    ["more ciphers than bytes", [[CIPHERS, 1]]],
    ["no compression", [[COMPRESSION, 0]]],
    ["more compressions than bytes", [[COMPRESSION, 200]]],
    ["fewer extensions than bytes", [[EXTENSIONS + 1, 3]]],
    ["more extensions than bytes", [[EXTENSIONS + 1, 200]]],
    ["an extension beyond the end", [[EXTENSIONS + 5, 200]]],
    ["bytes behind the extensions that are none", [[EXTENSIONS + 5, 10]]],
    ["a list of names beyond its extension", [[NAME + 1, 10]]],
    ["a list of names without one", [[NAME + 1, 3]]],
    ["a name beyond its list", [[NAME + 4, 7]]],
  ])("%s", (_, changes) => {
    const bytes = Uint8Array.from(whole);
    for (const [at, byte] of changes) {
      expect(bytes[at]).not.toBe(byte);
      bytes[at] = byte;
    }
    expect(expectSameForEverySplit(inRecords(bytes)).whole).toBe("malformed");
  });

  test.each([
    ["of protocols that ends early", extension(16, 0, 4, 2, 104, 50)],
    ["of protocols with an empty one", extension(16, 0, 1, 0)],
    ["of protocols with one that is cut", extension(16, 0, 3, 3, 104, 50)],
    ["of names with an empty one", name("")],
    ["of names in an extension of one byte", extension(0, 0)],
    ["of protocols in an extension of one byte", extension(16, 0)],
  ])("a list %s", (_, bad) => {
    expect(read(bad)).toBe("malformed");
  });

  test("a message too short for a hello, at its ninth byte", () => {
    const bytes = Uint8Array.of(22, 3, 1, 0, 44, 1, 0, 0, 40, ...new Array<number>(40).fill(3));
    expect(expectSameForEverySplit(bytes)).toEqual({ whole: "malformed", decidedAt: 9 });
  });

  test("another record between those of a hello, at its first byte", () => {
    const first = inRecords(whole.slice(0, 20));
    expect(expectSameForEverySplit(Uint8Array.of(...first, 21, 3, 1, 0, 2, 1, 0))).toEqual({
      whole: "malformed",
      decidedAt: first.length + 1,
    });
  });
});

describe("any bytes", () => {
  /** Throws if an index is read that lies outside. */
  const guarded = (bytes: Uint8Array) =>
    new Proxy(bytes, {
      get(target, key) {
        if (typeof key === "string" && /^-?\d+$/.test(key) && Number(key) >= target.length) {
          throw new RangeError(`byte ${key} of ${target.length} was read`);
        }
        const value = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });

  const octets = (constraints: fc.IntArrayConstraints) => fc.uint8Array(constraints);
  const start = Uint8Array.of(22, 3, 1, 0, 120, 1, 0, 0, 116, 3, 3);
  const anyBytes = fc.oneof(
    octets({ maxLength: 200 }),
    octets({ maxLength: 200 }).map(rest => Uint8Array.of(...start, ...rest)),
  );
  /** A hello of a client, some of whose bytes are others, in records of some size. */
  const mutated = fc
    .tuple(
      fc.subarray([
        name("www.example.org"),
        alpn("h2", "http/1.1"),
        extension(42),
        extension(0x8a8a),
        extension(51, 0, 3, 9, 9, 9),
      ]),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 }),
      fc.integer({ min: 3, max: 300 }),
    )
    .map(([extensions, changes, size]) => {
      const bytes = Uint8Array.from(message({ extensions }));
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return inRecords(bytes, size);
    });

  test("are read without an exception, and none outside; once decided stays decided", () => {
    fc.assert(
      fc.property(fc.oneof(anyBytes, mutated), bytes => {
        const whole = readHello(guarded(bytes));
        let previous: unknown = "more";
        for (let count = 0; count <= bytes.length; count++) {
          const now = readHello(guarded(bytes.slice(0, count)));
          if (previous !== "more") expect(now).toEqual(previous);
          previous = now;
        }
        expect(previous).toEqual(whole);
      }),
      { numRuns: 400 },
    );
  });

  test("records of any sizes change nothing but the length", () => {
    fc.assert(
      fc.property(
        mutated,
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 12 }),
        (bytes, sizes) => {
          const content: number[] = [];
          for (let at = 0; at < bytes.length; ) {
            const size = (bytes[at + 3] << 8) | bytes[at + 4];
            content.push(...bytes.slice(at + 5, at + 5 + size));
            at += 5 + size;
          }
          const other: number[] = [];
          let at = 0;
          for (const size of sizes) {
            if (at + size >= content.length) break;
            other.push(...inRecords(Uint8Array.from(content.slice(at, at + size))));
            at += size;
          }
          other.push(...inRecords(Uint8Array.from(content.slice(at))));
          const [one, two] = [inRecords(Uint8Array.from(content)), Uint8Array.from(other)].map(
            records => {
              const hello = readHello(records);
              return typeof hello === "string" ? hello : { ...hello, bytes: 0 };
            },
          );
          expect(two).toEqual(one);
        },
      ),
      { numRuns: 400 },
    );
  });
});
