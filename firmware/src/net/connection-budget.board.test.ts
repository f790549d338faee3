import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { esp32 } from "../../../emulator/src/boards/esp32.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";
import { bodies, GET, get, HttpClient, labOf, labWith, lines } from "../../../hil/kit/http-lab.ts";

describe("a small board", () => {
  test.each([
    ["options", get("/", `Connection: ${"a,".repeat(1900)}`), 431],
    ["options that are empty", get("/", `Connection: ${",".repeat(3900)}`), 431],
    ["cookies", get("/", `Cookie: ${"a;".repeat(1900)}`), 200],
    ["segments", get(`/${"/".repeat(3800)}`), 200],
    ["a host and a path", `GET http://x/${"a".repeat(3800)} HTTP/1.1\r\nHost: x\r\n\r\n`, 200],
  ])("a head that is nothing but %s does not end it", async (_, text, status) => {
    const { lab } = labWith("a");
    await lab.serve({ sticky: "cookie", routes: [{ path: "/", strip: true }] });
    expect(Number((await new HttpClient(lab).ask(text)).line.slice(9, 12))).toBe(status);
    expect(bodies([await new HttpClient(lab).ask(GET)])).toEqual(["a"]);
  });

  test("a kept connection that ends its answer while others wait makes room for them", async () => {
    const lab = labOf(
      httpBackend((_request, socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nso ");
        lab.clock.after(500, () => socket.write("!"));
        return undefined;
      }),
    );
    await lab.serve({ sessionsMax: 1 });
    const first = new HttpClient(lab);
    first.send(GET, "GET");
    await lab.clock.run({ ms: 100 }); // its head is out, and promised to keep the connection
    const start = lab.clock.now();
    expect(bodies([await new HttpClient(lab).ask(GET)])).toEqual(["so !"]);
    expect(lab.clock.now() - start).toBeLessThan(1000);
    expect(bodies(first.replies)).toEqual(["so !"]);
  });

  test("a queued client is admitted as soon as another one has been silent for a second", async () => {
    const { lab } = labWith("a");
    await lab.serve({ sessionsMax: 1 });
    const silent = new HttpClient(lab);
    await lab.clock.run({ ms: 500 });
    const start = lab.clock.now();
    expect(bodies([await new HttpClient(lab).ask(GET)])).toEqual(["a"]);
    expect(lab.clock.now() - start).toBeLessThan(600);
    expect(silent.socket.closed).toBe(true);
  });

  test("clients with idle connections give their slots to new clients, the longest idle first", async () => {
    const { lab } = labWith("a");
    await lab.serve();
    const { sessionsMax } = lab.app!.proxy.budget;
    const kept: HttpClient[] = [];
    for (let i = 0; i < sessionsMax; i++) {
      const client = new HttpClient(lab);
      await client.ask(GET);
      kept.push(client);
    }
    await kept[0].ask(GET); // used again: the second one has waited longest now
    const start = lab.clock.now();
    const newcomer = new HttpClient(lab);
    expect(bodies([await newcomer.ask(GET)])).toEqual(["a"]);
    expect(lab.clock.now() - start).toBeLessThan(100);
    await lab.clock.run({ ms: 10 });
    expect(kept.map(({ socket }) => socket.closed)).toEqual(kept.map((_, index) => index === 1));
    expect(kept[1].received.error).toBeUndefined();
  });

  test("clients that have sent nothing for a second give their slot to new ones", async () => {
    const { lab } = labWith("a");
    await lab.serve();
    const { sessionsMax } = lab.app!.proxy.budget;
    const silent = Array.from({ length: sessionsMax }, () => new HttpClient(lab));
    await lab.clock.run({ ms: 1100 });
    const newcomer = new HttpClient(lab);
    expect(bodies([await newcomer.ask(GET)])).toEqual(["a"]);
    await lab.clock.run({ ms: 10 });
    expect(silent.map(({ socket }) => socket.closed)).toEqual(silent.map((_, i) => i === 0));
  });

  test("many kept connections are served in turn: an answered client is closed for the next one", async () => {
    const { lab } = labWith("a", "b");
    await lab.serve({ queueTimeoutMs: 60_000, queueMax: 8 });
    const { sessionsMax, queueMax } = lab.app!.proxy.budget;
    const clients = Array.from({ length: sessionsMax + queueMax }, () => new HttpClient(lab));
    const start = lab.clock.now();
    for (const client of clients) client.send(GET, "GET");
    await lab.clock.run({ until: () => clients.every(({ replies }) => replies.length === 1) });
    expect(lab.clock.now() - start).toBeLessThan(1000);
    expect(clients.flatMap(({ statuses }) => statuses)).toEqual(clients.map(() => 200));
  });

  test("no client that is being served loses its slot: new ones are queued, then get 503", async () => {
    const lab = labOf(
      httpBackend((_request, socket) => {
        lab.clock.after(20_000, () => socket.write(reply("late")));
        return undefined;
      }),
    );
    await lab.serve();
    const { sessionsMax } = lab.app!.proxy.budget;
    const busy = Array.from({ length: sessionsMax }, () => new HttpClient(lab));
    for (const client of busy) client.send(GET, "GET");
    await lab.clock.run({ ms: 1000 });
    const newcomer = new HttpClient(lab);
    const answer = await newcomer.ask(GET);
    expect(answer.line).toBe("HTTP/1.1 503 Service Unavailable");
    expect(answer.all("retry-after")).toEqual(["1"]);
    await lab.clock.run({ until: () => busy.every(({ replies }) => replies.length === 1) });
    expect(busy.flatMap(({ replies }) => bodies(replies))).toEqual(busy.map(() => "late"));
  });

  test("idle connections to backends are given up where sockets are short, the longest idle first, and no live one", async () => {
    const lab = new EmulatedLab();
    const live = httpBackend((_request, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
      for (let i = 1; i <= 100; i++) lab.clock.after(i * 10, () => socket.write("x"));
      return undefined;
    });
    const names = ["b", "c", "d"];
    const others = names.map(named);
    const first = lab.backend("a", live.serve);
    const rest = names.map((name, index) => lab.backend(name, others[index].serve));
    await lab.serve({
      sessionsMax: 3,
      routes: [
        { path: "/live", backends: ["a"] },
        ...names.map(name => ({ path: `/${name}`, backends: [name] })),
      ],
    });
    const streaming = new HttpClient(lab);
    streaming.send(get("/live"), "GET");
    await lab.clock.run({ ms: 20 });
    const client = new HttpClient(lab);
    const mostOpen = () =>
      lab.network.netstat().filter(({ host, state }) => state === "open" && names.includes(host));
    for (const name of ["b", "c", "d", "c", "b"]) {
      expect(bodies([await client.ask(get(`/${name}`))])).toEqual([name]);
      await lab.clock.run({ ms: 10 });
      // Three in all: the live one, and two that wait or serve.
      expect(mostOpen().length).toBeLessThanOrEqual(2);
    }
    // d's came when b's and c's waited: b's went. The second c was c's again; b's anew cost d's.
    expect(rest.map(({ connections }) => connections.length)).toEqual([2, 1, 1]);
    await lab.clock.run({ until: () => streaming.replies.length === 1 || streaming.socket.closed });
    expect(bodies(streaming.replies)).toEqual(["x".repeat(100)]);
    expect(first.connections.length).toBe(1);
  });

  test("idle connections to backends are closed after a while, and not used after unsolicited bytes", async () => {
    const lab = new EmulatedLab();
    const backend = named("a");
    const { connections } = lab.backend("a", backend.serve);
    await lab.serve({ keepAliveTimeoutMs: 60_000 });
    const client = new HttpClient(lab);
    await client.ask(GET);
    connections[0].write(reply("unsolicited"));
    await lab.clock.run({ ms: 100 });
    expect(bodies([await client.ask(GET)])).toEqual(["a"]);
    await lab.clock.run({ ms: 5_000 });
    expect(connections.map(({ destroyed }) => destroyed)).toEqual([true, true]);
    expect(bodies([await client.ask(GET)])).toEqual(["a"]);
    expect(client.received.text).not.toContain("unsolicited");
  });

  test("a board without a socket for a backend answers 503", async () => {
    // One for the client, one for each of two listening sockets.
    const lab = new EmulatedLab(esp32({ sdkconfig: "CONFIG_LWIP_MAX_ACTIVE_TCP=3" }));
    lab.backend("a", named("a").serve);
    await lab.serve();
    const client = new HttpClient(lab);
    const answer = await client.ask(GET);
    expect(answer.line).toBe("HTTP/1.1 503 Service Unavailable");
    expect(lines(lab)).toMatchObject([{ status: "503", state: "RC" }]);
  });
});
