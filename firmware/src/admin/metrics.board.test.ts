import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { get, put, TOKEN } from "../../../hil/kit/admin-port.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";

const GET_ONCE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/** The board's metrics by name and labels, as they stand in a line. */
async function metricsOf(lab: EmulatedLab): Promise<Map<string, number>> {
  const { body } = await get(lab, "/metrics");
  const lines = body.split("\n").filter(line => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map(line => {
      const [name, value] = line.replace("hot_potato_", "").split(" ");
      return [name, Number(value)];
    }),
  );
}

describe("metrics count", () => {
  test("answers by backend and class of status, and requests that no backend answered", async () => {
    const lab = new EmulatedLab();
    lab.backend(
      "a",
      httpBackend(({ line }) => reply("", { status: `${line.slice(5, 8)} X` })).serve,
    );
    await lab.serve({ health: { check: "none", ejectAfter: 0 }, routes: [{ host: "x" }] });
    for (const status of [200, 201, 301, 404, 500, 503, 503]) {
      await lab.ask(`GET /${status} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    }
    await lab.ask("GET /200 HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n");
    await lab.ask("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n");
    const metrics = await metricsOf(lab);
    const classes = (name: string) =>
      ["1xx", "2xx", "3xx", "4xx", "5xx"].map(code => metrics.get(name.replace("CODE", code)));
    const ofBackend = classes('server_http_responses_total{server="a",code="CODE"}');
    expect(ofBackend).toEqual([0, 2, 1, 1, 3]);
    expect(classes('http_responses_total{code="CODE"}')).toEqual([0, 2, 1, 3, 3]);
    expect(metrics.get('refusals_total{reason="no-route"}')).toBe(1);
    expect(metrics.get("clients_total")).toBe(9);
  });

  test("bytes in both directions, as the lines of the log do, over HTTP and raw TCP", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socket =>
      socket.once("data", (bytes: Buffer) => {
        const isHttp = bytes.toString("latin1").startsWith("GET ");
        socket.end(isHttp ? reply("over HTTP") : bytes);
      }),
    );
    await lab.serve({ health: { check: "none" } });
    expect(await lab.ask("hello")).toBe("hello");
    await lab.ask(GET_ONCE);
    const [raw] = lab.events("session", "end");
    const [request] = lab.events("http", "request");
    const sum = (key: "in" | "out") => Number(raw.values[key]) + Number(request.values[key]);
    expect([raw.values.in, raw.values.out]).toEqual(["5", "5"]);
    expect(sum("in")).toBeGreaterThan(GET_ONCE.length);
    const metrics = await metricsOf(lab);
    expect(metrics.get("bytes_in_total")).toBe(sum("in"));
    expect(metrics.get("bytes_out_total")).toBe(sum("out"));
  });

  test("retries, ejections, and requests for which no backend was left", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", named("a").serve).stop();
    lab.backend("b", named("b").serve);
    await lab.serve({ balance: "first", health: { check: "none", ejectAfter: 1 } });
    expect(await lab.ask(GET_ONCE)).toMatch(/\r\n\r\nb$/);
    for (const name of "ab") lab.setState(name, "maint");
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 503 /);
    const metrics = await metricsOf(lab);
    expect(metrics.get("retries_total")).toBe(1);
    expect(metrics.get('server_connection_errors_total{server="a"}')).toBe(1);
    expect(metrics.get('server_ejections_total{server="a"}')).toBe(1);
    expect(metrics.get('server_ejections_total{server="b"}')).toBe(0);
    expect(metrics.get('refusals_total{reason="no-backend"}')).toBe(1);
  });

  test("on across a new configuration", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", named("a").serve);
    await lab.serve();
    lab.app!.runtime.token.set(TOKEN);
    await lab.ask(GET_ONCE);
    const document = JSON.parse((await get(lab, "/api/config")).body);
    expect((await put(lab, "/api/config", { ...document, retries: 2 })).status).toBe(200);
    await lab.ask(GET_ONCE);
    const metrics = await metricsOf(lab);
    expect(metrics.get('http_responses_total{code="2xx"}')).toBe(2);
    expect(metrics.get('server_http_responses_total{server="a",code="2xx"}')).toBe(2);
  });
});

test("values have at most three decimals, and unknown ones are absent", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", named("a").serve);
  lab.backend("b", named("b").serve);
  await lab.serve({ balance: "first" });
  await lab.clock.run({ ms: 1234.5678 });
  await lab.ask(GET_ONCE);
  const { body } = await get(lab, "/metrics");
  expect(body).not.toMatch(/\.\d{4}/);
  expect(body).toMatch(/^hot_potato_server_response_time_seconds\{server="a"\} 0\.\d{1,3}$/m);
  expect(body).not.toContain('response_time_seconds{server="b"}');
  expect(body).not.toContain("null");
  expect(body).toMatch(/^hot_potato_build_info\{version="\d+\.\d+\.\d+",build=""\} 1$/m);
});

test("each metric that has a help text has a value once a backend has answered", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", named("a").serve);
  await lab.serve();
  await lab.ask(GET_ONCE);
  const { body } = await get(lab, "/metrics");
  const names = [...body.matchAll(/^# HELP (\w+) /gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter(name => !new RegExp(`^${name}[ {]`, "m").test(body))).toEqual([]);
});

test("metrics of 32 backends are sent in pieces, never held as a whole", async () => {
  const lab = new EmulatedLab();
  for (let i = 0; i < 32; i++) lab.backend(`backend-${i}`, named("x").serve);
  await lab.serve();
  const { head, body } = await get(lab, "/metrics");
  expect(head).toMatch(/Transfer-Encoding: chunked/);
  expect(body.length).toBeGreaterThan(20_000);
  expect(body.match(/^hot_potato_server_status\{/gm)).toHaveLength(32);
});
