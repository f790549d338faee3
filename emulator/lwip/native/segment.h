#ifndef SEGMENT_H
#define SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * TCP segments in IPv4 packets, written and read by hand: for a test that plays the peer of one copy of lwIP itself, and for
 * the wire.
 */

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10 };
enum { SEGMENT_HEAD_BYTES = 40, SEGMENT_TEXT_MAX = 120 };

typedef struct {
	uint32_t fromAddress, toAddress;	/* 0x0a000001 is 10.0.0.1 */
	uint16_t fromPort, toPort;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	uint16_t mss;	/* 0: without the option */
	const uint8_t* data;
	size_t length;
} Segment;

/** Writes a packet with its checksums; returns its length. `to` has room for 44 bytes and the data. */
extern size_t writeSegment(uint8_t* to, const Segment* segment);
/** Writes the checksum of a segment that was changed by hand. */
extern void sealSegment(uint8_t* packet, size_t length);
/** False: it is no TCP segment in an IPv4 packet. `data` points into the packet. */
extern bool readSegment(Segment* segment, const uint8_t* packet, size_t length);

/** An RST with the addresses, the ports and the sequence number of a segment; false where that is none, or an RST itself. */
extern bool makeReset(uint8_t to[SEGMENT_HEAD_BYTES], const uint8_t* packet, size_t length);

/** A line for a person: addresses, flags, numbers, length. */
extern void describePacket(char text[SEGMENT_TEXT_MAX], const uint8_t* packet, size_t length);

#endif
