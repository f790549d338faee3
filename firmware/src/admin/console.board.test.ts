import { describe, expect, test } from "vitest";
import { adminLab, GET_ONCE } from "../../../hil/kit/admin-lab.ts";
import { get } from "../../../hil/kit/admin-port.ts";
import type { EmulatedLab, EmulatedLabOptions } from "../../../hil/kit/emulated-lab.ts";

describe("the console", () => {
  /** Types a line at the board's serial port; what the board writes then. */
  async function type(lab: EmulatedLab, line: string): Promise<string[]> {
    const from = lab.lines.length;
    lab.board.adapter.send(Buffer.from(`${line}\r`));
    await lab.clock.run({ ms: 1500 });
    return lab.lines.slice(from);
  }

  async function console(options: EmulatedLabOptions = {}, settings: object = {}) {
    const lab = await adminLab(settings, undefined, options);
    lab.board.adapter.plugged = true;
    const echoed: string[] = [];
    lab.board.adapter.onBytes = bytes => echoed.push(Buffer.from(bytes).toString("latin1"));
    return { lab, echoed };
  }

  test("makes the same changes as the API", async () => {
    const { lab } = await console();
    expect(await type(lab, "drain a")).toContain("ok a: drain (was ready)");
    expect(lab.app!.proxy.backend("a")!.state).toBe("drain");
    expect(await type(lab, "weight b 0")).toContain(
      "ok b: weight 0 (was 1) until the next configuration or restart",
    );
    expect((await type(lab, "backends")).join("\n")).toMatch(
      /^a 10\.0\.0\.2:8080 drain state=drain/m,
    );
    expect((await type(lab, "config retries 1")).at(-1)).toMatch(
      /^ok retries: 1 \(was 2, the default\); in force/,
    );
    expect(lab.app!.proxy.config.retries).toBe(1);
    expect((await type(lab, "help")).length).toBeGreaterThan(12);
    expect(await type(lab, "explain 3")).toContain("ok the next 3 picks will be explained");
  });

  test("commands that come faster than answers leave are counted, not queued without bound", async () => {
    const { lab } = await console({ pacedConsole: true });
    const from = lab.lines.length;
    for (let i = 0; i < 400; i++) {
      lab.board.adapter.send(Buffer.from("weight b 0\r"));
      await lab.clock.run({ ms: 1 });
    }
    await lab.clock.run({ ms: 15_000 });
    const lines = lab.lines.slice(from);
    const answered = lines.filter(line => line.startsWith("ok b: weight 0")).length;
    const [, ignored] = /^error (\d+) commands came too fast and were not executed$/.exec(
      lines.at(-1)!,
    )!;
    expect(answered).toBeGreaterThanOrEqual(64);
    expect(answered).toBeLessThan(150);
    expect(answered + Number(ignored)).toBe(400);
    expect(await type(lab, "weight b 1")).toContain(
      "ok b: weight 1 (was 0) until the next configuration or restart",
    );
  });

  test("a wrong command or value is an error, with a suggestion", async () => {
    const { lab } = await console();
    expect(await type(lab, "drian a")).toContain('error no command "drian"; did you mean "drain"?');
    expect(await type(lab, "drain")).toContain("error usage: drain NAME");
    expect((await type(lab, "drain aa")).at(-1)).toMatch(/^error no backend "aa"/);
    expect((await type(lab, "balance emwa")).at(-1)).toMatch(/did you mean "ewma"\?$/);
    expect((await type(lab, "balance toString")).at(-1)).toMatch(
      /^error balance: is "toString"; wanted /,
    );
    expect((await type(lab, "weight a many")).at(-1)).toMatch(/^error weight: is "many"; wanted /);
    expect((await type(lab, "weight a -1")).at(-1)).toMatch(/^error weight: is -1; wanted /);
    expect((await type(lab, "explain x")).at(-1)).toMatch(/^error explain: is "x"; wanted /);
  });

  test("a path changes a key of the configuration, and a wrong path is an error that says why", async () => {
    const { lab } = await console();
    const last = async (line: string) => (await type(lab, line)).at(-1);
    expect(await last("config health.intervalMs 4000")).toMatch(
      /^ok health.intervalMs: 4000 \(was 5000, the default\); in force/,
    );
    expect(lab.app!.proxy.config.health.intervalMs).toBe(4000);
    expect(await last("config backends.a.weight 2")).toMatch(
      /^error config: "backends.a.weight": "a" is not an index of a list of 2; /,
    );
    expect(await last("config health..intervalMs 1")).toMatch(/: a key is empty; wanted one such/);
    expect(await last("config complaints.x 1")).toMatch(/^error complaints: no such key/);
    expect(await last("config __proto__.x 1")).toMatch(/^error __proto__: no such key/);
  });

  test.each([3, 20, 240])("a path of %i dots is an error, and the board serves on", async dots => {
    const { lab } = await console();
    const path = Array(dots + 1)
      .fill("a")
      .join(".");
    const [answer] = (await type(lab, `config ${path} 1`)).slice(-1);
    expect(answer).toMatch(
      dots < 16
        ? /^error a: no such key/
        : /^error config: "a\.a.*: \d+ keys inside each other; 16/,
    );
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
  });

  test("shows as many events of a kind as requested", async () => {
    const { lab } = await console();
    lab.setState("a", "drain");
    await lab.ask(GET_ONCE);
    expect(await type(lab, "events board 1")).toEqual([
      "> events board 1",
      expect.stringMatching(/backend: drain name=a$/),
      "ok",
    ]);
    expect((await type(lab, "events requests")).slice(1)).toEqual([
      expect.stringMatching(/http: request /),
      "ok",
    ]);
    for (const wrong of ["events x", "events 0", "events board 1 2", "events requests x"]) {
      const answer = (await type(lab, wrong)).at(-1);
      expect(answer).toMatch(
        /^error (kind: is ".*"; wanted "board", |last: is .*; wanted a whole number from 1 on|usage: )/,
      );
    }
  });

  test("restores the built-in configuration, and resets the board to the factory settings", async () => {
    const { lab } = await console();
    await type(lab, "config retries 1");
    expect((await type(lab, "config default")).at(-1)).toMatch(/^ok in force/);
    expect(lab.app!.proxy.config.retries).toBe(2);
    expect((await type(lab, "factory-reset")).slice(1, 3)).toEqual([
      expect.stringMatching(/^ok in 1 s configuration, token, states /),
      expect.stringMatching(/^W .* config: factory-reset$/),
    ]);
  });

  test("a secret is set and never shown", async () => {
    const { lab, echoed } = await console();
    expect(await type(lab, "token new-secret-1")).toEqual([
      "> token ********",
      expect.stringMatching(/admin: token-trial ms=30000$/),
      "ok the token is valid now; it is saved if a request with it arrives within 30 s, else it is rolled back",
    ]);
    await type(lab, "wifi home secret-password");
    expect(lab.app!.runtime.token.value).toBe("new-secret-1");
    const all = [...echoed, ...lab.lines].join("");
    for (const secret of ["new-secret", "secret-password"]) expect(all).not.toContain(secret);
    expect(echoed.join("")).toContain("token ");
  });

  test.each([
    ['  token "new-secret-1"', "> token ********"],
    ['"token" new-secret-1', '> "token" ********'],
    ['"token"new-secret-1', '> "token"********'],
    ["token  new-secret-1 new-secret-2", "> token  ******** ********"],
    ["tokn new-secret-1", "> tokn ********"],
    ["config stickyKey new-secret-1", "> config stickyKey ********"],
    ['config "stickyKey" "new-secret-1', '> config "stickyKey" ********'],
    ["wifi home new-secret-1", "> wifi home ********"],
    ["config machines[0].secureOn new-secret-1", "> config machines[0].secureOn ********"],
    ["config machines.0.sleep.header new-secret-1", "> config machines.0.sleep.header ********"],
    ['config machines \'[{"secureOn":"new-secret-1"}]\'', "> config machines ********"],
  ])("a secret is masked however it is typed: %s", async (line, shown) => {
    const { lab, echoed } = await console();
    expect((await type(lab, line))[0]).toBe(shown);
    expect([...echoed, ...lab.lines].join("")).not.toContain("new-secret");
  });

  test("a temporary token is valid until the reset, then the saved one is again", async () => {
    const { lab } = await console();
    await type(lab, "token the-boards-own");
    await get(lab, "/", { token: "the-boards-own" });
    expect((await type(lab, "temporary-token for-a-while")).at(-1)).toMatch(/^ok /);
    expect(lab.app!.runtime.token.value).toBe("for-a-while");
    expect((await type(lab, "temporary-token short")).at(-1)).toMatch(/^error token: must have 8 /);
    lab.board.reset();
    await lab.clock.run({ ms: 3000 });
    expect(lab.app!.runtime.token.value).toBe("the-boards-own");
  });

  test("shows and changes the keys of a machine, but not its secrets", async () => {
    const nas = {
      ...{ name: "nas", mac: "24:0a:c4:00:00:01", secureOn: "a1:a2:a3:a4" },
      sleep: { url: "http://10.0.0.2:8000/suspend", header: "Authorization: Bearer hush" },
    };
    const { lab, echoed } = await console(
      {},
      {
        health: { check: "tcp", intervalMs: 600_000 },
        backends: [{ name: "a", address: "10.0.0.2", port: 8080, machine: "nas" }],
        machines: [nas],
      },
    );
    const answer = async (line: string) => {
      const lines = (await type(lab, line)).slice(1);
      return lines.filter(text => !/^[IWE] \(/.test(text)); // without the log
    };
    expect(await answer("config machines.0.idleMs")).toEqual(["machines.0.idleMs=nothing", "ok"]);
    expect((await answer("config machines.0.idleMs 600000")).at(-1)).toMatch(
      /^ok machines.0.idleMs: 600000 \(was not set\); in force/,
    );
    expect(await answer("config machines[0].sleep")).toEqual([
      'machines[0].sleep={"url":"http://10.0.0.2:8000/suspend","header":"********"}',
      "ok",
    ]);
    expect((await answer("config machines[0].sleep.header X-Key:hush-hush")).at(-1)).toMatch(
      /^ok machines\[0\].sleep.header: "\*{8}" \(was "\*{8}"\); in force/,
    );
    expect((await answer('config machines[0].secureOn "hush"')).at(-1)).toMatch(
      /^error machines\[0\].secureOn: is not valid; wanted 4 or 6 bytes/,
    );
    expect(await answer("config machines[0].asleepCheckMs")).toEqual([
      "machines[0].asleepCheckMs=0 (the default)",
      "ok",
    ]);
    expect(await answer("config machines[0].idleMS 1")).toEqual([
      expect.stringMatching(/^error machines\[0\].idleMS: no such key; did you mean "idleMs"\?/),
    ]);
    expect((await answer("config machines")).join("")).toContain('"secureOn":"********"');
    const { idleMs, secureOn, sleep } = lab.app!.proxy.config.machines[0];
    expect([idleMs, secureOn, sleep!.url, sleep!.header]).toEqual([
      ...[600_000, nas.secureOn, nas.sleep.url, "X-Key:hush-hush"],
    ]);
    const all = [...echoed, ...lab.lines].join("");
    for (const secret of ["hush", "a1:a2"]) expect(all).not.toContain(secret);
  });

  test("shows a key of the configuration, and changes one in a list", async () => {
    const { lab } = await console();
    const answer = async (line: string) => (await type(lab, line)).slice(1);
    expect(await answer("config health.intervalMs")).toEqual([
      "health.intervalMs=5000 (the default)",
      "ok",
    ]);
    expect(await answer("config health.check")).toEqual(['health.check="none"', "ok"]);
    expect(await answer("config backends[1].name")).toEqual(['backends[1].name="b"', "ok"]);
    expect(await answer("config sessionsMax")).toEqual([
      "sessionsMax=nothing; 16 are in force",
      "ok",
    ]);
    expect(await answer("config helth.check")).toEqual([
      'error config: "helth.check": there is no "helth"; did you mean "health"?',
    ]);
    expect((await answer("config backends[1].maxSessions 3")).at(-1)).toMatch(
      /^ok backends\[1\].maxSessions: 3 \(was not set\)/,
    );
    expect(lab.app!.proxy.backend("b")!.maxSessions).toBe(3);
    expect(await answer("config backends[7].maxSessions 3")).toEqual([
      expect.stringMatching(/: "7" is not an index of a list of 2; the first is \[0\]/),
    ]);
  });

  test("shows a word or a number for each value of the status", async () => {
    const { lab } = await console();
    const answer = await type(lab, "status");
    expect(answer.filter(line => line.includes("[object") || line.includes("NaN"))).toEqual([]);
    expect(answer).toContain("memory.shed=0");
  });

  test("shows the network", async () => {
    const { lab } = await console();
    expect((await type(lab, "wifi")).slice(1)).toEqual(["ip=10.0.0.1", "rssi=-54", "ok"]);
  });

  test("shows the network that DHCP gave, and what the API shows of it", async () => {
    const { lab } = await console({ dhcp: true });
    lab.board.wifi.dnsServers = ["10.0.0.53", "9.9.9.9"];
    expect((await type(lab, "wifi-rejoin")).at(-1)).toMatch(/^ok /);
    await lab.clock.run({ ms: 5000 });
    const answer = /^\w+=|^ok$/; // not the log: these DNS servers do not answer the time client
    expect((await type(lab, "network")).filter(line => answer.test(line))).toEqual([
      "ip=10.0.0.1",
      "kind=wifi",
      "mac=24:0a:c4:00:00:01",
      "hostname=hot-potato",
      "by=dhcp",
      "netmask=255.255.0.0",
      "gateway=10.0.255.254",
      "dns=10.0.0.53,9.9.9.9",
      "ok",
    ]);
    expect(JSON.parse((await get(lab, "/api/status")).body).network).toEqual({
      kind: "wifi",
      mac: "24:0a:c4:00:00:01",
      hostname: "hot-potato",
      by: "dhcp",
      netmask: "255.255.0.0",
      gateway: "10.0.255.254",
      dns: ["10.0.0.53", "9.9.9.9"],
    });
  });

  test("shows no more of the computer's network than the board knows", async () => {
    const { lab } = await console();
    expect((await type(lab, "network")).slice(1)).toEqual([
      "ip=10.0.0.1",
      "kind=wifi",
      "hostname=hot-potato",
      "ok",
    ]);
  });

  test("leaves the Wi-Fi on request, and joins it again", async () => {
    const { lab } = await console();
    expect(await type(lab, "wifi-rejoin")).toContain("ok leaving the network and joining it again");
    await lab.clock.run({ ms: 5000 });
    expect(lab.events("net").map(({ values }) => values.ip)).toEqual(["10.0.0.1", "10.0.0.1"]);
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
  });
});
