import { describe, expect, test } from "vitest";
import { type HttpBackend, named } from "../src/http-backend.ts";
import { Lab } from "../src/lab.ts";

function get(...fields: string[]): string {
  return ["GET / HTTP/1.1", "Host: x", "Connection: close", ...fields, "", ""].join("\r\n");
}

function labOf(...names: string[]): { lab: Lab; backends: HttpBackend[] } {
  const lab = new Lab();
  const backends = names.map(named);
  for (const [index, name] of names.entries()) lab.backend(name, backends[index].serve);
  return { lab, backends };
}

/** The backend's name, and the cookie that came with it. */
async function ask(lab: Lab, cookie?: string) {
  const answer = await lab.ask(cookie === undefined ? get() : get(`Cookie: ${cookie}`));
  const [, set] = /^Set-Cookie: (.*)\r$/m.exec(answer) ?? [];
  return { by: answer.slice(-1), set, cookie: set?.split(";")[0], answer };
}

describe("by cookie", () => {
  test("a browser stays with the backend that served it first", async () => {
    const { lab } = labOf("a", "b", "c");
    await lab.serve({ sticky: "cookie" });
    await ask(lab);
    const first = await ask(lab);
    expect(first.set).toMatch(/^lb=[0-9a-f]{8}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(first.answer).toMatch(/^Cache-Control: private\r$/m);
    for (let i = 0; i < 5; i++) {
      const again = await ask(lab, `theme=dark; ${first.cookie}; id=7`);
      expect([again.by, again.set]).toEqual([first.by, undefined]);
    }
  });

  test("the backend never sees our cookie, and all of the others", async () => {
    const { lab, backends } = labOf("a");
    await lab.serve({ sticky: "cookie" });
    const { cookie } = await ask(lab);
    await ask(lab, `theme=dark; ${cookie}; id=7`);
    await ask(lab, `${cookie}`);
    expect(backends[0].requests.map(request => request.all("cookie"))).toEqual([
      [],
      ["theme=dark; id=7"],
      [],
    ]);
  });

  test("a cookie that nobody made is replaced", async () => {
    const { lab } = labOf("a", "b");
    await lab.serve({ sticky: "cookie" });
    const { set } = await ask(lab, "lb=00000000");
    expect(set).toMatch(/^lb=(?!00000000)/);
  });

  test("when its backend dies a browser gets another one, and its cookie", async () => {
    const lab = new Lab();
    const hosts = ["a", "b"].map(name => lab.backend(name, named(name).serve));
    await lab.serve({ sticky: "cookie" });
    const first = await ask(lab);
    hosts.find(({ name }) => name === first.by)!.stop();
    const second = await ask(lab, first.cookie);
    expect(second.by).not.toBe(first.by);
    expect(second.cookie).not.toBe(first.cookie);
    expect((await ask(lab, second.cookie)).by).toBe(second.by);
  });

  test("who has a cookie stays with a backend that drains; who has none goes elsewhere", async () => {
    const { lab } = labOf("a", "b");
    await lab.serve({ sticky: "cookie" });
    const { by, cookie } = await ask(lab);
    lab.setState(by, "drain");
    expect((await ask(lab, cookie)).by).toBe(by);
    for (let i = 0; i < 3; i++) expect((await ask(lab)).by).not.toBe(by);
    lab.setState(by, "maint");
    expect((await ask(lab, cookie)).by).not.toBe(by);
  });

  test("with a key, cookies outlast a restart of the board; without one they are forgotten", async () => {
    const cookies: (string | undefined)[] = [];
    for (const settings of [{ stickyKey: "correct-horse" }, {}]) {
      for (const seed of [1, 2]) {
        const lab = new Lab(undefined, { seed });
        lab.backend("a", named("a").serve);
        await lab.serve({ sticky: "cookie", ...settings });
        cookies.push((await ask(lab)).cookie);
      }
    }
    expect(cookies[0]).toBe(cookies[1]);
    expect(new Set(cookies).size).toBe(3);
  });

  test("a backend sees all cookies but the board's own, wherever that stands", async () => {
    const { lab, backends } = labOf("a");
    await lab.serve({ sticky: "cookie" });
    const given = [
      "lb=1",
      "lb=1; x=1",
      "x=1; lb=1",
      "x=1; lb=1;y=2; lb=2 ; z=3",
      "xlb=1; lb",
      "x=1;",
    ];
    for (const cookie of given) await ask(lab, cookie);
    const seen = backends[0].requests.map(request => request.all("cookie"));
    const asList = (text: string) => text.split(";").map(pair => pair.trim());
    expect(seen.flat().map(asList)).toEqual([
      ["x=1"],
      ["x=1"],
      ["x=1", "y=2", "z=3"],
      ["xlb=1", "lb"],
      ["x=1"],
    ]);
  });

  test("without it nothing is set, and cookies pass untouched", async () => {
    const { lab, backends } = labOf("a");
    await lab.serve();
    expect((await ask(lab, "lb=12345678; x=1")).set).toBeUndefined();
    expect(backends[0].requests[0].all("cookie")).toEqual(["lb=12345678; x=1"]);
  });
});

describe("by source", () => {
  test("a client's address stays with the backend that served it, HTTP and raw TCP alike", async () => {
    const lab = new Lab();
    for (const name of ["a", "b", "c"]) {
      lab.backend(name, socket => socket.once("data", () => socket.end(name)));
    }
    await lab.serve({ sticky: "source", inspect: [] });
    const served = new Map<string, Set<string>>();
    for (let round = 0; round < 4; round++) {
      for (const client of ["x", "y", "z"]) {
        const socket = lab.connect({ host: lab.network.host(client) });
        let by = "";
        socket.on("data", (bytes: Buffer) => {
          by += bytes;
        });
        socket.write("hello");
        await lab.clock.run({ until: () => socket.closed });
        served.set(client, (served.get(client) ?? new Set()).add(by));
      }
    }
    expect([...served.values()].map(names => names.size)).toEqual([1, 1, 1]);
    expect(new Set([...served.values()].flatMap(names => [...names])).size).toBe(3);
  });
});
