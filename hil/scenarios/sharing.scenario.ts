import { expect } from "expect";
import { scenario } from "../kit/scenario.ts";

scenario("ten clients, two backends, exactly five each", async lab => {
  const red = lab.backend("red");
  const blue = lab.backend("blue");
  const clients = lab.clients(10);
  await lab.proxy();

  for (const client of clients) client.send("hello");
  await Promise.all(clients.map(client => client.receive("hello")));

  expect([red.connections, blue.connections]).toEqual([5, 5]);
});

scenario("clients one after the other are balanced in turn, and each is logged once", async lab => {
  for (const name of ["red", "green", "blue"]) lab.backend(name, { raw: "answer" });
  await lab.proxy();

  const answers: string[] = [];
  for (let i = 0; i < 30; i++) {
    const client = lab.client();
    client.send("hello");
    answers.push((await client.closed()).received);
    await lab.until({ on: "session", what: "end" });
  }

  const round = ["red", "green", "blue"];
  expect(answers).toEqual(Array.from({ length: 30 }, (_, i) => round[i % 3]));
  const ends = lab.logged({ on: "session", what: "end" });
  expect(ends.map(({ values }) => values.backend)).toEqual(answers);
  expect(ends[0].values).toMatchObject({ in: "5", out: "3", why: "backend-closed" });
  const [{ values: first }] = ends;
  expect(ends.map(({ values }) => Number(values.id) - Number(first.id))).toEqual([...ends.keys()]);
});

scenario("requests of one client connection are balanced one by one", async lab => {
  for (const name of ["red", "green", "blue"]) lab.backend(name);
  const client = lab.client();
  await lab.proxy();

  const by: (string | undefined)[] = [];
  for (let i = 0; i < 12; i++) by.push((await client.get(`/${i}`)).by);

  expect(by.join(" ")).toBe(Array(4).fill("red green blue").join(" "));
});

scenario("as many clients as fit are served and balanced exactly, time after time", async lab => {
  const red = lab.backend("red", { latencyMs: 20 });
  const blue = lab.backend("blue", { latencyMs: 20 });
  await lab.proxy();

  const crowd = lab.board.sessionsMax + lab.board.queueMax;
  for (let time = 1; time <= 3; time++) {
    const replies = await Promise.all(Array.from({ length: crowd }, (_, i) => lab.get(`/${i}`)));

    expect(replies.map(({ status }) => status)).toEqual(Array(crowd).fill(200));
    for (const [i, { by, body }] of replies.entries()) expect(body).toBe(`${by} GET /${i}`);
    expect([red.requests.length, blue.requests.length]).toEqual(Array(2).fill((time * crowd) / 2));
    await lab.sessionsClosed(); // else the next round would exceed the limit
  }
});

scenario("one backend gets one connection, however many requests follow each other", async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  for (let i = 0; i < 20; i++) await client.get("/kept");
  for (let i = 0; i < 5; i++) await lab.get("/closed");

  expect(red.requests).toHaveLength(25);
  expect(red.connections).toBe(1);
});

scenario("a backend of weight 3 gets three times what one of weight 1 gets", async lab => {
  lab.backend("strong", {}, { weight: 3 });
  lab.backend("weak", {}, { weight: 1 });
  const client = lab.client();
  await lab.proxy({ balance: "weighted-round-robin" });

  const by: (string | undefined)[] = [];
  for (let i = 0; i < 8; i++) by.push((await client.get("/")).by);

  expect(by.filter(name => name === "strong")).toHaveLength(6);
  expect(by.slice(0, 4).sort()).toEqual(by.slice(4).sort());
});

scenario("least-connections sends new clients to backends that are less busy", async lab => {
  lab.backend("busy");
  lab.backend("free");
  const held = lab.clients(2);
  await lab.proxy({ balance: "least-connections" });

  held[0].send("I stay");
  await held[0].receive("I stay");
  const by = [(await lab.get("/1")).by, (await lab.get("/2")).by, (await lab.get("/3")).by];

  expect(by).toEqual(["free", "free", "free"]);
});

scenario("a browser stays with the backend that served it first", async lab => {
  lab.backend("red");
  lab.backend("blue");
  const browser = lab.client();
  await lab.proxy({ sticky: "cookie" });

  await lab.get("/another-client");
  const first = await browser.get("/");
  const cookie = first.headers["set-cookie"].split(";")[0];
  const by: (string | undefined)[] = [];
  for (let i = 0; i < 4; i++) by.push((await browser.get("/", { headers: { Cookie: cookie } })).by);

  expect(first.by).toBe("blue");
  expect(by).toEqual(["blue", "blue", "blue", "blue"]);
});

scenario("a backup serves only while no other backend can", async lab => {
  const only = lab.backend("only");
  lab.backend("spare", {}, { backup: true });
  await lab.proxy();

  const before = [(await lab.get("/1")).by, (await lab.get("/2")).by];
  only.stop();
  const meanwhile = [(await lab.get("/3")).by, (await lab.get("/4")).by];

  expect(before).toEqual(["only", "only"]);
  expect(meanwhile).toEqual(["spare", "spare"]);
});

scenario("a backend that drains gets no new client", async lab => {
  const leaving = lab.backend("leaving", {}, { state: "drain" });
  lab.backend("staying");
  await lab.proxy();

  const replies = await Promise.all([lab.get("/1"), lab.get("/2"), lab.get("/3")]);

  expect(replies.map(({ by }) => by)).toEqual(["staying", "staying", "staying"]);
  expect(leaving.connections).toBe(0);
});

scenario("a request goes to the backends of its host and path", async lab => {
  for (const name of ["site", "api", "images"]) lab.backend(name);
  const client = lab.client();
  await lab.proxy({
    routes: [
      { host: "api.home", backends: ["api"] },
      { path: "/images", strip: true, backends: ["images"] },
      { host: "www.home", backends: ["site"] },
    ],
  });

  const ask = (host: string, path: string) => client.get(path, { headers: { Host: host } });
  const replies = [
    await ask("api.home", "/images/1"),
    await ask("www.home", "/"),
    await ask("else.home", "/images/1"),
    await ask("else.home", "/imagesque"),
  ];

  expect(replies.map(({ by, status }) => by ?? status)).toEqual(["api", "site", "images", 404]);
  expect(replies[2].body).toBe("images GET /1");
});
