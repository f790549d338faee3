import { describe, expect, test } from "vitest";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { type HttpBackend, named } from "../../../hil/kit/http-backend.ts";

function get(path: string, ...fields: string[]): string {
  return [`GET ${path} HTTP/1.1`, "Host: x", "Connection: close", ...fields, "", ""].join("\r\n");
}

function labOf(...names: string[]): { lab: EmulatedLab; backends: HttpBackend[] } {
  const lab = new EmulatedLab();
  const backends = names.map(named);
  for (const [index, name] of names.entries()) lab.backend(name, backends[index].serve);
  return { lab, backends };
}

/** The backend's name, and the cookie that was set. */
async function ask(lab: EmulatedLab, cookie?: string, path = "/") {
  const answer = await lab.ask(get(path, ...(cookie === undefined ? [] : [`Cookie: ${cookie}`])));
  const [, set] = /^Set-Cookie: (.*)\r$/m.exec(answer) ?? [];
  return { by: answer.slice(-1), set, cookie: set?.split(";")[0], answer };
}

describe("by cookie", () => {
  test("a browser stays with the backend that served it first", async () => {
    const { lab } = labOf("a", "b", "c");
    await lab.serve({ sticky: "cookie" });
    await ask(lab);
    const first = await ask(lab);
    expect(first.set).toMatch(/^lb=[0-9a-f]{16}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(first.answer).toMatch(/^Cache-Control: private\r$/m);
    for (let i = 0; i < 5; i++) {
      const again = await ask(lab, `theme=dark; ${first.cookie}; id=7`);
      expect([again.by, again.set]).toEqual([first.by, undefined]);
    }
  });

  test("the backend gets all cookies but the board's", async () => {
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

  test("an invalid cookie is replaced", async () => {
    const { lab } = labOf("a", "b");
    await lab.serve({ sticky: "cookie" });
    const { set } = await ask(lab, "lb=0000000000000000");
    expect(set).toMatch(/^lb=(?!0000000000000000)/);
  });

  test("when its backend is down a browser gets another one, and a new cookie", async () => {
    const lab = new EmulatedLab();
    const hosts = ["a", "b"].map(name => lab.backend(name, named(name).serve));
    await lab.serve({ sticky: "cookie" });
    const first = await ask(lab);
    hosts.find(({ name }) => name === first.by)!.stop();
    const second = await ask(lab, first.cookie);
    expect(second.by).not.toBe(first.by);
    expect(second.cookie).not.toBe(first.cookie);
    expect((await ask(lab, second.cookie)).by).toBe(second.by);
  });

  test("a client with a cookie stays with a draining backend; one without gets another", async () => {
    const { lab } = labOf("a", "b");
    await lab.serve({ sticky: "cookie" });
    const { by, cookie } = await ask(lab);
    lab.setState(by, "drain");
    expect((await ask(lab, cookie)).by).toBe(by);
    for (let i = 0; i < 3; i++) expect((await ask(lab)).by).not.toBe(by);
    lab.setState(by, "maint");
    expect((await ask(lab, cookie)).by).not.toBe(by);
  });

  test("with a key, cookies stay valid after a restart of the board; without one they do not", async () => {
    const cookies: (string | undefined)[] = [];
    for (const settings of [{ stickyKey: "correct-horse" }, {}]) {
      for (const seed of [1, 2]) {
        const lab = new EmulatedLab(undefined, { seed });
        lab.backend("a", named("a").serve);
        await lab.serve({ sticky: "cookie", ...settings });
        cookies.push((await ask(lab)).cookie);
      }
    }
    expect(cookies[0]).toBe(cookies[1]);
    expect(new Set(cookies).size).toBe(3);
  });

  test("the board's cookie is removed at any position of the field", async () => {
    const { lab, backends } = labOf("a");
    await lab.serve({ sticky: "cookie" });
    const given = [
      "lb=1",
      "lb=1; x=1",
      "x=1; lb=1",
      "x=1; lb=1;y=2; lb=2 ; z=3",
      "xlb=1; lb",
      "x=1;",
      "lb=1;lb=2;x=1",
      "  lb=1  ;  x=1",
      "x=1;\tlb=2;",
    ];
    for (const cookie of given) await ask(lab, cookie);
    const seen = backends[0].requests.map(request => request.all("cookie"));
    const asList = (text: string) => text.split(";").map(pair => pair.trim());
    expect(seen.flat().map(asList)).toEqual([
      ["x=1"],
      ["x=1"],
      ["x=1", "y=2", "z=3"],
      ["xlb=1", "lb"],
      ["x=1", ""],
      ["x=1"],
      ["x=1"],
      ["x=1", ""],
    ]);
  });

  test("without sticky no cookie is set, and cookies pass unchanged", async () => {
    const { lab, backends } = labOf("a");
    await lab.serve();
    expect((await ask(lab, "lb=12345678; x=1")).set).toBeUndefined();
    expect(backends[0].requests[0].all("cookie")).toEqual(["lb=12345678; x=1"]);
  });
});

/** Routes of two groups without a common backend. */
const ROUTES = [
  { path: "/", backends: ["p", "q"] },
  { path: "/admin", backends: ["x", "y"] },
];

describe("with routes", () => {
  test.each(["cookie", "source"] as const)(
    "by %s a client never leaves the route's backends",
    async sticky => {
      const { lab } = labOf("p", "q", "x", "y");
      await lab.serve({ sticky, routes: ROUTES });
      const secret = await ask(lab, undefined, "/admin");
      const open = await ask(lab, undefined, "/secret");
      expect([secret.by, open.by]).toEqual([
        expect.stringMatching(/[xy]/),
        expect.stringMatching(/[pq]/),
      ]);
      for (let i = 0; i < 4; i++) {
        expect((await ask(lab, secret.cookie, "/secret")).by).toMatch(/[pq]/);
        expect((await ask(lab, open.cookie, "/admin")).by).toMatch(/[xy]/);
      }
    },
  );

  test("a browser has a cookie for each route, and stays with each route's backend", async () => {
    const { lab } = labOf("p", "q", "x", "y");
    await lab.serve({
      sticky: "cookie",
      routes: [...ROUTES, { path: "/w/", backends: ["p", "q"] }],
    });
    const open = await ask(lab, undefined, "/");
    const secret = await ask(lab, undefined, "/admin/users");
    const third = await ask(lab, undefined, "/w/");
    expect(open.set).toContain("; Path=/;");
    expect(secret.set).toContain("; Path=/admin;");
    expect(third.set).toContain("; Path=/w;");
    expect(new Set([open.cookie, third.cookie]).size).toBe(2); // the same backends, but two groups
    for (let i = 0; i < 3; i++) {
      const both = `${secret.cookie}; ${open.cookie}`; // as a browser sends them: the longest path first
      expect(await ask(lab, both, "/admin")).toMatchObject({ by: secret.by, set: undefined });
      expect(await ask(lab, open.cookie, "/")).toMatchObject({ by: open.by, set: undefined });
    }
  });

  test("by source a client stays with one backend of each group, in any order of requests", async () => {
    const { lab } = labOf("p", "q", "x", "y");
    await lab.serve({ sticky: "source", routes: ROUTES });
    const served: string[] = [];
    for (let i = 0; i < 4; i++) {
      for (const path of ["/", "/admin"]) served.push((await ask(lab, undefined, path)).by);
    }
    expect(new Set(served).size).toBe(2);
  });

  test.each(["cookie", "source"] as const)(
    "by %s, where no backend of the group is left it is 502, not another group's",
    async sticky => {
      const lab = new EmulatedLab();
      const hosts = ["p", "q", "x", "y"].map(name => lab.backend(name, named(name).serve));
      await lab.serve({ sticky, routes: ROUTES });
      const { cookie } = await ask(lab, undefined, "/");
      for (const host of hosts.slice(2)) host.stop();
      const { answer } = await ask(lab, cookie, "/admin");
      expect(answer).toMatch(/^HTTP\/1.1 502 /);
    },
  );

  test.each(["cookie", "source"] as const)(
    "by %s, a request that waited for a backend with room gets one of its group",
    async sticky => {
      const lab = new EmulatedLab();
      const asked: string[] = [];
      for (const name of ["p", "q", "x", "y"]) {
        const slow = named(name);
        lab.backend(
          name,
          socket => {
            socket.once("data", () => asked.push(name));
            slow.serve(socket);
          },
          { maxSessions: 1 },
        );
      }
      await lab.serve({ sticky, routes: ROUTES });
      const { cookie } = await ask(lab, undefined, "/");
      asked.length = 0;
      const clients = Array.from({ length: 4 }, () => {
        const client = lab.connect();
        client.on("data", () => {});
        client.write(get("/admin", `Cookie: ${cookie}`));
        return client;
      });
      await lab.clock.run({ until: () => clients.every(({ closed }) => closed) });
      expect(asked.sort().join("")).toMatch(/^x+y+$/);
      expect(asked.length).toBe(4);
    },
  );

  test("an upgrade goes to the route's backends, whatever the cookie", async () => {
    const { lab, backends } = labOf("p", "q", "x", "y");
    await lab.serve({ sticky: "cookie", routes: ROUTES });
    const { cookie } = await ask(lab, undefined, "/");
    const before = backends.map(({ requests }) => requests.length);
    const upgrade =
      "GET /admin/ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n";
    await lab.ask(`${upgrade}Cookie: ${cookie}\r\n\r\n`);
    const asked = backends.map(({ requests }, i) => requests.length - before[i]);
    expect(asked.slice(0, 2)).toEqual([0, 0]);
    expect(asked[2] + asked[3]).toBe(1);
  });

  test("with a key, cookies stay valid when a backend is added, and in another order", async () => {
    const cookies: (string | undefined)[] = [];
    for (const names of [["p"], ["q", "p"]]) {
      const { lab } = labOf("q", "p");
      const routes = [{ path: "/x", backends: names }];
      await lab.serve({ sticky: "cookie", stickyKey: "correct-horse", routes });
      lab.setState("q", "maint");
      cookies.push((await ask(lab, undefined, "/x")).cookie);
    }
    expect(cookies[0]).toBe(cookies[1]);
  });
});

describe("by source", () => {
  test("a client's address stays with the backend that served it, HTTP and raw TCP alike", async () => {
    const lab = new EmulatedLab();
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
