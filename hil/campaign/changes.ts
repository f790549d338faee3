import { isDeepStrictEqual } from "node:util";
import { readConfig } from "../../firmware/src/config/config.ts";
import type { Config } from "../../firmware/src/config/settings.ts";
import { collect } from "../kit/emulated-lab.ts";
import type { Effect, Observations } from "./observations.ts";
import { type ChangePart, MODES_OF_PORTS, only } from "./plan.ts";

/** When the operator asks the new admin port, after a change that it confirms. */
const CONFIRM_MS = 500;

/** Limit for an answer after the active phase. */
const ANSWER_MS = 30_000;

/** A request that the board answers itself: 400, a head without Host. */
const PROBE = "GET / HTTP/1.1\r\n\r\n";

/** Keys that move no client: neither ports, nor backends, nor places. */
const HARMLESS = ["retries", "queueTimeoutMs"];

/** Makes the change that the part describes, and records its effect. */
export function change(seen: Observations, part: ChangePart): void {
  seen.effects.set(part.id, effect(seen, part));
  recordBudget(seen);
}

function effect(seen: Observations, part: ChangePart): Effect {
  const { lab } = seen;
  if (!lab.board.isRunning || part.does === "nothing") return "idle";
  const { runtime, proxy } = lab.app!;
  if (part.does === "reboot") {
    try {
      runtime.reboot();
    } catch {
      // The call does not return: nothing of the program goes on.
    }
    return "done";
  }
  if (part.does === "state") {
    const { backends } = proxy.config;
    const { name } = backends[part.backend % backends.length];
    return "done" in runtime.changeBackend(name, { state: part.state }) ? "done" : "refused";
  }
  const document = lab.copyOf(runtime.running.document);
  const wanted = { ...document, ...part.settings, ...backendsOf(document, part) };
  const outcome = runtime.configure(wanted, { persist: part.does !== "temporary-document" });
  if (!("done" in outcome)) {
    // Nothing else could have run in between: what was in force still is.
    const kept = isDeepStrictEqual(lab.copyOf(runtime.running.document), document);
    seen.expect(kept, "a refused document is in force");
    return "refused";
  }
  if (part.confirms) confirm(seen);
  return runtime.running.next === undefined ? "done" : "next-start";
}

/** Without the last backend, where the part says so and another is left. */
function backendsOf(document: object, { leavesOut }: ChangePart): object {
  const { backends } = document as Pick<Config, "backends">;
  return leavesOut && backends.length > 1 ? { backends: backends.slice(0, -1) } : {};
}

/** A request with the token over the way that is new; no token is set, so each request has it. */
function confirm({ lab }: Observations): void {
  lab.clock.after(CONFIRM_MS, () => {
    const { adminPort } = lab.app!.proxy.config;
    if (adminPort === 0) return;
    const socket = lab.network.host("operator").connect({ host: "board", port: adminPort });
    collect(socket);
    socket.write("GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n");
  });
}

/** Sessions that began under a larger budget go on under a smaller one. */
export function recordBudget(seen: Observations): void {
  const { board, app } = seen.lab;
  if (!board.isRunning) return;
  const { sessionsMax, queueMax } = app!.proxy.budget;
  seen.sessionsMax = Math.max(seen.sessionsMax, sessionsMax);
  seen.queueMax = Math.max(seen.queueMax, queueMax);
}

/** Some change has had an effect. */
export function changed(seen: Observations): boolean {
  return [...seen.effects.values()].some(effect => effect !== "refused" && effect !== "idle");
}

/** One of them may have moved a client: raw streams at least are never touched by the others. */
export function changedMuch(seen: Observations): boolean {
  return only(seen.plan, "change").some(({ id, does, settings, leavesOut }) => {
    const effect = seen.effects.get(id);
    if (effect === "refused" || effect === "idle" || effect === undefined) return false;
    const keys = Object.keys(settings);
    return (
      !["document", "temporary-document"].includes(does) ||
      leavesOut ||
      keys.some(k => !HARMLESS.includes(k))
    );
  });
}

/** Documents by the configuration that serves by them, once it was checked that it does. */
const checked = new WeakMap<Config, object>();

/** The document that the board shows is the one by which it serves. */
export function checkInForce(seen: Observations): void {
  const { lab } = seen;
  const { board, app } = lab;
  if (!board.isRunning || app === undefined) return;
  const { proxy, running } = app.runtime;
  const { source, trialLeftMs } = running;
  const document = lab.copyOf(running.document);
  const config = lab.copyOf(proxy.config);
  if (checked.get(config) !== document) {
    const outcome = readConfig(document);
    const same = "config" in outcome && isDeepStrictEqual(lab.copyOf(outcome.config), config);
    seen.expect(same, "another configuration serves than the one that is shown");
    if (same) checked.set(config, document);
  }
  seen.expect(
    (source === "trial") === (trialLeftMs !== undefined),
    "a trial without an end, or an end without a trial",
  );
}

/**
 * When all is over: each port serves what the document shown there says, and no other port serves anything;
 * after one more reset the document is in force that the status had promised.
 */
export async function checkPromises(seen: Observations): Promise<void> {
  const { lab } = seen;
  if (only(seen.plan, "change").length === 0 || !lab.board.isRunning) return;
  await checkPorts(seen);
  const { running } = lab.app!.runtime;
  const { source } = running;
  const next = lab.copyOf(running.next);
  const document = lab.copyOf(running.document);
  const before = lab.events("proxy", "ready").length;
  lab.board.reset();
  const ready = () => lab.events("proxy", "ready").length > before;
  seen.expect(await lab.clock.run({ until: ready, ms: 60_000 }), "the board did not start again");
  if (!ready()) return;
  const after = lab.app!.runtime.running;
  const inForce = lab.copyOf(after.document);
  if (next !== undefined) {
    seen.expect(isDeepStrictEqual(inForce, next), "the next start has another document");
  } else if (source === "flash" || source === "built-in") {
    seen.expect(isDeepStrictEqual(inForce, document), "a kept document was lost");
    seen.expect(after.source === source, `a document from ${source} is from ${after.source}`);
  } else if (source === "until-reset") {
    seen.expect(after.source !== "until-reset", "a reset has not ended a temporary document");
  }
  checkInForce(seen);
  await checkPorts(seen);
}

async function checkPorts(seen: Observations): Promise<void> {
  const { runtime } = seen.lab.app!;
  const { listeners, adminPort } = seen.lab.copyOf(runtime.running.document) as Config;
  for (const port of [...MODES_OF_PORTS.keys(), ...ADMIN_PORTS]) {
    const listener = (listeners ?? DEFAULT_LISTENERS).find(other => other.port === port);
    if (listener?.mode === "tcp") continue; // says nothing by itself
    const isAdmin = port === (adminPort ?? ADMIN_PORTS[0]);
    const text = await answerAt(seen, port, isAdmin ? STATUS : PROBE);
    if (isAdmin) {
      const shown = text.slice(text.indexOf("\r\n\r\n"));
      const wanted = `"source":"${runtime.running.source}"`;
      seen.expect(shown.includes(wanted), `the admin port ${port} does not show what runs`);
    } else if (listener !== undefined) {
      seen.expect(text.startsWith("HTTP/1.1 400"), `port ${port} does not serve`);
    } else if (!runtime.running.isAdmin(port)) {
      seen.expect(text === "", `port ${port} serves, and no document says so`);
    }
  }
}

const STATUS = "GET /api/status HTTP/1.1\r\nHost: board\r\n\r\n";

/** Ports that documents of the campaign have for the operator; the first is the default. */
export const ADMIN_PORTS: readonly number[] = [8404, 9000];

const DEFAULT_LISTENERS: readonly { port: number; mode: string }[] = [{ port: 80, mode: "auto" }];

async function answerAt({ lab }: Observations, port: number, text: string): Promise<string> {
  const socket = lab.network.host("operator").connect({ host: "board", port });
  const received = collect(socket);
  socket.write(text);
  await lab.clock.run({ until: () => socket.closed, ms: ANSWER_MS });
  socket.destroy();
  return received.text;
}
