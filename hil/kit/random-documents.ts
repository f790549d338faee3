import fc from "./properties.ts";

// Documents near the grammar of the configuration: each begins as one that is valid, and a few of its values are
// replaced, added, left out or listed twice.

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

type Document = { [key: string]: Json };

/** Names that mean something to the engine, to a terminal or to a page. */
const oddText = fc.oneof(
  fc.constantFrom(
    ...["__proto__", "constructor", "toString", "length", "prototype", "", " ", "0", "-1", "NaN"],
    ...["\x1b[31m", "\x9b", "\n", "\0", '"', "\\", "<script>", "\u202e", "\ud800", "\xe9"],
    ...["x".repeat(33), "x".repeat(300), "200,".repeat(80), "a.".repeat(120), "/a".repeat(70)],
    ...["backend", "listener", "conectTimeoutMs", "round-robbin", "192.168.1.256", "1.2.3.4/33"],
  ),
  fc.string({ unit: "binary", maxLength: 300 }),
);

const name = fc.constantFrom("api.home", "home", "192.168.1.9");
const host = fc.oneof(name, fc.constant("*.home"));
const ms = fc.integer({ min: 100, max: 86_400_000 });
const port = fc.integer({ min: 1, max: 65_535 });

const watch = { intervalMs: ms, timeoutMs: ms, rise: fc.integer({ min: 1, max: 100 }) };
const overHttp = {
  check: fc.constant("http"),
  path: fc.constantFrom("/", "/health"),
  host: name,
  status: fc.constantFrom("200-399", "200,204"),
  body: fc.constantFrom("ok", "{}"),
  start: fc.constantFrom("up", "down"),
  ...watch,
};
const health: fc.Arbitrary<Document> = fc.oneof(
  fc.record({ check: fc.constantFrom("tcp", "tls", "none"), ...watch }),
  fc.record(overHttp, { requiredKeys: ["check"] }),
);

/** The settings of one backend. */
const ownHealth: fc.Arbitrary<Document> = fc.oneof(
  fc.record(watch, { requiredKeys: [] }),
  fc.record(overHttp, { requiredKeys: ["check"] }),
);

/** Only together: alone, some of them have no use. */
const serving = fc.constantFrom<Document>(
  {},
  { keepAlive: true, maxSessions: 7 },
  { maxSessions: 1, settleMs: 200 },
  { proxyProtocol: "v2", keepAlive: false },
);

const backend = fc
  .tuple(
    fc.record<Document>(
      {
        address: fc.ipV4(),
        port,
        weight: fc.nat(1),
        backup: fc.boolean(),
        state: fc.constantFrom("ready", "drain", "maint"),
        health: ownHealth,
      },
      { requiredKeys: ["address", "port"] },
    ),
    serving,
  )
  .map(([backend, serving]) => ({ ...backend, ...serving }));

/** Names of the first two backends; some name one that does not exist. */
const routed: fc.Arbitrary<Json> = fc.oneof(
  { arbitrary: fc.constantFrom<Json>(["a"], ["b", "a"]), weight: 6 },
  { arbitrary: fc.tuple(oddText), weight: 1 },
);
const path = fc.constantFrom("/", "/api", "/api/.well-known");

const routes: fc.Arbitrary<Document[]> = fc.array(
  fc.oneof(
    {
      arbitrary: fc.record<Document>(
        { host, path, strip: fc.boolean(), backends: routed },
        { requiredKeys: [] },
      ),
      weight: 3,
    },
    {
      arbitrary: fc.record<Document>(
        { host, path, redirect: fc.constantFrom(301, 308) },
        { requiredKeys: ["redirect"] },
      ),
      weight: 1,
    },
    {
      arbitrary: fc.record<Document>(
        {
          sni: fc.array(fc.oneof(host, fc.constant("*")), { minLength: 1, maxLength: 2 }),
          backends: routed,
        },
        { requiredKeys: ["sni"] },
      ),
      weight: 1,
    },
  ),
  { maxLength: 3 },
);

const wakeRule: fc.Arbitrary<Document> = fc.oneof(
  fc.record<Document>(
    { host, path, methods: fc.constantFrom<Json>(["GET"], ["GET", "POST"]) },
    { requiredKeys: [] },
  ),
  fc.record<Document>({ protocol: fc.constant("tls"), sni: fc.tuple(host) }, { requiredKeys: [] }),
  fc.record<Document>(
    {
      firstLine: fc.constantFrom("SSH-2.0", "hello"),
      clients: fc.tuple(fc.constant("10.0.0.0/8")),
    },
    { requiredKeys: ["clients"] },
  ),
);

/** A machine that all backends run on. */
const machine: fc.Arbitrary<Document> = fc
  .tuple(
    fc.record<Document>(
      {
        wakeFor: fc.array(wakeRule, { maxLength: 1 }),
        sleep: fc.constantFrom<Json>(
          { url: "http://192.168.1.10:8000/suspend" },
          { url: "http://nas.home/", method: "GET", header: "Authorization: Bearer x" },
        ),
        idleMs: fc.integer({ min: 10_000, max: 86_400_000 }),
        awakeTimes: fc.constantFrom<Json>([], ["mon-fri 07:30-22:00", "22:00-06:00"]),
        asleepCheckMs: fc.constantFrom(0, 1_000, 60_000),
      },
      { requiredKeys: [] },
    ),
    fc.constantFrom<Document>(
      { mac: "24:0a:c4:00:00:01" },
      { mac: "24-0A-C4-00-00-01", secureOn: "01:02:03:04:05:06", broadcast: "192.168.1.255" },
      { wakeBy: { gpio: 4 } },
      { wakeBy: { gpio: 33, pressMs: 500 } },
    ),
  )
  .map(([machine, how]) => ({ name: "nas", ...machine, ...how }));

const machines = fc
  .record<Document>(
    {
      machines: fc.tuple(machine),
      holdMs: fc.integer({ min: 1_000, max: 86_400_000 }),
      heldMax: fc.nat(16),
      wakeAtPercent: fc.integer({ min: 10, max: 100 }),
    },
    { requiredKeys: ["machines"] },
  )
  .map(settings => (document: Document) => ({
    ...{ ...document, ...settings, time: {} },
    backends: (document.backends as Document[]).map(backend => ({ ...backend, machine: "nas" })),
  }));

/** Some documents have a machine. */
const withMachine = fc.oneof(
  { arbitrary: fc.constant((document: Document) => document), weight: 3 },
  { arbitrary: machines, weight: 1 },
);

const valid = fc
  .tuple(
    fc.record<Document>(
      {
        backends: fc.array(backend, { minLength: 2, maxLength: 4 }),
        listeners: fc.constantFrom<Json>([{ port: 80 }], [{ port: 80 }, { port: 81, mode: "tcp" }]),
        adminHosts: fc.array(name, { maxLength: 4 }),
        time: fc.constantFrom<Json>(
          { server: "" },
          { server: "192.168.1.1", zone: "CET-1CEST,M3.5.0,M10.5.0/3" },
          { zone: "<-04>4<-03>,M9.1.6/24,M4.1.6/24" },
        ),
        network: fc.constantFrom<Json>(
          {},
          { hostname: "potato-2", dns: ["192.168.1.1"] },
          { address: "192.168.1.50", netmask: "255.255.255.0", gateway: "192.168.1.1" },
        ),
        balance: fc.constantFrom("weighted-round-robin", "round-robin", "ewma", "first"),
        health,
        routes,
        inspect: fc.constantFrom<Json>([], [{ keyword: "QUIT", from: "both", match: "line" }]),
        trustedProxies: fc.array(fc.constantFrom("192.168.1.2", "10.0.0.0/8"), { maxLength: 8 }),
        log: fc.constantFrom<Json>({}, { requests: "errors" }),
        connectTimeoutMs: ms,
        retries: fc.nat(32),
        bodyBytesMax: fc.nat(),
        queueMax: fc.nat(64),
      },
      { requiredKeys: ["backends"] },
    ),
    fc.constantFrom<Document>(
      {},
      { sticky: "source" },
      { sticky: "cookie", stickyKey: "secret-8" },
    ),
    withMachine,
  )
  .map(([document, sticky, add]) => add({ ...document, ...sticky }));

const oddNumber = fc.oneof(
  fc.constantFrom(-1, -0, 0, 0.5, 65_536, 2 ** 31, 2 ** 53, 1e21, 5e-324, Number.MAX_VALUE),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

const odd: fc.Arbitrary<Json> = fc.oneof(
  oddText,
  oddNumber,
  fc.constantFrom<Json>(null, true, false, [], {}, [[]], [null], [{}], Array(33).fill("a")),
  fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>,
  fc.nat(40).map(levels => Array.from({ length: levels }).reduce<Json>(inner => [inner], {})),
);

/** A change of one place of a document: `at` chooses it among all places. */
const change = fc.record({
  at: fc.nat(1_000),
  how: fc.constantFrom("replace", "remove", "add", "double"),
  key: oddText,
  /** The new value is of the old one's type, where that is a text or a number. */
  alike: fc.boolean(),
  text: oddText,
  number: oddNumber,
  value: odd,
});

type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** Every key or index below `json`, with the object or list that it is in. */
function placesOf(json: Json): [object: object, key: string][] {
  if (typeof json !== "object" || json === null) return [];
  return Object.entries(json).flatMap(([key, inner]) => [[json, key], ...placesOf(inner)]) as [
    object,
    string,
  ][];
}

function changed(document: Json, changes: readonly Change[]): Json {
  const copy = structuredClone(document);
  for (const { at, how, key, alike, text, number, value: any } of changes) {
    const places = placesOf(copy);
    if (places.length === 0) break;
    const [inside, name] = places[at % places.length];
    const old = (inside as Record<string, Json>)[name];
    const like = typeof old === "string" ? text : typeof old === "number" ? number : any;
    const value = alike ? like : any;
    const set = (key: string, value: Json) =>
      // Also for `__proto__`, as JSON.parse does it.
      Object.defineProperty(inside, key, {
        ...{ value: structuredClone(value), enumerable: true, configurable: true, writable: true },
      });
    if (Array.isArray(inside)) {
      const index = Number(name);
      if (how === "remove") inside.splice(index, 1);
      else if (how === "double") inside.push(structuredClone(inside[index]));
      else if (how === "add") inside.push(structuredClone(value));
      else inside[index] = structuredClone(value);
    } else if (how === "remove") {
      delete (inside as Record<string, Json>)[name];
    } else if (how === "replace") {
      set(name, value);
    } else {
      set(key, value);
    }
  }
  return copy;
}

/** Documents of which about a third are valid: what `JSON.parse` may give, whatever its text. */
export const documents: fc.Arbitrary<unknown> = fc.oneof(
  {
    arbitrary: fc
      .tuple(valid, fc.array(change, { maxLength: 3 }))
      .map(([document, changes]) => changed(document, changes)),
    weight: 20,
  },
  { arbitrary: odd, weight: 1 },
);
