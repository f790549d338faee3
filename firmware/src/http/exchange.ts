import type { Backend } from "../backend/backend.ts";
import type { Dial } from "../dial.ts";
import type { Endpoint } from "../endpoint.ts";
import { BodyReader, type Framing } from "./body.ts";
import type { Field } from "./head.ts";

/** One request, its answer, and how far both have come. */
export class Exchange {
  readonly method: string;
  readonly path: string;
  requestId: string | undefined;
  /** The target for the backend, when it is not the one that came. */
  target: string | undefined;
  /** The protocol that the client would rather speak. */
  upgrade: Field | undefined;
  /** The client's connection may serve another request after this one. */
  keepAlive = false;
  /** Bytes of the request that came, head included, and of the answer that was written. */
  in = 0;
  out = 0;

  readonly framing: Framing;
  readonly upload: BodyReader;

  /** The search for a backend; `undefined` when the request goes nowhere. */
  readonly dial: Dial | undefined;
  backend: Backend | undefined;
  backendSide: Endpoint | undefined;
  /** Of the last backend, also when it is gone. */
  backendName: string | undefined;
  /** The backend has said something; from here on there is no other backend. */
  heard = false;

  /** The answer's body, once its head has been passed on. */
  download: BodyReader | undefined;
  chunkedDown = false;
  /** The backend's connection may serve another request after this one. */
  reusable = false;

  status = 0;
  /** HAProxy's termination state: who ended it, and when in its life; `--` when nobody did. */
  state = "--";
  connectedMs: number | undefined;
  answeredMs: number | undefined;

  constructor(method: string, path: string, framing: Framing, dial?: Dial) {
    this.method = method;
    this.path = path;
    this.framing = framing;
    this.upload = new BodyReader(framing);
    this.dial = dial;
  }
}
