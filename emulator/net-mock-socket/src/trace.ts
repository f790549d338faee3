import type { Packet, PacketKind } from "./packet.ts";

/** The fate of a packet. */
export type Fate = "sent" | "lost" | "held" | "reset";

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

const FATES: readonly Fate[] = ["sent", "lost", "held", "reset"];
const KINDS: readonly PacketKind[] = [
  "SYN",
  "SYN-ACK",
  "ACK",
  "DATA",
  "FIN",
  "RST",
  "PROBE",
  "UDP",
];

/**
 * All packets of the network as one running hash: two runs with the same hash had the same packets. The last
 * `linesMax` events are kept as text.
 */
export class Trace {
  #hash = FNV_OFFSET;
  #events = 0;
  #ring: string[] = [];
  #linesMax: number;
  #time = new Float64Array(1);
  #timeWords = new Uint32Array(this.#time.buffer);

  constructor(linesMax: number) {
    this.#linesMax = linesMax;
  }

  /** Eight hexadecimal digits over time, ends, kind, bytes and fate of every packet so far. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  get events(): number {
    return this.#events;
  }

  /** The last events, the oldest first. */
  get lines(): string[] {
    const first = this.#events > this.#linesMax ? this.#events % this.#linesMax : 0;
    return [...this.#ring.slice(first), ...this.#ring.slice(0, first)];
  }

  note(nowMs: number, fate: Fate, packet: Packet): void {
    const { kind, from, fromPort, to, toPort, bytes } = packet;
    this.#time[0] = nowMs;
    this.#mix(this.#timeWords[0]);
    this.#mix(this.#timeWords[1]);
    this.#mix((from.index << 16) | fromPort);
    this.#mix((to.index << 16) | toPort);
    this.#mix((KINDS.indexOf(kind) << 4) | FATES.indexOf(fate));
    this.#mix(bytes);
    if (this.#linesMax > 0) {
      this.#ring[this.#events % this.#linesMax] =
        `${nowMs.toFixed(3)} ${from.name}:${fromPort} > ${to.name}:${toPort} ${kind} ${bytes} ${fate}`;
    }
    this.#events++;
  }

  #mix(word: number): void {
    let hash = this.#hash;
    for (let shift = 0; shift < 32; shift += 8) {
      hash = Math.imul(hash ^ ((word >>> shift) & 0xff), FNV_PRIME);
    }
    this.#hash = hash;
  }
}
