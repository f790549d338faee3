import type { EventEmitter } from "node:events";

/**
 * How the server misbehaves:
 *
 * - `silent`: answers nothing
 * - `wrong-origin`: its answer repeats another request, as a forger's does
 * - `other-port`: answers from another port
 * - `request`: sends the request back
 * - `unsynchronized`: says that it does not know the time
 * - `distant`: says that its time may be wrong by seconds
 * - `no-time`: its timestamps are not set
 * - `short`: sends half of the answer
 * - `RATE`, `DENY`: asks for fewer requests or for none (RFC 5905 section 7.4)
 */
export type NtpFault =
  | "silent"
  | "wrong-origin"
  | "other-port"
  | "request"
  | "unsynchronized"
  | "distant"
  | "no-time"
  | "short"
  | "RATE"
  | "DENY";

const NTP_BYTES = 48;
const CLIENT = 3;
const SERVER = 4;
const UNIX_EPOCH_S = 2_208_988_800;
const ORIGINATE = 24;
const RECEIVE = 32;
const TRANSMIT = 40;

/** The answer of a server of stratum 1 to a request (RFC 5905), `undefined` if it is none. */
export function ntpAnswer(request: Uint8Array, unixMs: number): Buffer | undefined {
  if (request.length < NTP_BYTES || (request[0] & 7) !== CLIENT) return undefined;
  const answer = Buffer.alloc(NTP_BYTES);
  answer[0] = (request[0] & 0x38) | SERVER;
  answer[1] = 1;
  answer.write("GPS\0", 12, "latin1");
  answer.set(request.subarray(TRANSMIT, TRANSMIT + 8), ORIGINATE);
  const seconds = Math.floor(unixMs / 1000);
  for (const at of [RECEIVE, TRANSMIT]) {
    answer.writeUInt32BE((seconds + UNIX_EPOCH_S) % 2 ** 32, at);
    answer.writeUInt32BE(Math.floor(((unixMs - seconds * 1000) / 1000) * 2 ** 32), at + 4);
  }
  return answer;
}

/** A socket of `node:dgram`, or of a simulated host. */
interface Datagrams extends EventEmitter {
  bind(port: number): unknown;
  send(bytes: Uint8Array, port: number, address: string): unknown;
  close(): unknown;
}

interface NtpServerParts {
  /** `node:dgram`, or a host of a simulated network. */
  readonly host: { createSocket(type: "udp4"): Datagrams };
  /** The time of day, in ms since 1970. */
  unixMs(): number;
  readonly port?: number;
}

/** A time server whose time and faults a test scripts. */
export class NtpServer {
  fault: NtpFault | undefined;
  /** Requests that came. */
  asked = 0;
  #socket: Datagrams;
  #other: Datagrams;

  constructor({ host, unixMs, port = 123 }: NtpServerParts) {
    this.#socket = host.createSocket("udp4");
    this.#other = host.createSocket("udp4");
    this.#other.bind(0);
    this.#socket.on("message", (request: Buffer, from: { address: string; port: number }) => {
      this.asked++;
      const answer = ntpAnswer(request, unixMs());
      if (answer === undefined || this.fault === "silent") return;
      const socket = this.fault === "other-port" ? this.#other : this.#socket;
      socket.send(this.#spoil(answer, request), from.port, from.address);
    });
    this.#socket.bind(port);
  }

  close(): void {
    this.#socket.close();
    this.#other.close();
  }

  #spoil(answer: Buffer, request: Buffer): Buffer {
    switch (this.fault) {
      case "wrong-origin":
        answer[ORIGINATE] ^= 1;
        return answer;
      case "request":
        return request;
      case "unsynchronized":
        answer[0] |= 0xc0;
        return answer;
      case "distant":
        answer.writeUInt32BE(2 << 16, 8);
        return answer;
      case "no-time":
        return answer.fill(0, RECEIVE);
      case "short":
        return answer.subarray(0, NTP_BYTES / 2);
      case "RATE":
      case "DENY":
        answer[1] = 0;
        answer.write(this.fault, 12, "latin1");
        return answer;
      default:
        return answer;
    }
  }
}
