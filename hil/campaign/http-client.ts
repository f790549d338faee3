import { type Message, MessageReader } from "../../backends/src/http-reader.ts";
import { type Socket, StepPlayer } from "../../backends/src/steps.ts";
import { bytesOf, StreamCheck } from "./bytes.ts";
import {
  type Answer,
  type ClientObservation,
  type Observations,
  pathOf,
  streamsOf,
} from "./observations.ts";
import { read } from "./paced-stream.ts";
import type { HttpClient, PlannedRequest } from "./plan.ts";

/** Sends its requests, some pipelined, and checks that each answer belongs to its request. */
export function playHttp(
  seen: Observations,
  observed: ClientObservation,
  part: HttpClient,
  socket: Socket,
): void {
  const { lab } = seen;
  const player = new StepPlayer(socket, lab.clock);
  let answered = 0;
  let sending = false;
  let open: { message: Message; answer: Answer } | undefined;

  const reader = new MessageReader(
    "response",
    message => {
      if (statusOf(message) < 200) return;
      open!.answer.complete = true;
      checkBody(true);
      open = undefined;
      answered++;
      if (answered < part.requests.length) {
        goOn();
      } else {
        observed.served = true;
        if (!part.stays) socket.end();
      }
    },
    message => {
      const status = statusOf(message);
      if (status < 200) return;
      const by = message.all("x-answer");
      const answer = { index: answered, status, complete: false, byBackend: by.length > 0 };
      open = { message, answer };
      observed.answers.push(answer);
      seen.expect(
        answered < observed.requestsSent,
        "a client got an answer that it did not ask for",
      );
      const right = by.length === 0 || by.join() === pathOf(part.id, answered);
      seen.expect(right, "a client got the answer to another request");
    },
  );

  /** A body must be the planned one, or a prefix of it. */
  const checkBody = (whole: boolean) => {
    if (open === undefined || !open.answer.byBackend) return;
    const { index } = open.answer;
    const { method, downBytes, mode } = part.requests[index];
    const length = method === "HEAD" || mode === "empty" ? 0 : downBytes;
    const received = new StreamCheck(streamsOf(pathOf(part.id, index)).down, length);
    received.feed(open.message.body);
    seen.expect(received.correct, "a client read a body that no backend sent");
    // A body that lasts until the close can be cut unseen: the chip takes a reset for a close.
    const endless = open.message.framing === "close" || mode === "close";
    const cut = whole && !endless && !received.complete;
    seen.expect(!cut, "a cut answer looked whole");
    if (!received.complete) open.answer.complete = false;
  };

  const goOn = () => {
    if (sending || observed.requestsSent >= part.requests.length) return;
    if (observed.requestsSent - answered >= part.pipelined) return;
    sending = true;
    const index = observed.requestsSent;
    const request = part.requests[index];
    const sent = () => {
      if (!socket.writable) return;
      sending = false;
      goOn();
    };
    const send = () => {
      if (!socket.writable) return [];
      observed.requestsSent++;
      reader.expects(request.method);
      const bytes = bytesOfRequest(part, index, request);
      return [{ send: bytes, ...part.writing }, { run: () => void sent() }];
    };
    player.play([{ waitMs: request.pauseMs }, { run: send }]);
  };

  read(lab, socket, part.reading, bytes => {
    reader.feed(bytes);
    seen.expect(reader.broken === undefined, "a client read what is no answer");
  });
  socket.on("end", () => {
    reader.end();
    checkBody(false);
  });
  socket.on("error", () => checkBody(false));
  goOn();
}

function statusOf({ line }: Message): number {
  return Number(line.slice(9, 12));
}

function bytesOfRequest({ id }: HttpClient, index: number, request: PlannedRequest): Buffer {
  const path = pathOf(id, index);
  const body = bytesOf(streamsOf(path).up, 0, request.upBytes);
  const framing = {
    none: "",
    length: `Content-Length: ${body.byteLength}\r\n`,
    chunked: "Transfer-Encoding: chunked\r\n",
  }[request.upFraming];
  const line = `${request.method} ${path} HTTP/1.${request.minor}`;
  const head = Buffer.from(`${line}\r\nHost: x\r\n${framing}\r\n`, "latin1");
  if (request.upFraming !== "chunked") return Buffer.concat([head, body]);
  const pieces: Buffer[] = [head];
  for (let at = 0, size = 11; at < body.byteLength; at += size, size = (size * 17) % 2_011) {
    const data = body.subarray(at, at + size);
    pieces.push(Buffer.from(`${data.byteLength.toString(16)}\r\n`), data, Buffer.from("\r\n"));
  }
  return Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")]);
}
