import dnsPacket, { type Answer, type DecodedPacket } from "dns-packet";
import type { MockDatagrams, Network } from "net-mock-socket";

export const MDNS_PORT = 5353;
export const MDNS_GROUP = "224.0.0.251";

/** A host of a simulated network that speaks multicast DNS, by dns-packet. */
export class MdnsPeer {
  /** All messages that it has received. */
  readonly received: DecodedPacket[] = [];
  #socket: MockDatagrams;
  /** Names that it has, and the address that it gives for them. */
  #owned = new Map<string, string>();

  constructor(network: Network, name: string) {
    this.#socket = network.host(name).createSocket("udp4", message => {
      const packet = dnsPacket.decode(message);
      this.received.push(packet);
      if (packet.type !== "query") return;
      const asked = (packet.questions ?? []).map(question => question.name.toLowerCase());
      const answers = [...this.#owned].filter(([name]) => asked.includes(name)).map(recordOf);
      if (answers.length > 0) this.#send(answers);
    });
    this.#socket.bind(MDNS_PORT);
    this.#socket.addMembership(MDNS_GROUP);
    this.#socket.setMulticastLoopback(false);
  }

  /** Takes a name, announces it, and answers questions for it, also those of hosts that probe for it. */
  own(name: string, address: string): void {
    this.#owned.set(name.toLowerCase(), address);
    this.#send([recordOf([name, address])]);
  }

  ask(name: string, type: "A" | "PTR" | "SRV" | "TXT"): void {
    const message = dnsPacket.encode({ type: "query", questions: [{ name, type }] });
    this.#socket.send(message, MDNS_PORT, MDNS_GROUP);
  }

  /** The addresses that the answers so far have given for the name, those that were taken back left out; the oldest first. */
  addressesOf(name: string): string[] {
    const answers = this.received.flatMap(({ type, answers = [] }) =>
      type === "response" ? answers : [],
    );
    return answers.flatMap(answer =>
      answer.type === "A" && answer.name === name && answer.ttl !== 0 ? [answer.data] : [],
    );
  }

  #send(answers: Answer[]): void {
    const message = dnsPacket.encode({ type: "response", answers });
    this.#socket.send(message, MDNS_PORT, MDNS_GROUP);
  }
}

function recordOf([name, data]: [string, string]): Answer {
  return { name, type: "A", ttl: 120, flush: true, data };
}
