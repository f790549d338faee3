import type { Backend } from "../backend/backend.ts";
import type { AdminState, Config, ListenerConfig } from "../config/settings.ts";
import type { Report } from "../log/event.ts";
import type { Log } from "../log/log.ts";
import type { Machines } from "../machines/machines.ts";
import type { Budget } from "../net/connection-budget.ts";
import type { Platform, TCPSocket } from "../platform.ts";
import type { Explain } from "../pool/explain.ts";
import type { Pool } from "../pool/pool.ts";
import { ActiveConfig } from "./active-config.ts";
import { Admission } from "./admission.ts";
import { Session } from "./session.ts";
import { type SharedState, sharedState } from "./shared-state.ts";
import type { TlsRoutes } from "./tls-routes.ts";

/** Makes a session of each client that connects, under the configuration that is active then. */
export class ReverseProxy {
  readonly shared: SharedState;
  readonly admission: Admission;
  /** Clients that have connected since the start. */
  clientsTotal = 0;
  #report: Report;
  #active: ActiveConfig;
  #online = false;
  /** The ports of the listeners are open. */
  #ready = false;

  constructor(platform: Platform, config: Config, log: Log, report: Report) {
    this.#report = report;
    this.shared = sharedState(platform, log, report);
    this.admission = new Admission(this.shared);
    this.#active = new ActiveConfig(this.shared, config, this.admission);
    this.admission.rules = this.#active;
  }

  get config(): Config {
    return this.#active.config;
  }

  get pool(): Pool {
    return this.#active.pool;
  }

  get budget(): Budget {
    return this.#active.budget;
  }

  /** Absent where no route is for TLS. */
  get tlsRoutes(): TlsRoutes | undefined {
    return this.#active.context.tlsRoutes;
  }

  /** Absent where no machine may sleep. */
  get machines(): Machines | undefined {
    return this.#active.machines;
  }

  get explain(): Explain {
    return this.#active.explain;
  }

  /** Sessions, queued and refused clients included. */
  get sessions(): number {
    return this.admission.sessions;
  }

  /** The ports of its listeners are open: clients can connect. */
  ready(): void {
    this.#ready = true;
    const { config, pool, budget } = this.#active;
    this.#report({
      level: "I",
      on: "proxy",
      what: "ready",
      ports: config.listeners.map(({ port }) => port).join(),
      backends: pool.backends.length,
      ...budget,
    });
  }

  /**
   * Switches to another configuration, whose ports are open already. Sessions in progress finish under the
   * one that they started with; connections that are kept for another request are closed after the current one.
   */
  reconfigure(config: Config): void {
    const previous = this.#active;
    this.#active = new ActiveConfig(this.shared, config, this.admission, previous);
    previous.retire();
    this.online = this.#online;
    if (this.#ready) this.ready();
    this.admission.rules = this.#active;
  }

  /** The board's network is up, or down: then nothing counts against a backend. */
  set online(online: boolean) {
    this.#online = online;
    const { names, checks, machines } = this.#active;
    if (online) {
      names?.resume();
      checks.resume();
      machines?.resume();
    } else {
      names?.pause();
      checks.pause();
      machines?.pause();
    }
  }

  /** Takes a client's connection to `port`, or closes it when no listener of the configuration has that port. */
  accept(port: number, accepted: TCPSocket): void {
    const active = this.#active;
    const listeners = active.config.listeners;
    let at = 0;
    while (at < listeners.length && listeners[at].port !== port) at++;
    const listener: ListenerConfig | undefined = listeners[at];
    if (listener === undefined) {
      accepted.close(); // an earlier configuration listened there
      return;
    }
    let session: Session;
    try {
      session = new Session(++this.clientsTotal, active.context, listener, accepted);
    } catch (error) {
      // The connection died while it waited to be accepted.
      accepted.close();
      this.#report({ level: "W", on: "proxy", what: "accept-failed", error: String(error) });
      return;
    }
    this.admission.add(session);
  }

  /** The backend of this name. */
  backend(name: string): Backend | undefined {
    return this.pool.backends.find(known => known.name === name);
  }

  /** Sets the administrative state of a backend. */
  setState(backend: Backend, state: AdminState): void {
    if (backend.state === state) return;
    backend.setState(state);
    this.#report({ level: "I", on: "backend", what: state, name: backend.name });
    this.changed();
  }

  setWeight(backend: Backend, weight: number): void {
    if (backend.weight === weight) return;
    backend.setWeight(weight);
    this.#report({ level: "I", on: "backend", what: "weight", name: backend.name, weight });
    this.changed();
  }

  /** Ends every session. */
  stop(): void {
    this.admission.stop();
    this.#active.retire();
    this.#report({ level: "I", on: "proxy", what: "stopped" });
  }

  private changed(): void {
    this.#active.checks.schedule();
    this.pool.queue.wake();
  }
}
