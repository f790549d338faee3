import { expect, test } from "vitest";
import { Recorder } from "./recorder.ts";
import { aResult } from "./report/testing.ts";

const request = (backend: string) =>
  `I (9) http: request id=1 request=r client=c backend=${backend} method=GET path=/ status=200 in=1 out=1 T=0/0/1/1/7`;
const raw = (backend: string) =>
  `I (9) session: end id=1 client=c backend=${backend} in=1 out=1 ms=1 why=client-closed`;

test("requests and raw sessions are counted by backend since the last call", () => {
  const recorder = new Recorder();
  for (const line of [request("red"), request("red"), raw("blue")]) recorder.moment("serial", line);
  recorder.moment(
    "serial",
    "I (9) session: end id=2 client=c backend=red status=200 in=1 out=1 ms=1 why=done",
  );
  recorder.moment("tcp", raw("red")); // a client's text is not the board's
  recorder.moment("serial", "Guru Meditation Error");
  expect(recorder.takeServed()).toEqual({ red: 2, blue: 1 });
  expect(recorder.takeServed()).toEqual({});
});

test("each request is a point of the chart of answers, with the time that the board measured", () => {
  const recorder = new Recorder();
  recorder.moment("serial", request("red"));
  const [series] = recorder.series;
  expect([series.name, series.unit, series.points.map(([, value]) => value)]).toEqual([
    ...["answer", "ms", [7]],
  ]);
});

test("moments of a long run are bounded; the oldest are dropped", () => {
  const recorder = new Recorder();
  for (let i = 0; i < 250_000; i++) recorder.moment("tcp", String(i));
  expect(recorder.moments.length).toBeLessThanOrEqual(200_000);
  const texts = recorder.moments.map(({ text }) => Number(text));
  expect([texts[0], texts.at(-1)]).toEqual([250_000 - texts.length, 249_999]);
});

test("results of a long run are bounded: more of the same are counted", () => {
  const recorder = new Recorder();
  for (let i = 0; i < 1000; i++) recorder.result(aResult({ atMs: i }));
  recorder.result(aResult({ verdict: "failed", atMs: 1000 }));
  expect(recorder.results.length).toBeLessThanOrEqual(300);
  expect(recorder.results.at(-1)).toMatchObject({ verdict: "failed", atMs: 1000 });
  expect(recorder.results.length + recorder.more.passed!).toBe(1001);
});

test("a long line of garbage is cut, with the number of characters that were cut", () => {
  const recorder = new Recorder();
  recorder.moment("serial", "x".repeat(4_096));
  expect(recorder.moments[0].text).toBe(`${"x".repeat(1_000)}… and 3096 characters`);
});

test("a chart of a long run is bounded and still begins at the run's start", () => {
  const recorder = new Recorder();
  for (let i = 0; i < 50_000; i++) recorder.point("heap", "bytes", i);
  const [{ points }] = recorder.series;
  expect(points.length).toBeLessThanOrEqual(20_000);
  expect(points[0][1]).toBeLessThan(10);
  expect(points.at(-1)![1]).toBe(49_999);
});

test("the lowest value is kept, however many points a run has", () => {
  const recorder = new Recorder();
  for (let i = 0; i < 100_000; i++) recorder.point("heap", "bytes", i === 5_000 ? 17 : 40_000);
  const [{ points }] = recorder.series;
  expect(Math.min(...points.map(([, value]) => value))).toBe(17);
  expect(recorder.lowest("heap")).toBe(17);
  expect(recorder.lowest("rssi")).toBeUndefined();
});
