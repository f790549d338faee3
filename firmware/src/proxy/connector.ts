import { AddressWalk, type Peer } from "../backend/address-walk.ts";
import type { Backend } from "../backend/backend.ts";
import type { Machine } from "../backend/machine.ts";
import type { ConnectError, HoldRefusal } from "../log/event.ts";
import { REFUSAL_COUNTERS, type Refusals } from "../log/refusals.ts";
import type { WakeClient } from "../machines/wake-rules.ts";
import type { Timed } from "../net/deadlines.ts";
import { Endpoint, type EndpointOwner } from "../net/endpoint.ts";
import { proxyHeader } from "../net/proxy-protocol.ts";
import { SCRATCH_BYTES } from "../net/raw-stream.ts";
import type { SocketFailure } from "../platform.ts";
import type { Group, PickInput } from "../pool/group.ts";
import type { Waiter } from "../pool/queue.ts";
import type { ConnectLimits, ProxyContext } from "./context.ts";
import type { HandlerOwner } from "./handler.ts";
import { holdRefusal, reasonOf, sleeperOf } from "./holding.ts";

/**
 * Why there is no connection to a backend: the last one tried refused, closed without a response
 * (`unanswered`), or did not accept in time; the board had no socket; no backend is available; all that
 * are have as many sessions as they may and the queue is full, or the wait was too long; or the client is not held, or no
 * longer, for a machine that sleeps.
 */
export type ConnectFailure =
  | "refused"
  | "unanswered"
  | "connect-timeout"
  | "no-socket"
  | "no-backend"
  | "full"
  | "queue-timeout"
  | HoldRefusal;

/** The owner of a connector. Exactly one of its two calls answers each `connect`, unless `cancel` comes first. */
export interface ConnectorOwner {
  readonly session: HandlerOwner;
  /** The backend and the connection to it are the owner's now, which gives the backend back with `pool.release`. */
  connected(backend: Backend, endpoint: Endpoint): void;
  /** `machine`: the one that sleeps, wakes, or has failed to. */
  unreachable(why: ConnectFailure, machine?: Machine): void;

  // Asked only where a machine sleeps

  /** The client as the rules of `wakeFor` compare it. */
  readonly wakeClient: WakeClient;
  /** The client gets a page at once that asks again, instead of waiting. */
  readonly takesWaitingPage?: boolean;
  /** The client has sent nothing yet that rules could compare. */
  readonly isSilent?: boolean;
}

/** Every backend is tried once. */
export const UNLIMITED: ConnectLimits = Object.freeze({
  attemptsMax: Number.POSITIVE_INFINITY,
  withinMs: Number.POSITIVE_INFINITY,
});

/** Pause before the board's own lack of a socket is tried again; a close takes a round trip. */
const SOCKET_RETRY_MS = 50;

/** Time in which a silent client of a machine that sleeps must send its first bytes, where a rule compares them. */
const FIRST_BYTES_MS = 1000;

/** Most bytes that are read ahead from a held client: a receive window of the chip. */
const KEPT_BYTES_MAX = 2 * SCRATCH_BYTES;

/** The wait of a connector. */
interface QueueEntry {
  /** The arguments of `connectTo`. */
  readonly reuse: boolean;
  readonly failure: ConnectFailure;
  readonly sinceMs: number;
  /** Absent unless the client is held: the machine that it waits for, and since when. */
  machine?: Machine;
  readonly heldSinceMs?: number;
  /** The client is held and has sent nothing yet: its first bytes tell whether it may wake the machine. */
  isUndecided?: boolean;
  /** Bytes of the client that were read ahead since. */
  keptBytes?: number;
}

/** Picks a backend of `group` for a session; `"full"` while queued sessions are about to pick: they go first. */
export function nextBackend(
  session: HandlerOwner,
  group: Group,
  input: PickInput,
): Backend | "full" | undefined {
  return session.context.pool.queue.waking ? "full" : pick(session, group, input);
}

function pick(session: HandlerOwner, group: Group, input: PickInput): Backend | "full" | undefined {
  const explain = session.context.explain;
  return explain.picksLeft === 0
    ? group.pick(input)
    : explain.pick(group, input, session.client.id);
}

/**
 * Connects to a backend of a group: picks one, waits in the queue while all have as many sessions as they may,
 * and tries the next one, none twice, when a connection cannot be made.
 *
 * Where no backend is available, or the client would be refused because all are full, and a machine of the group sleeps that
 * this client may wake, then the client is held: it waits in the same queue, up to `holdMs`.
 */
export class Connector implements EndpointOwner, PickInput, Timed, Waiter {
  tried = 0;
  readonly sticky: Backend | undefined;
  /** How long it waited for a backend with room. */
  declare queuedMs: number | undefined;
  readonly group: Group;
  private owner: ConnectorOwner;
  private limits: ConnectLimits;
  /** The deadline of the attempt, or of the place in the queue. */
  deadlineMs = 0;
  place = -1;
  /** The end of all attempts. */
  private lastMs = Number.POSITIVE_INFINITY;
  /** The end of the attempt, while the board itself has no socket for it, and where the backend has several addresses. */
  declare private attemptEndMs: number;
  /** The addresses of the backend of the current attempt, where it has a name. */
  declare private walk: AddressWalk | undefined;
  /** The one that is being connected to. */
  private backend: Backend | undefined;
  private endpoint: Endpoint | undefined;
  /** While it is queued. */
  declare queueEntry: QueueEntry | undefined;
  /** The end of the last time that the client was held; absent if it never was. */
  declare private heldUntilMs: number | undefined;
  /** Backends that took no connection, as a mask; absent where there is none, or no machine. */
  declare private unconnected: number | undefined;

  /** `sticky`: the backend that the client had before. */
  constructor(owner: ConnectorOwner, group: Group, limits: ConnectLimits, sticky?: Backend) {
    this.owner = owner;
    this.group = group;
    this.limits = limits;
    this.sticky = sticky;
  }

  /** For strategies. */
  get client(): number {
    return this.owner.session.client.hash;
  }

  /** Connections that were asked for; an idle one that was taken is no attempt. */
  get attempts(): number {
    let count = 0;
    for (let bits = this.tried; bits !== 0; bits &= bits - 1) count++;
    return count;
  }

  /** Connects to the next backend that was not tried; `failure` is the result where there is none. */
  connect(failure: ConnectFailure = "no-backend"): void {
    const isFirst = this.tried === 0;
    const mayTry =
      isFirst ||
      (this.attempts < this.limits.attemptsMax && this.context.clock.now() < this.lastMs);
    if (mayTry) this.connectTo(nextBackend(this.owner.session, this.group, this), false, failure);
    else if (!this.holdForLost(failure)) this.fail(failure);
  }

  /**
   * Connects to the result of a pick. With `reuse`, an idle connection serves at once; then the backend does not count as
   * tried, because such a connection may be closing without fault.
   */
  connectTo(
    choice: Backend | "full" | undefined,
    reuse: boolean,
    failure: ConnectFailure = "no-backend",
  ): void {
    if (choice === undefined) {
      if (!this.hold(reuse, failure) && !this.holdForLost(failure)) this.fail(failure);
      return;
    }
    if (choice === "full") {
      this.enqueue(reuse, failure);
      return;
    }
    const context = this.context;
    const pool = context.pool;
    const idle = context.idle;
    this.backend = choice;
    pool.acquire(choice);
    const kept = reuse ? idle.take(choice) : undefined;
    if (kept !== undefined) {
      this.connected(kept, true);
      return;
    }
    const nowMs = context.clock.now();
    if (this.tried === 0) this.lastMs = nowMs + this.limits.withinMs;
    this.tried |= 1 << choice.index;
    idle.shrink(context.backendConnectionsMax - pool.connections);
    // Idle connections count, too, among the sessions that a backend may have.
    if (choice.maxSessions < Number.POSITIVE_INFINITY) {
      idle.shrink(choice.maxSessions - choice.counters.sessions, choice);
    }
    const endMs = Math.min(this.lastMs, nowMs + context.config.connectTimeoutMs);
    if (choice.host === undefined) this.open(choice.settings, endMs, nowMs);
    else this.openNamed(new AddressWalk(choice), endMs, nowMs);
  }

  /** Forgets it all; the owner is not called. */
  cancel(): void {
    this.stopWaiting();
    this.endpoint?.close();
    this.endpoint = undefined;
    if (this.backend !== undefined) this.context.pool.release(this.backend);
    this.backend = undefined;
  }

  wake(): void {
    const entry = this.queueEntry;
    if (entry === undefined) return;
    try {
      const choice = pick(this.owner.session, this.group, this);
      if (choice === "full") return;
      if (choice === undefined && entry.machine !== undefined) {
        this.holdOn(entry);
        return;
      }
      this.stopWaiting();
      this.connectTo(choice, entry.reuse, entry.failure);
    } catch (error) {
      this.owner.session.failed(error);
    }
  }

  /**
   * Received bytes also show that the connection is established: where its end arrives in the same turn, the
   * chip never says that it could be written to.
   */
  onReady(endpoint: Endpoint): void {
    if (endpoint.ended) this.lost(endpoint.failure);
    else if (endpoint.connected || endpoint.readable > 0) this.connected(endpoint, false);
  }

  failed(error: unknown): void {
    this.owner.session.failed(error);
  }

  expired(): void {
    if (this.queueEntry !== undefined) this.waitedTooLong(this.queueEntry);
    else if (this.endpoint !== undefined) this.missed("connect-timeout", "timeout");
    else this.openAgain();
  }

  private get context(): ProxyContext {
    return this.owner.session.context;
  }

  private enqueue(reuse: boolean, failure: ConnectFailure): void {
    const { pool, config } = this.context;
    const { queue } = pool;
    if (queue.length >= config.queueMax && queue.length - queue.held >= config.queueMax) {
      if (!this.hold(reuse, failure, true)) this.fail("full");
      return;
    }
    this.queueEntry = { reuse, failure, sinceMs: this.context.clock.now() };
    queue.join(this);
    this.context.deadlines.setDeadline(this, config.queueTimeoutMs);
  }

  /** Opens a connection of an attempt that ends at `endMs`, and waits for `shareMs`. */
  private open(peer: Peer, endMs: number, nowMs: number, shareMs = endMs - nowMs): void {
    let ms = shareMs;
    try {
      this.endpoint = new Endpoint(this.context.platform, peer, this);
    } catch {
      // Not the backend's fault: newcomers hold the sockets for a moment, or the Wi-Fi is away.
      this.attemptEndMs = endMs;
      ms = Math.min(SOCKET_RETRY_MS, ms);
    }
    this.context.deadlines.setDeadline(this, ms, nowMs);
  }

  /** Opens a connection to the current address of a backend by name. */
  private openNamed(walk: AddressWalk, endMs: number, nowMs: number): void {
    this.walk = walk;
    this.attemptEndMs = endMs;
    this.open(walk.peer, endMs, nowMs, walk.shareOf(endMs - nowMs));
  }

  private openAgain(): void {
    const nowMs = this.context.clock.now();
    const { settings, host } = this.backend!;
    if (nowMs >= this.attemptEndMs) this.giveUp("no-socket");
    else if (host === undefined) this.open(settings, this.attemptEndMs, nowMs);
    else this.openNamed(this.walk!, this.attemptEndMs, nowMs);
  }

  private connected(endpoint: Endpoint, reused: boolean): void {
    this.stopWaiting();
    const backend = this.backend!;
    const proxyProtocol = backend.settings.proxyProtocol;
    this.backend = undefined;
    this.endpoint = undefined;
    if (!reused && proxyProtocol !== "none") {
      const { client } = this.owner.session;
      const { address } = this.context.platform.link;
      const { port } = client.listener;
      const destination = address === undefined ? undefined : { address, port };
      endpoint.write(proxyHeader(proxyProtocol, client, destination));
    }
    this.owner.connected(backend, endpoint);
  }

  /** The socket has reported that there will be no connection. The SDK's does not say why. */
  private lost(failure: SocketFailure | undefined): void {
    if (failure === "memory") this.giveUp("no-socket");
    else if (failure === "timeout") this.missed("connect-timeout", failure);
    else this.missed("refused", failure ?? "refused");
  }

  private missed(failure: "refused" | "connect-timeout", why: ConnectError): void {
    const backend = this.backend!;
    if (backend.host !== undefined && this.opensNext(this.walk!)) return;
    if (this.context.machines !== undefined) {
      this.unconnected = (this.unconnected ?? 0) | (1 << backend.index);
    }
    this.context.report({
      level: "W",
      on: "backend",
      what: "connect-failed",
      name: backend.name,
      id: this.owner.session.client.id,
      why,
    });
    this.context.checks.requestFailed(backend, failure === "refused" ? "L4CON" : "L4TOUT");
    this.cancel();
    this.connect(failure);
  }

  /** Tries the next address of the backend within the same attempt; false if none or no time is left. */
  private opensNext(walk: AddressWalk): boolean {
    const nowMs = this.context.clock.now();
    if (nowMs >= this.attemptEndMs || !walk.next()) return false;
    this.endpoint!.close();
    this.endpoint = undefined;
    this.openNamed(walk, this.attemptEndMs, nowMs);
    return true;
  }

  private giveUp(failure: ConnectFailure, machine?: Machine): void {
    this.cancel();
    this.fail(failure, machine);
  }

  private fail(failure: ConnectFailure, machine?: Machine): void {
    // The other three are failures of a backend, and a browser with the page is not refused.
    if (
      failure !== "refused" &&
      failure !== "unanswered" &&
      failure !== "connect-timeout" &&
      failure !== "waking"
    ) {
      this.count(REFUSAL_COUNTERS[failure]);
    }
    this.owner.unreachable(failure, machine);
  }

  private count(counter: keyof Refusals): void {
    const { refusals } = this.context.admission;
    refusals[counter] = (refusals[counter] ?? 0) + 1;
  }

  /** Removes the deadline, and leaves the queue. */
  private stopWaiting(): void {
    this.context.deadlines.cancel(this);
    if (this.queueEntry === undefined) return;
    const nowMs = this.context.clock.now();
    this.queuedMs = (this.queuedMs ?? 0) + nowMs - this.queueEntry.sinceMs;
    if (this.queueEntry.machine !== undefined) this.release(this.queueEntry, nowMs);
    this.queueEntry = undefined;
    this.context.pool.queue.leave(this);
  }

  // A machine that sleeps

  get isHeld(): boolean {
    return this.queueEntry?.machine !== undefined;
  }

  /** How much is left of `ms`, which do not pass while the client is held; 0 if it never was. */
  restMs(ms: number, nowMs: number): number {
    if (this.isHeld) return ms;
    return this.heldUntilMs === undefined ? 0 : Math.max(0, this.heldUntilMs + ms - nowMs);
  }

  /** The client, which may be held, has sent something: it may wake a machine. */
  clientSent(): void {
    const entry = this.queueEntry;
    if (entry?.machine === undefined) return;
    this.keepBytes(entry);
    if (entry.isUndecided) this.wake();
  }

  /**
   * Reads ahead what has come from a client that is held, as much as a receive window holds: only behind that
   * sockets report that it has left. What comes then stays in the window.
   */
  private keepBytes(entry: QueueEntry): void {
    const { clientSide } = this.owner.session;
    const { heads } = this.context;
    const bytes = Math.min(clientSide.readable, KEPT_BYTES_MAX);
    if (bytes <= clientSide.aheadBytes || !heads.claim(bytes)) return;
    heads.unclaim(entry.keptBytes!);
    entry.keptBytes = bytes;
    clientSide.peek(bytes);
  }

  get mayHaveLeft(): boolean {
    return this.owner.session.clientSide.peerEnded;
  }

  refuse(why: "held-full" | "no-memory"): void {
    try {
      this.giveUp(why, this.queueEntry?.machine);
    } catch (error) {
      this.owner.session.failed(error);
    }
  }

  /** Wakes a machine of the group for the client, if it may. Returns the machine to wait for. */
  private wakeMachine(): Machine | undefined {
    return this.context.machines?.wakeFor(this.group, this.tried, this.owner.wakeClient);
  }

  /**
   * Holds the client if a machine of the group wakes for it, or refuses it if it may not be held. False where no machine
   * can help: then `failure` is the result, or that all backends are full.
   */
  private hold(reuse: boolean, failure: ConnectFailure, isFull = false): boolean {
    const context = this.context;
    if (context.machines === undefined) return false;
    const machine = this.wakeMachine();
    if (machine !== undefined) {
      let refusal: HoldRefusal | undefined = this.owner.takesWaitingPage
        ? "waking"
        : holdRefusal(context);
      if (refusal === "held-full" && context.pool.queue.refuseHeldThatLeft()) refusal = undefined;
      if (refusal === undefined) this.waitFor(machine, reuse, failure, context.config.holdMs);
      else this.giveUp(refusal, machine);
      return true;
    }
    if (isFull || failure !== "no-backend") return false;
    const nowMs = context.clock.now();
    const sleeper = sleeperOf(this.group, this.tried, nowMs);
    if (sleeper === undefined) return false;
    const mayDecide = this.owner.isSilent && sleeper.pauseMs(nowMs) === 0;
    if (mayDecide && holdRefusal(context) === undefined) {
      this.waitFor(sleeper, reuse, failure, FIRST_BYTES_MS, true);
    } else {
      this.giveUp(reasonOf(sleeper, nowMs), sleeper);
    }
    return true;
  }

  /**
   * No connection could be made, and no backend is left: holds the client, once, if the board took a machine for awake that
   * takes no connection, and the client may wake it.
   */
  private holdForLost(failure: ConnectFailure): boolean {
    const { machines } = this.context;
    if (machines === undefined || this.heldUntilMs !== undefined) return false;
    if (failure !== "refused" && failure !== "connect-timeout") return false;
    const lost = machines.lost(this.group, this.unconnected ?? 0, this.owner.wakeClient);
    if (lost === 0) return false;
    this.tried &= ~lost;
    return this.hold(false, failure);
  }

  /** Joins the queue, or keeps its place there, for a time of its own. */
  private waitFor(
    machine: Machine,
    reuse: boolean,
    failure: ConnectFailure,
    ms: number,
    isUndecided = false,
  ): void {
    const { pool, clock, deadlines } = this.context;
    const nowMs = clock.now();
    const sinceMs = this.queueEntry?.sinceMs ?? nowMs;
    if (this.queueEntry === undefined) pool.queue.join(this);
    const held = { machine, heldSinceMs: nowMs, isUndecided, keptBytes: 0 };
    const entry = { reuse, failure, sinceMs, ...held };
    this.queueEntry = entry;
    machine.held++;
    this.keepBytes(entry);
    deadlines.setDeadline(this, ms, nowMs);
  }

  /** No backend is available yet: goes on waiting unless no machine is on its way any more. */
  private holdOn(entry: QueueEntry): void {
    const machine = entry.machine!;
    const isWaking = machine.state === "waking" || machine.state === "awake";
    if (isWaking && !entry.isUndecided) return;
    const next = this.wakeMachine();
    if (next === undefined) {
      if (!this.owner.isSilent) this.giveUp(reasonOf(machine, this.context.clock.now()), machine);
      return;
    }
    machine.held--;
    next.held++;
    entry.machine = next;
    entry.isUndecided = false;
    const { clock, config, deadlines } = this.context;
    const nowMs = clock.now();
    deadlines.setDeadline(this, entry.heldSinceMs! + config.holdMs - nowMs, nowMs);
  }

  private waitedTooLong({ machine, reuse, failure, isUndecided }: QueueEntry): void {
    if (machine !== undefined)
      this.giveUp(isUndecided || machine.state === "asleep" ? "asleep" : "wake-failed", machine);
    else if (!this.hold(reuse, failure, true)) this.giveUp("queue-timeout");
  }

  /** The client is not held any more. */
  private release({ machine, heldSinceMs, keptBytes }: QueueEntry, nowMs: number): void {
    const { session } = this.owner;
    this.context.heads.unclaim(keptBytes!);
    machine!.held--;
    session.heldMs = (session.heldMs ?? 0) + nowMs - heldSinceMs!;
    this.heldUntilMs = nowMs;
    this.lastMs = nowMs + this.limits.withinMs;
  }
}
