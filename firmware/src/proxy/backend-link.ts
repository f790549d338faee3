import type { Backend } from "../backend/backend.ts";
import { countAnswer } from "../log/traffic.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";
import type { Connection, Connector, ConnectorOwner } from "./connector.ts";
import type { ProxyContext } from "./context.ts";
import { learnFromResponse } from "./feedback.ts";

/** The session of an exchange. It gets the events of the connector and of the backend's endpoint. */
export interface ExchangeOwner extends ConnectorOwner, EndpointOwner {
  /** The client is a trusted proxy. */
  readonly trusted: boolean;
}

/** An exchange's backend, from the pick until it is released, and what is learned from it. */
export class BackendLink {
  /** Looks for a backend; `undefined` before. */
  connector: Connector | undefined;
  /** The last one that took the request, also when it has been released. */
  backend: Backend | undefined;
  /** The connection to it, until it is released. */
  backendSide: Endpoint | undefined;
  /** When the connection was established, and when the final head of the response was complete. */
  connectedMs: number | undefined;
  declare respondedMs: number | undefined;
  /** When the body of the request had been sent. */
  declare protected sentMs: number | undefined;
  protected context: ProxyContext;

  constructor(context: ProxyContext) {
    this.context = context;
  }

  /** `owner` gets the events of the connection. */
  protected take({ backend, endpoint }: Connection, owner: EndpointOwner): void {
    this.backend = backend;
    this.backendSide = endpoint;
    this.connectedMs = this.context.clock.now();
    endpoint.owner = owner;
  }

  /** The connection was idle before: no other was asked for. */
  protected get isReused(): boolean {
    return this.connector!.tried === 0;
  }

  /** The backend has responded. */
  protected responded(status: number): void {
    const { context, backend } = this;
    const nowMs = context.clock.now();
    this.respondedMs = nowMs;
    countAnswer(backend!.counters, status);
    const sentMs = this.sentMs ?? this.connectedMs!;
    learnFromResponse(context, backend!, this.connector!, sentMs, nowMs, status);
  }

  /** Nothing more passes through the connection, and it may serve another request: keeps it for one. */
  protected keepConnection(): void {
    const { context, backend, backendSide } = this;
    this.backendSide = undefined;
    context.idle.put(backend!, backendSide!);
    context.pool.release(backend!);
  }

  /** Releases the backend, and closes the connection. */
  protected leaveBackend(): void {
    const { context, backend, backendSide } = this;
    this.connector?.cancel();
    if (backendSide === undefined) return;
    this.backendSide = undefined;
    backendSide.close();
    context.pool.release(backend!);
  }
}
