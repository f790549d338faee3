import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import type { Message } from "../../../backends/src/http-reader.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";
import {
  bodies,
  expectNothingLeft,
  GET,
  get,
  HEAD,
  HttpClient,
  labOf,
  labWith,
  lines,
} from "../../../hil/kit/http-lab.ts";

describe("headers", () => {
  /** The fields that the backend gets of a request with these fields. */
  async function forwarded(fields: string[], settings: object = {}): Promise<Message> {
    const { lab, backends } = labWith("a");
    await lab.serve(settings);
    await new HttpClient(lab, lab.network.host("client")).ask(get("/", ...fields));
    return backends[0].requests[0];
  }

  test("fields of one connection are not forwarded, in both directions", async () => {
    const hop = [
      "Connection: close, X-Secret, x-other",
      "Keep-Alive: timeout=5",
      "Proxy-Connection: keep-alive",
      "Proxy-Authorization: Basic eDp5",
      "Proxy-Authenticate: Basic",
      "TE: trailers, gzip",
      "Trailer: A",
      "Upgrade: nothing",
      "HTTP2-Settings: AAMAAABk",
      "X-Secret: 1",
      "X-OTHER: 2",
    ];
    const seen = httpBackend(() => reply("a", { fields: [...hop, "X-Kept: 3"] }));
    const lab = labOf(seen);
    await lab.serve();
    const answer = await new HttpClient(lab).ask(get("/", ...hop, "X-Kept: 3"));
    const names = (message: Message) => message.fields.map(([name]) => name.toLowerCase());
    expect(names(seen.requests[0])).toEqual([
      "host",
      "x-kept",
      "x-forwarded-host",
      "x-forwarded-proto",
      "via",
      "x-forwarded-for",
      "x-request-id",
    ]);
    expect(names(answer)).toEqual(["x-kept", "content-length", "connection"]);
    expect(answer.all("connection")).toEqual(["close"]);
  });

  test("Connection cannot take away what tells where a request came from", async () => {
    const request = await forwarded([
      "Connection: X-Forwarded-For, X-Forwarded-Host, Host, Via, X-Request-Id, Content-Length",
    ]);
    for (const name of ["X-Forwarded-For", "X-Forwarded-Host", "Host", "Via", "X-Request-Id"])
      expect(request.all(name).length).toBe(1);
  });

  const CLAIMS = [
    "X-Forwarded-For: 1.2.3.4",
    "X-Forwarded-For: 5.6.7.8, 9.9.9.9",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: shop.example",
    "Forwarded: for=1.2.3.4",
  ];

  test("what an untrusted client says about its origin is replaced", async () => {
    const request = await forwarded(CLAIMS, { trustedProxies: ["10.0.1.0/24"] });
    expect(request.all("x-forwarded-for")).toEqual([expect.stringMatching(/^10\.0\.0\.\d+$/)]);
    expect(request.all("x-forwarded-proto")).toEqual(["http"]);
    expect(request.all("x-forwarded-host")).toEqual(["x"]);
    expect(request.all("forwarded")).toEqual([]);
  });

  const SAID = [
    "X-Forwarded-Port: 443",
    "X-Forwarded-Prefix: /admin",
    "X-Forwarded-Ssl: on",
    "X-Forwarded-User: root",
    "X-Forwarded-Scheme: https",
    "X-Forwarded-Server: shop",
    "x-forwarded-anything_else: 1",
    "X-Real-IP: 1.2.3.4",
    "X-Client-IP: 1.2.3.4",
    "X-Cluster-Client-IP: 1.2.3.4",
    "True-Client-IP: 1.2.3.4",
    "CF-Connecting-IP: 1.2.3.4",
    "X-Original-URL: /admin",
    "X-Rewrite-URL: /admin",
    "Remote-User: root",
    "X-Remote-User: root",
  ];

  test("what only a proxy may say is dropped from an untrusted client, and kept from a trusted proxy", async () => {
    const others = ["X-Forwarder: 1", "X-Forwarded: 1", "Remote-User-Agent: 1", "X-Real-IPs: 1"];
    const names = (message: Message) => message.fields.map(([name]) => name);
    const nameOf = (field: string) => field.slice(0, field.indexOf(":"));
    const stranger = await forwarded([...SAID, ...others]);
    const ours = [
      "X-Forwarded-Host",
      "X-Forwarded-Proto",
      "Via",
      "X-Forwarded-For",
      "X-Request-Id",
    ];
    expect(names(stranger)).toEqual(["Host", ...others.map(nameOf), ...ours]);
    const trusted = await forwarded([...SAID, ...others], { trustedProxies: ["10.0.0.0/8"] });
    expect(names(trusted)).toEqual(["Host", ...SAID.map(nameOf), ...others.map(nameOf), ...ours]);
  });

  test("the same with _ for - is never passed on, not even from a trusted proxy", async () => {
    const twins = SAID.map(field => field.replace("-", "_"));
    for (const trustedProxies of [[], ["10.0.0.0/8"]]) {
      const { fields } = await forwarded(twins, { trustedProxies });
      expect(fields.map(([name]) => name).filter(name => name.includes("_"))).toEqual([]);
    }
  });

  test("Connection cannot take a client's own X-Request-Id away: the backend receives the id that the log has", async () => {
    const request = await forwarded([
      "X-Request-Id: theirs",
      "Connection: X-Request-Id, X-Gone",
      "X-Gone: 1",
    ]);
    expect(request.all("x-request-id")).toEqual(["theirs"]);
    expect(request.all("x-gone")).toEqual([]);
  });

  test("what a trusted proxy says is kept and added to", async () => {
    const request = await forwarded(CLAIMS, { trustedProxies: ["10.0.0.0/24"] });
    expect(request.all("x-forwarded-for")).toEqual([
      expect.stringMatching(/^1\.2\.3\.4, 5\.6\.7\.8, 9\.9\.9\.9, 10\.0\.0\.\d+$/),
    ]);
    expect(request.all("x-forwarded-proto")).toEqual(["https"]);
    expect(request.all("x-forwarded-host")).toEqual(["shop.example"]);
    expect(request.all("forwarded")).toEqual(["for=1.2.3.4"]);
  });

  test("a trusted proxy that says https twice means https; one that contradicts itself is ignored", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve({ trustedProxies: ["10.0.0.0/8"] });
    const said = (...protos: string[]) => get("/", ...protos.map(p => `X-Forwarded-Proto: ${p}`));
    const client = new HttpClient(lab);
    await client.ask(said("https", "https"));
    await client.ask(said("https", "http"));
    const protos = backends[0].requests.map(request => request.all("x-forwarded-proto"));
    expect(protos).toEqual([["https"], ["http"]]);
  });

  test("names with _ for - are dropped where a backend could take them for the real ones", async () => {
    const request = await forwarded([
      "X_Forwarded_For: 1.2.3.4",
      "X-Forwarded_Host: evil",
      "x_request_id: 1",
      "Content_Length: 9",
      "My_Own: fine",
    ]);
    const names = request.fields.map(([name]) => name).filter(name => name.includes("_"));
    expect(names).toEqual(["My_Own"]);
  });

  test("Host, order, spelling and bytes above 0x7f are as they came", async () => {
    const request = await forwarded([
      "sEc-WebSocket-KEY: abc==",
      "Cookie: caf\xe9=\xc3\xbc\x80\xff",
      "cookie: b",
      "Empty:",
      "Tabs:\t a\tb \t",
    ]);
    expect(request.fields.slice(0, 6)).toEqual([
      ["Host", "x"],
      ["sEc-WebSocket-KEY", "abc=="],
      ["Cookie", "caf\xe9=\xc3\xbc\x80\xff"],
      ["cookie", "b"],
      ["Empty", ""],
      ["Tabs", "a\tb"],
    ]);
  });

  test("Via grows by our name; a request that has it already is a loop", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    await client.ask(get("/", "Via: 1.0 fred", "Via: 1.1 p.example"));
    const via = backends[0].requests[0].all("via");
    expect(via).toEqual([expect.stringMatching(/^1\.0 fred, 1\.1 p\.example, 1\.1 [\w-]+$/)]);
    expect((await client.ask(get("/", `Via: ${via[0]}`))).line).toBe("HTTP/1.1 508 Loop Detected");
    expect((await client.ask(GET)).line).toBe("HTTP/1.1 200 OK");
    expect(lines(lab)[1]).toMatchObject({ status: "508", state: "PR" });
    expect(backends[0].requests.length).toBe(2);
  });

  test("a board that is its own backend answers 508 instead of connecting to itself for ever", async () => {
    const lab = new EmulatedLab();
    const { address } = lab.network.host("board");
    await lab.serve({ backends: [{ address, port: 80 }] });
    const client = new HttpClient(lab);
    expect((await client.ask(GET)).line).toBe("HTTP/1.1 508 Loop Detected");
    client.socket.destroy();
    await lab.settle();
    expectNothingLeft(lab);
  });

  test("X-Request-Id is kept, or made, and stands in the log", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    await client.ask(get("/", "X-Request-ID: theirs-7"));
    await client.ask(GET);
    await client.ask(GET);
    const ids = backends[0].requests.map(request => request.all("x-request-id"));
    expect(ids[0]).toEqual(["theirs-7"]);
    expect(ids[1][0]).not.toBe(ids[2][0]);
    expect(lines(lab).map(({ request }) => [request])).toEqual(ids);
  });

  test("several X-Request-Id become one, the one in the log", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    await new HttpClient(lab).ask(get("/", "X-Request-Id: one", "X-Request-Id: two"));
    expect(backends[0].requests[0].all("x-request-id")).toEqual([lines(lab)[0].request]);
  });

  test("a browser gets HTML, others plain text; after a reply of our own the connection stays open", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", named("a").serve);
    await lab.serve({ routes: [{ path: "/here" }] });
    const client = new HttpClient(lab);
    const page = await client.ask(get("/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8"));
    expect([page.line, page.all("content-type")]).toEqual([
      "HTTP/1.1 404 Not Found",
      ["text/html"],
    ]);
    const text = await client.ask(get("/", "Accept: */*"));
    expect(text.all("content-type")).toEqual(["text/plain"]);
    const nothing = await client.ask(HEAD);
    expect(nothing.all("content-length")).toEqual(text.all("content-length"));
    expect(bodies([await client.ask(get("/here"))])).toEqual(["a"]);
    const wrong = await client.ask(get("/", "Accept: text/html", "No colon"));
    expect([wrong.line, wrong.all("content-type")]).toEqual([
      "HTTP/1.1 400 Bad Request",
      ["text/html"],
    ]);
  });
});
