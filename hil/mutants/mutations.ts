/** A small bug that a developer could write. */
export interface Mutation {
  readonly name: string;
  /** Path below `firmware/src`. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "drop the set of tried backends",
    file: "proxy/connector.ts",
    find: "    this.tried |= 1 << choice.index;\n",
    replace: "",
  },
  {
    name: "forget to close a kept connection that is lost",
    file: "pool/idle-connections.ts",
    find: "    this.rest();\n    endpoint.close();\n",
    replace: "    this.rest();\n",
  },
  {
    name: "read more bytes than are readable",
    file: "net/raw-stream.ts",
    find: "    let count = from.readable;\n",
    replace: "    let count = from.readable > 0 ? from.readable + 1 : 0;\n",
  },
  {
    name: "ignore would-block",
    file: "net/raw-stream.ts",
    find: "        if (count > to.writable) count = to.writable;\n",
    replace: "",
  },
  {
    name: "leave bytes unread at close",
    file: "net/counted-socket.ts",
    find: "    while (this.readable > 0) {\n",
    replace: "    while (this.readable > scratch.byteLength) {\n",
  },
  {
    name: "skip the idle alarm",
    file: "proxy/tcp-session.ts",
    find: "    this.session.setDeadline(context.config.idleTimeoutMs, this.sentMs);\n",
    replace: "",
  },
  {
    name: "do not set an alarm again that rang too early",
    file: "net/deadlines.ts",
    find: "        if (next.deadlineMs < this.#alarmMs) this.setAlarm(next.deadlineMs, leftMs);\n",
    replace: "",
  },
  {
    name: "close the client before its bytes are flushed",
    file: "net/lingering-close.ts",
    find: "if (clientSide.flushed && (",
    replace: "if ((",
  },
  {
    name: "close the backend before its bytes are flushed",
    file: "net/lingering-close.ts",
    find: "if (backendSide?.flushed) backendSide.close();",
    replace: "backendSide?.close();",
  },
  {
    name: "retry although a body went out",
    file: "proxy/exchange-steps.ts",
    find: "if (response.hasStarted || !request.isRepeatable || owner.stopping) return false;",
    replace: "if (response.hasStarted || owner.stopping) return false;",
  },
  {
    name: "do not close the backend's side",
    file: "proxy/exchange.ts",
    find: "      backendSide.close();\n",
    replace: "",
  },
  {
    name: "never close an idle connection",
    file: "pool/idle-connections.ts",
    find: "      this.shrink(this.count - old);\n",
    replace: "",
  },
  {
    name: "keep connections beyond the budget",
    file: "proxy/connector.ts",
    find: "idle.shrink(context.backendConnectionsMax - pool.connections);",
    replace: "idle.shrink(context.backendConnectionsMax);",
  },
  {
    name: "admit one session too many",
    file: "proxy/admission.ts",
    find: "      fits = this.#admitted < sessionsMax && this.mayHaveSlot(address);",
    replace: "      fits = this.#admitted <= sessionsMax && this.mayHaveSlot(address);",
  },
  {
    name: "forget to cancel the connect timeout",
    file: "proxy/connector.ts",
    find: "    this.context.deadlines.cancel(this);\n",
    replace: "",
  },
  {
    name: "forget the clients that wait for a slot",
    file: "proxy/admission.ts",
    find: "      this.leaveQueue(next);\n      this.#admitted++;\n      next.admit();\n",
    replace: "      this.leaveQueue(next);\n",
  },
  {
    name: "lose the bytes that were sniffed",
    file: "net/counted-socket.ts",
    find: "    this.source = new ReadAhead(bytes, this);\n",
    replace: "    this.readable -= bytes.byteLength;\n",
  },
  {
    name: "forward the bytes behind a keyword",
    file: "net/raw-stream.ts",
    find: "to.write(piece.subarray(0, count));",
    replace: "to.write(piece);",
  },
  {
    name: "lose a request behind a chunked body",
    file: "http1/body.ts",
    find: "        if (length < count && this.excess) from.unread(piece.subarray(count - this.excess));\n",
    replace: "",
  },
];
