import dnsPacket, { type Answer, type Packet, type Question } from "dns-packet";
import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import {
  ADDITIONALS,
  ANSWERS,
  AUTHORITIES,
  CLASS_IN,
  CLASS_TOP_BIT,
  ENTRIES_MAX,
  FLAG_AUTHORITATIVE,
  FLAG_RESPONSE,
  MessageReader,
  MessageWriter,
  QUESTIONS,
  TYPE_A,
  TYPE_ANY,
  TYPE_CNAME,
  TYPE_NSEC,
  TYPE_PTR,
  TYPE_SRV,
  TYPE_TXT,
} from "./message.ts";

// The codec is compared with dns-packet, which is what multicast-dns speaks.

const CODES: Record<string, number> = {
  A: TYPE_A,
  CNAME: TYPE_CNAME,
  PTR: TYPE_PTR,
  SRV: TYPE_SRV,
  TXT: TYPE_TXT,
  NSEC: TYPE_NSEC,
};

const character = fc.constantFrom(..."abcXYZ019-_");
const label = fc.string({ unit: character, minLength: 1, maxLength: 20 });
const nameOf = (labels: readonly string[]) => labels.join(".");
const name = fc.array(label, { minLength: 1, maxLength: 6 }).map(nameOf);
const address = fc
  .tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
  .map(octets => octets.join("."));
const ttl = fc.nat(0x7fff_ffff);
const text = fc.string({ unit: fc.constantFrom(..."abc=/. 01"), minLength: 1, maxLength: 30 });

const question = fc.record({ name, type: fc.constantFrom("A", "PTR", "SRV", "TXT") });
const record = fc.oneof(
  fc.record({ type: fc.constant("A"), name, ttl, flush: fc.boolean(), data: address }),
  fc.record({ type: fc.constant("PTR"), name, ttl, flush: fc.boolean(), data: name }),
  fc.record({ type: fc.constant("CNAME"), name, ttl, flush: fc.boolean(), data: name }),
  fc.record({
    type: fc.constant("SRV"),
    name,
    ttl,
    flush: fc.boolean(),
    data: fc.record({ port: fc.nat(65_535), target: name }),
  }),
  fc.record({
    type: fc.constant("TXT"),
    name,
    ttl,
    flush: fc.boolean(),
    data: fc.array(text, { minLength: 1, maxLength: 3 }),
  }),
) as fc.Arbitrary<Answer & { ttl: number; flush: boolean; data: unknown }>;
const records = fc.array(record, { maxLength: 5 });
const packet = fc.record({
  id: fc.nat(65_535),
  flags: fc.constantFrom(0, FLAG_AUTHORITATIVE),
  questions: fc.array(question, { maxLength: 4 }),
  answers: records,
  authorities: records,
  additionals: records,
});

/** Every field of a message that the reader gives; `undefined` if it refuses it. */
function readAll(bytes: Uint8Array) {
  const reader = new MessageReader();
  if (!reader.open(bytes)) return undefined;
  const entries = [];
  while (reader.next()) {
    const { section, type, class: klass, hasTopBit, ttl } = reader;
    const target = reader.targetAt();
    entries.push({
      section,
      name: reader.nameAt(reader.at),
      type,
      class: klass,
      hasTopBit,
      ttl,
      address: reader.address(),
      target: target < 0 ? undefined : reader.nameAt(target),
      port: reader.port(),
      data: [...bytes.subarray(reader.dataAt, reader.dataEnd)],
    });
  }
  return { id: reader.id, flags: reader.flags, entries };
}

/** Writes names with a pointer to the longest end that was written before, as servers do. */
class Compressor {
  bytes: number[] = new Array(12).fill(0);
  #places = new Map<string, number>();

  name(text: string): void {
    const labels = text.split(".");
    for (let i = 0; i < labels.length; i++) {
      const rest = nameOf(labels.slice(i)).toLowerCase();
      const place = this.#places.get(rest);
      if (place !== undefined) {
        this.bytes.push(0xc0 | (place >> 8), place & 0xff);
        return;
      }
      this.#places.set(rest, this.bytes.length);
      this.bytes.push(labels[i].length, ...Buffer.from(labels[i]));
    }
    this.bytes.push(0);
  }

  question(text: string, type: number): void {
    this.name(text);
    this.bytes.push(0, type, 0, 1);
    this.bytes[5]++;
  }

  /** A record whose data is a name, behind `before`. */
  pointing(owner: string, type: number, target: string, before: number[] = []): void {
    this.name(owner);
    this.bytes.push(0, type, 0, 1, 0, 0, 0, 120);
    const length = this.bytes.length;
    this.bytes.push(0, 0, ...before);
    this.name(target);
    this.bytes[length + 1] = this.bytes.length - length - 2;
    this.bytes[7]++;
  }
}

describe("reading", () => {
  /** A message of one question whose name is these bytes. */
  const ofName = (...name: number[]) =>
    Uint8Array.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 1, 0, 1]);

  test("whatever dns-packet writes is read as it was meant", () => {
    fc.assert(
      fc.property(packet, given => {
        const bytes = dnsPacket.encode({ ...given, type: "response" } as Packet);
        const read = readAll(bytes)!;
        expect(read.id).toBe(given.id);
        expect(read.flags).toBe(given.flags | FLAG_RESPONSE);
        const entry = (section: number) => (one: Question | Answer) => {
          const { type, name } = one;
          const { ttl = 0, flush = false, data } = one as (typeof given.answers)[number];
          const srv = data as { target: string; port: number };
          return expect.objectContaining({
            section,
            type: CODES[type],
            name,
            class: CLASS_IN,
            ttl,
            hasTopBit: flush,
            address: section !== QUESTIONS && type === "A" ? data : undefined,
            ...(section !== QUESTIONS && {
              target: type === "SRV" ? srv.target : /PTR|CNAME/.test(type) ? data : undefined,
              port: type === "SRV" ? srv.port : undefined,
            }),
            ...(type === "TXT" &&
              section !== QUESTIONS && {
                data: (data as string[]).flatMap(one => [one.length, ...Buffer.from(one)]),
              }),
          });
        };
        expect(read.entries).toEqual([
          ...(given.questions as Question[]).map(entry(QUESTIONS)),
          ...given.answers.map(entry(ANSWERS)),
          ...given.authorities.map(entry(AUTHORITIES)),
          ...given.additionals.map(entry(ADDITIONALS)),
        ]);
      }),
      { numRuns: 150 },
    );
  });

  test("compressed names are read as dns-packet reads them", () => {
    const near = fc.array(fc.constantFrom("a", "B", "local", "_tcp"), {
      minLength: 1,
      maxLength: 5,
    });
    const pair = fc.tuple(near.map(nameOf), near.map(nameOf), fc.boolean());
    fc.assert(
      fc.property(near.map(nameOf), fc.array(pair, { maxLength: 8 }), (asked, pairs) => {
        const message = new Compressor();
        message.question(asked, TYPE_ANY);
        for (const [owner, target, isSrv] of pairs) {
          if (isSrv) message.pointing(owner, TYPE_SRV, target, [0, 1, 0, 2, 0, 80]);
          else message.pointing(owner, TYPE_PTR, target);
        }
        const bytes = Uint8Array.from(message.bytes);
        const theirs = dnsPacket.decode(Buffer.from(bytes));
        const ours = readAll(bytes)!;
        expect(ours.entries.map(({ name }) => name)).toEqual([
          theirs.questions![0].name,
          ...theirs.answers!.map(({ name }) => name),
        ]);
        expect(ours.entries.slice(1).map(({ target }) => target)).toEqual(
          theirs.answers!.map(one =>
            one.type === "SRV" ? one.data.target : (one as { data: unknown }).data,
          ),
        );
      }),
    );
  });

  test("names are compared without regard to case, label by label", () => {
    const bytes = dnsPacket.encode({ questions: [{ name: "Hot-Potato.Local", type: "A" }] });
    const reader = new MessageReader();
    expect(reader.open(bytes) && reader.next()).toBe(true);
    expect(reader.nameIs("hot-potato.local")).toBe(true);
    expect(reader.nameAt(reader.at)).toBe("Hot-Potato.Local");
    for (const other of ["", "local", "hot-potato", "hot-potato.loca", "hot-potato.local.x"]) {
      expect(reader.nameIs(other)).toBe(false);
    }
    const dotted = Uint8Array.from([
      0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 97, 46, 98, 0, 0, 1, 0, 1,
    ]);
    expect(reader.open(dotted) && reader.next()).toBe(true);
    expect(reader.nameIs("a.b")).toBe(false); // one label, which holds a dot
    expect(reader.nameAt(reader.at)).toBeUndefined();
  });

  test("a name is equal to itself in any case, and to no other", () => {
    fc.assert(
      fc.property(name, name, (one, other) => {
        const reader = new MessageReader();
        reader.open(dnsPacket.encode({ questions: [{ name: one, type: "A" }] }));
        reader.next();
        const same = one.toLowerCase() === other.toLowerCase();
        expect(reader.nameIs(one.toUpperCase())).toBe(true);
        expect(reader.nameIs(other)).toBe(same);
      }),
    );
  });

  test("the strings of a TXT record are compared", () => {
    const data = ["path=/", "a=1"];
    // Encoding replaces the strings.
    const answers = [{ type: "TXT" as const, name: "a.local", data: [...data] }];
    const reader = new MessageReader();
    reader.open(dnsPacket.encode({ type: "response", answers }));
    reader.next();
    expect(reader.textsAre(data)).toBe(true);
    for (const other of [
      [],
      ["path=/"],
      ["path=/", "a=2"],
      ["path=/", "a=1", "b"],
      ["path=/a=1"],
    ]) {
      expect(reader.textsAre(other)).toBe(false);
    }
  });

  test("a name of 255 bytes is read, a longer one is not", () => {
    const labels = ["a".repeat(63), "b".repeat(63), "c".repeat(63)];
    const longest = nameOf([...labels, "d".repeat(61)]);
    const read = (name: string) =>
      readAll(dnsPacket.encode({ questions: [{ name, type: "A" }] }))?.entries[0]?.name;
    expect(read(longest)).toBe(longest);
    expect(read(nameOf([...labels, "d".repeat(62)]))).toBeUndefined();
    expect(readAll(ofName(...Array(256).fill([1, 97]).flat(), 0))).toBeUndefined();
    // A name of 255 bytes, and one that a pointer makes a byte longer.
    const long = [63, ...Array(63).fill(97)];
    const rest = [...long, ...long, ...long, 59, ...Array(59).fill(98), 0];
    const joined = (label: number[]) =>
      readAll(
        Uint8Array.from([
          ...[0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, ...rest, 0, 1, 0, 1],
          ...[label.length, ...label, 0xc0, 12, 0, 1, 0, 1],
        ]),
      )!.entries[1].name?.length;
    expect(joined([99])).toBe(253);
    expect(joined([99, 99])).toBeUndefined();
    const bytes = new Uint8Array(512);
    const writer = new MessageWriter(bytes);
    writer.begin(0, 0);
    expect(writer.question(longest, TYPE_A)).toBe(true);
    expect(writer.question(nameOf([...labels, "d".repeat(62)]), TYPE_A)).toBe(false);
    expect(writer.question("a".repeat(64), TYPE_A)).toBe(false);
  });

  test.each([
    ["that points to itself", [0xc0, 12]],
    ["that points forward", [0xc0, 14, 0]],
    ["that points into the header", [0xc0, 0]],
    ["whose pointer is cut", [1, 97, 0xc0]],
    ["that points back to its own beginning", [1, 97, 0xc0, 12]],
    ["with a reserved length", [0x40, 0]],
    ["without an end", [1, 97]],
  ])("a name %s is malformed", (_what, name) => {
    expect(readAll(ofName(...name))).toBeUndefined();
  });

  test("a name with more than 16 pointers is none", () => {
    const depth = (pointers: number) => {
      const bytes = [0, 0, 0, 0, 0, pointers + 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1];
      let place = 12;
      for (let i = 0; i < pointers; i++) {
        const here = bytes.length;
        bytes.push(1, 98, 0xc0, place, 0, 1, 0, 1);
        place = here;
      }
      return readAll(Uint8Array.from(bytes))!.entries.at(-1)!.name;
    };
    expect(depth(16)).toBe(`${"b.".repeat(16)}a`);
    expect(depth(17)).toBeUndefined();
  });

  test(`a message of ${ENTRIES_MAX} entries is read, one of more is not`, () => {
    const of = (count: number) =>
      readAll(dnsPacket.encode({ questions: Array(count).fill({ name: "a.local", type: "A" }) }))
        ?.entries.length;
    expect(of(ENTRIES_MAX)).toBe(ENTRIES_MAX);
    expect(of(ENTRIES_MAX + 1)).toBeUndefined();
  });

  test("a message cut anywhere is malformed, and read without an exception", () => {
    fc.assert(
      fc.property(packet, given => {
        const bytes = dnsPacket.encode({ ...given, type: "response" } as Packet);
        for (let cut = 0; cut < bytes.length; cut++) {
          expect(readAll(bytes.subarray(0, cut))).toBeUndefined();
        }
      }),
      { numRuns: 12 },
    );
  });

  test("whatever arrives, reading it neither throws nor goes on for ever", () => {
    const head = fc.tuple(...Array.from({ length: 4 }, () => fc.nat(4)));
    const loose = fc
      .tuple(head, fc.uint8Array({ maxLength: 200 }))
      .map(([counts, rest]) =>
        Uint8Array.from([0, 0, 0, 0, ...counts.flatMap(count => [0, count]), ...rest]),
      );
    // Bytes that names are made of: short lengths, pointers back, ends.
    const dense = fc.constantFrom(0, 1, 2, 12, 14, 20, 33, 63, 0xc0, 97);
    const crafted = fc
      .tuple(head, fc.array(dense, { maxLength: 200 }))
      .map(([counts, rest]) =>
        Uint8Array.from([0, 0, 0, 0, ...counts.flatMap(count => [0, count]), ...rest]),
      );
    const mutated = fc
      .tuple(packet, fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 8 }))
      .map(([given, changes]) => {
        const bytes = dnsPacket.encode({ ...given, type: "response" } as Packet);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(loose, crafted, mutated, fc.uint8Array({ maxLength: 100 })), bytes => {
        const reader = new MessageReader();
        const isOpen = reader.open(bytes);
        let entries = 0;
        if (isOpen) {
          while (reader.next()) {
            entries++;
            const known = reader.nameAt(reader.at);
            if (known !== undefined) expect(reader.nameIs(known)).toBe(true);
            const target = reader.targetAt();
            if (target >= 0) reader.nameIs("a.local", target);
            reader.port();
            reader.address();
            reader.textsAre(["a", ""]);
          }
        }
        expect(entries).toBeLessThanOrEqual(ENTRIES_MAX);
      }),
      { numRuns: 1500 },
    );
  });
});

describe("writing", () => {
  /** Writes the packet into `bytes`; the message, without what did not fit. */
  function write(given: Given, room: number) {
    const bytes = new Uint8Array(room);
    const writer = new MessageWriter(bytes);
    writer.begin(given.id, given.flags);
    const kept: Given = { ...given, questions: [], answers: [], authorities: [], additionals: [] };
    for (const one of given.questions) {
      if (writer.question(one.name, CODES[one.type])) kept.questions.push(one);
    }
    const sections = [
      [ANSWERS, given.answers, kept.answers],
      [AUTHORITIES, given.authorities, kept.authorities],
      [ADDITIONALS, given.additionals, kept.additionals],
    ] as const;
    for (const [section, from, to] of sections) {
      for (const one of from) {
        const { name, ttl } = one;
        const top = one.flush ? CLASS_TOP_BIT : 0;
        const srv = one.data as { target: string; port: number };
        const written =
          one.type === "A"
            ? writer.a(section, name, top, ttl, one.data as string)
            : one.type === "PTR"
              ? writer.ptr(section, name, top, ttl, one.data as string)
              : one.type === "SRV"
                ? writer.srv(section, name, top, ttl, srv.port, srv.target)
                : writer.txt(section, name, top, ttl, one.data as string[]);
        if (written) to.push(one);
      }
    }
    return { message: Buffer.from(bytes.subarray(0, writer.length)), kept };
  }

  type One = { type: string; name: string; ttl: number; flush: boolean; data: unknown };
  interface Given {
    id: number;
    flags: number;
    questions: { name: string; type: string }[];
    answers: One[];
    authorities: One[];
    additionals: One[];
  }
  const written = packet.map(given => {
    const without = (list: readonly unknown[]) =>
      (list as One[]).filter(({ type }) => type !== "CNAME");
    return {
      ...given,
      answers: without(given.answers),
      authorities: without(given.authorities),
      additionals: without(given.additionals),
    } as Given;
  });

  const decoded = (message: Buffer) => {
    const { questions, answers, authorities, additionals } = dnsPacket.decode(message);
    const record = (answer: Answer) => {
      const { type, name, ttl, flush, data } = answer as Answer & One;
      const plain = Array.isArray(data) ? data.map(String) : data;
      const srv = plain as { port: number; target: string };
      return {
        type,
        name,
        ttl,
        flush,
        data: type === "SRV" ? { port: srv.port, target: srv.target } : plain,
      };
    };
    return {
      questions: questions!.map(({ name, type }) => ({ name, type })),
      answers: answers!.map(record),
      authorities: authorities!.map(record),
      additionals: additionals!.map(record),
    };
  };

  test("dns-packet reads what was written, however small the buffer: an entry is there whole or not at all", () => {
    fc.assert(
      fc.property(written, fc.integer({ min: 12, max: 1500 }), (given, room) => {
        const { message, kept } = write(given, room);
        const { id, flags, ...entries } = kept;
        expect(message.readUInt16BE(0)).toBe(id);
        expect(message.readUInt16BE(2)).toBe(flags);
        expect(decoded(message)).toEqual(entries);
        if (room === 1500) expect(kept).toEqual(given);
      }),
      { numRuns: 150 },
    );
  });

  test("an NSEC record names its types", () => {
    const bytes = new Uint8Array(128);
    const writer = new MessageWriter(bytes);
    writer.begin(0, FLAG_RESPONSE);
    expect(writer.nsec(ANSWERS, "a.local", CLASS_TOP_BIT, 120, [TYPE_A])).toBe(true);
    expect(writer.nsec(ADDITIONALS, "b.local", 0, 120, [TYPE_TXT, TYPE_SRV])).toBe(true);
    const { answers, additionals } = dnsPacket.decode(
      Buffer.from(bytes.subarray(0, writer.length)),
    );
    expect(answers).toMatchObject([
      { type: "NSEC", name: "a.local", data: { nextDomain: "a.local", rrtypes: ["A"] } },
    ]);
    expect(additionals).toMatchObject([
      { type: "NSEC", name: "b.local", data: { nextDomain: "b.local", rrtypes: ["TXT", "SRV"] } },
    ]);
  });

  test("a QU question and a TXT record without strings are written as the RFCs say", () => {
    const bytes = new Uint8Array(128);
    const writer = new MessageWriter(bytes);
    writer.begin(7, 0);
    expect(writer.question("a.local", TYPE_A, CLASS_TOP_BIT)).toBe(true);
    expect(writer.txt(ANSWERS, "b.local", 0, 4500, [])).toBe(true);
    const read = readAll(bytes.subarray(0, writer.length))!;
    expect(read.entries).toMatchObject([
      { section: QUESTIONS, type: TYPE_A, hasTopBit: true },
      { section: ANSWERS, type: TYPE_TXT, ttl: 4500, data: [0] },
    ]);
  });

  test.each(["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1..2.3", "a.b.c.d", "1.2.3.4 ", "::1"])(
    "%j is no address",
    address => {
      const writer = new MessageWriter(new Uint8Array(64));
      writer.begin(0, 0);
      expect(writer.a(ANSWERS, "a.local", 0, 1, address)).toBe(false);
      expect(writer.length).toBe(12);
    },
  );

  test.each(["a..b", ".a", "a.", ".", "\u00e4.local"])("%j is no name", name => {
    const writer = new MessageWriter(new Uint8Array(64));
    writer.begin(0, 0);
    expect(writer.question(name, TYPE_A)).toBe(false);
    expect(writer.length).toBe(12);
    expect(writer.question("", TYPE_A)).toBe(true); // the root
  });
});
