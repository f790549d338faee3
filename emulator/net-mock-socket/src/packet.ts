import type { HostProfile } from "./profile.ts";

/** A host as the packets name it, which travel from one to another. */
export interface HostIdentity {
  readonly name: string;
  readonly address: string;
  /** The host's place among the hosts of its network, from 0. */
  readonly index: number;
  readonly profile: HostProfile;
}

/** `PROBE` asks a receiver with a closed window for its current size. `UDP` is not part of TCP. */
export type PacketKind = "SYN" | "SYN-ACK" | "ACK" | "DATA" | "FIN" | "RST" | "PROBE" | "UDP";

/**
 * A packet between two hosts. Positions count the bytes of one direction from its beginning; the
 * FIN has the position after the last byte.
 */
export interface Packet {
  readonly kind: PacketKind;
  readonly from: HostIdentity;
  readonly fromPort: number;
  readonly to: HostIdentity;
  readonly toPort: number;
  /** Bytes of payload. */
  readonly bytes: number;
  /** Where the payload begins, or the FIN. */
  readonly position: number;
  readonly payload: Buffer | undefined;
  /** Everything before this position has arrived. */
  readonly acked: number;
  /** The right edge of the receiver's window. */
  readonly edge: number;
  /** Initial send sequence number (RFC 9293, 3.3.1): which connection of this port pair it belongs to. */
  readonly iss: number;
  /**
   * Initial receive sequence number: the `iss` of the peer that it answers. None in a SYN, and in a RST
   * from a device on the path, which fits any connection of its port pair.
   */
  readonly irs: number | undefined;
  /** The multicast group that a datagram was sent to, or the broadcast address; `undefined`: to the host itself. */
  readonly group: string | undefined;
}

/** The fields that only some kinds of packets have. */
export type PacketDetails = Partial<
  Pick<Packet, "bytes" | "position" | "payload" | "acked" | "edge" | "iss" | "irs" | "group">
>;

/** 224.0.0.0/4 (RFC 5771). */
export function isGroup(address: string): boolean {
  return /^2(2[4-9]|3\d)\.\d+\.\d+\.\d+$/.test(address);
}

/** Addresses and ports of a packet, or of a connection as its own packets have them. */
export interface Ends {
  readonly from: HostIdentity;
  readonly fromPort: number;
  readonly to: HostIdentity;
  readonly toPort: number;
}

export function packet(kind: PacketKind, ends: Ends, details: PacketDetails = {}): Packet {
  return {
    kind,
    from: ends.from,
    fromPort: ends.fromPort,
    to: ends.to,
    toPort: ends.toPort,
    bytes: details.bytes ?? 0,
    position: details.position ?? 0,
    payload: details.payload,
    acked: details.acked ?? 0,
    edge: details.edge ?? 0,
    iss: details.iss ?? 0,
    irs: details.irs,
    group: details.group,
  };
}

/** The ends of a reply. */
export function reversed({ from, fromPort, to, toPort }: Ends): Ends {
  return { from: to, fromPort: toPort, to: from, toPort: fromPort };
}
