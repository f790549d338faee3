import type { MockSocket } from "net-mock-socket";
import { ServedConnection } from "../../backends/src/connection.ts";
import { reply } from "../../backends/src/http.ts";
import type { Message } from "../../backends/src/http-reader.ts";
import { REAL_TIME, type Steps } from "../../backends/src/steps.ts";

/** The answer of a backend to a request: its bytes, or `undefined` if the function answers by itself. */
export type Answerer = (request: Message, socket: MockSocket) => string | Buffer | undefined;

/** An HTTP backend that remembers every byte it was sent. */
export interface HttpBackend {
  /** For `EmulatedLab.backend`. */
  readonly serve: (socket: MockSocket) => void;
  /** Bytes received, by connection. */
  readonly received: string[];
  /** Complete requests of all connections, in the order in which they were complete. */
  readonly requests: Message[];
  /** Nothing came that is not a request. */
  readonly sound: boolean;
}

/** `answer` is called with each complete request, `head` before its body was received. */
export function httpBackend(answer: Answerer, head: Answerer = () => undefined): HttpBackend {
  const received: string[] = [];
  const requests: Message[] = [];
  let sound = true;
  const send = (bytes: string | Buffer | undefined): Steps =>
    bytes === undefined ? [] : [{ send: bytes }];
  const serve = (socket: MockSocket) => {
    const index = received.push("") - 1;
    socket.on("data", (bytes: Buffer) => {
      received[index] += bytes.toString("latin1");
    });
    const behaviour = {
      speaksHttp: () => true,
      strict: true,
      head: (request: Message) => send(head(request, socket)),
      answer(request: Message) {
        requests.push(request);
        return send(answer(request, socket));
      },
      broken() {
        sound = false;
        return [];
      },
      ended: () => void socket.end(),
    };
    new ServedConnection(socket, behaviour, { name: "", clock: REAL_TIME });
  };
  return {
    serve,
    received,
    requests,
    get sound() {
      return sound;
    },
  };
}

/** A backend that answers everything with its name. */
export function named(name: string): HttpBackend {
  return httpBackend(() => reply(name));
}
