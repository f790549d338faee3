import { StreamCheck } from "./bytes.ts";
import type { CampaignLab } from "./lab.ts";
import { RunMachines } from "./machines.ts";
import { RunNames } from "./names.ts";
import {
  type ClientPart,
  only,
  type PlannedRequest,
  type RawClient,
  type RunPlan,
  setting,
} from "./plan.ts";

/** The answer to a request, as its client saw it. */
export interface Answer {
  /** Which of its requests, from 0. */
  readonly index: number;
  readonly status: number;
  /** The request was received completely. */
  complete: boolean;
  /** A backend's answer, not one of the proxy's own. */
  readonly byBackend: boolean;
}

/** The observations of one client. */
export interface ClientObservation {
  readonly part: ClientPart;
  readonly address: string;
  openMs: number | undefined;
  closedMs: number | undefined;
  /** Code of the error that ended its connection. */
  error: string | undefined;
  /** The other end has closed. */
  ended: boolean;
  /** The client left, as planned, before it was served. */
  left: boolean;
  /** The client has received everything that it asked for. */
  served: boolean;
  /** Requests that it began to send. */
  requestsSent: number;
  readonly answers: Answer[];
  /** For raw clients: the bytes that the backend has sent. */
  readonly received: StreamCheck | undefined;
}

/** A raw client as a backend saw it. */
export interface RawArrival {
  readonly backend: string;
  readonly id: number;
  readonly received: StreamCheck;
  /** The other end has closed. */
  ended: boolean;
  error: string | undefined;
}

/** The head of a request at a backend. */
export interface Arrival {
  readonly backend: string;
  /** The request was the first one on its connection. */
  readonly fresh: boolean;
  complete: boolean;
}

/** The result of a change; `idle`: the board was off. */
export type Effect = "done" | "next-start" | "refused" | "idle";

/** A time in which the board had lost its Wi-Fi. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A segment and what lwIP keeps with it: with less heap than that, it refuses to send. */
const SEGMENT_BYTES = 1_600;

/**
 * The observations of clients, backends and checks during a run, and which invariants did not hold.
 */
export class Observations {
  readonly plan: RunPlan;
  readonly lab: CampaignLab;
  /** Invariants that did not hold, and when that was first seen. */
  readonly broken = new Map<string, number>();
  readonly clients = new Map<number, ClientObservation>();
  readonly raw: RawArrival[] = [];
  readonly requests = new Map<string, Arrival[]>();
  readonly outages: Outage[] = [];
  /** Effects of the changes, by the part's id. */
  readonly effects = new Map<number, Effect>();
  /** The largest limits of all configurations of the run. */
  sessionsMax = 0;
  queueMax = 0;
  /** The least heap that the board had, in any of its boots. */
  heapFloorBytes = Number.POSITIVE_INFINITY;
  /** End of the active phase: faults end here. */
  activeEndMs = 0;
  readonly machines: RunMachines;
  readonly names: RunNames;
  /** The most sessions that the proxy had at once. */
  sessionsPeak = 0;
  readonly inspects: boolean;

  constructor(plan: RunPlan, lab: CampaignLab) {
    this.plan = plan;
    this.lab = lab;
    this.machines = new RunMachines(this);
    this.names = new RunNames(lab);
    const inspect = setting(plan, "inspect");
    this.inspects = Array.isArray(inspect) && inspect.length > 0;
    for (const part of only(plan, "client")) {
      this.clients.set(part.id, {
        part,
        address: lab.network.host(hostOf(part), { receiveWindow: part.receiveWindow }).address,
        openMs: undefined,
        closedMs: undefined,
        error: undefined,
        ended: false,
        left: false,
        served: false,
        requestsSent: 0,
        answers: [],
        received: part.does === "raw" ? this.answerTo(part) : undefined,
      });
    }
  }

  /** Records an invariant that does not hold. */
  expect(holds: boolean, invariant: string): void {
    if (!holds && !this.broken.has(invariant)) this.broken.set(invariant, this.lab.clock.now());
  }

  /** The board had no memory for what it should have sent: it ends sessions then, as if they were lost. */
  get outOfHeap(): boolean {
    return this.heapFloorBytes < SEGMENT_BYTES;
  }

  /** True when a client vanishes, so that packets are lost. */
  get clientsVanish(): boolean {
    return only(this.plan, "client").some(({ leavesEarly }) => leavesEarly?.how === "vanish");
  }

  /** How the session of this client ends. Keywords have no effect where they are not searched for. */
  endsOf({ ends, upgrade }: RawClient): RawClient["ends"] {
    const byKeyword = ends === "keyword" || ends === "answer-keyword";
    return byKeyword && (upgrade || !this.inspects) ? "neither" : ends;
  }

  /** Checks what a backend receives of a raw client. */
  upload(part: RawClient): StreamCheck {
    return new StreamCheck(
      part.id * 32,
      part.upBytes,
      this.endsOf(part) === "keyword" ? "END" : "",
    );
  }

  /** Checks what a raw client receives of its backend. */
  answerTo(part: RawClient): StreamCheck {
    const tail = this.endsOf(part) === "answer-keyword" ? "STOP" : "";
    return new StreamCheck(part.id * 32 + 1, part.downBytes, tail);
  }

  arrived(path: string, backend: string, fresh: boolean): Arrival {
    const arrival = { backend, fresh, complete: false };
    const arrivals = this.requests.get(path) ?? [];
    this.requests.set(path, [...arrivals, arrival]);
    return arrival;
  }

  /** The request of this path and the client that sent it, if it is one of this plan. */
  planned(path: string): { client: ClientObservation; request: PlannedRequest } | undefined {
    const [, id, index] = path.split("/");
    const client = this.clients.get(Number(id));
    if (client?.part.does !== "http") return undefined;
    const request = client.part.requests[Number(index)];
    return request === undefined ? undefined : { client, request };
  }
}

export function hostOf({ id }: ClientPart): string {
  return `client-${id}`;
}

export function pathOf(id: number, index: number): string {
  return `/${id}/${index}`;
}

/** Numbers of the streams that a request's body and its answer's body are. */
export function streamsOf(path: string): { up: number; down: number } {
  const [, id, index] = path.split("/").map(Number);
  const first = id * 32 + 2 + index * 2;
  return { up: first, down: first + 1 };
}
