#include <stdio.h>
#include <string.h>
#include "segment.h"

enum { IP_BYTES = 20, TCP_BYTES = 20, MSS_BYTES = 4, TCP = 6, TTL = 64 };

static void put16(uint8_t* to, uint16_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static void put32(uint8_t* to, uint32_t value)
{
	put16(to, (uint16_t)(value >> 16));
	put16(to + 2, (uint16_t)value);
}

static uint16_t get16(const uint8_t* from) { return (uint16_t)(from[0] << 8 | from[1]); }
static uint32_t get32(const uint8_t* from) { return (uint32_t)get16(from) << 16 | get16(from + 2); }

/** RFC 1071: the sum so far, and that of these bytes. */
static uint32_t add(uint32_t sum, const uint8_t* bytes, size_t length)
{
	for (; length > 1; bytes += 2, length -= 2) sum += get16(bytes);
	return length ? sum + (uint32_t)(bytes[0] << 8) : sum;
}

static uint16_t folded(uint32_t sum)
{
	while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void sealSegment(uint8_t* packet, size_t length)
{
	uint8_t* tcp = packet + IP_BYTES;
	length -= IP_BYTES;
	put16(tcp + 16, 0);
	put16(tcp + 16, folded(add(add(TCP + (uint32_t)length, packet + 12, 8), tcp, length)));
}

size_t writeSegment(uint8_t* to, const Segment* segment)
{
	uint8_t* tcp = to + IP_BYTES;
	size_t head = TCP_BYTES + (segment->mss ? MSS_BYTES : 0);
	size_t length = head + segment->length;
	memset(to, 0, IP_BYTES + head);
	to[0] = 0x45;
	put16(to + 2, (uint16_t)(IP_BYTES + length));
	to[8] = TTL;
	to[9] = TCP;
	put32(to + 12, segment->fromAddress);
	put32(to + 16, segment->toAddress);
	put16(to + 10, folded(add(0, to, IP_BYTES)));
	put16(tcp, segment->fromPort);
	put16(tcp + 2, segment->toPort);
	put32(tcp + 4, segment->seq);
	put32(tcp + 8, segment->ack);
	tcp[12] = (uint8_t)(head / 4 << 4);
	tcp[13] = segment->flags;
	put16(tcp + 14, segment->window);
	if (segment->mss) {
		tcp[20] = 2;
		tcp[21] = MSS_BYTES;
		put16(tcp + 22, segment->mss);
	}
	if (segment->length) memcpy(tcp + head, segment->data, segment->length);
	sealSegment(to, IP_BYTES + length);
	return IP_BYTES + length;
}

bool readSegment(Segment* segment, const uint8_t* packet, size_t length)
{
	const uint8_t* tcp = packet + IP_BYTES;
	size_t head, at;
	if (length < IP_BYTES + TCP_BYTES || packet[0] != 0x45 || packet[9] != TCP || get16(packet + 2) > length) return false;
	head = (size_t)(tcp[12] >> 4) * 4;
	length = get16(packet + 2);
	if (head < TCP_BYTES || length < IP_BYTES + head) return false;
	*segment = (Segment){
		.fromAddress = get32(packet + 12), .toAddress = get32(packet + 16),
		.fromPort = get16(tcp), .toPort = get16(tcp + 2),
		.seq = get32(tcp + 4), .ack = get32(tcp + 8),
		.flags = tcp[13], .window = get16(tcp + 14),
		.data = tcp + head, .length = length - IP_BYTES - head,
	};
	for (at = TCP_BYTES; at + MSS_BYTES <= head && tcp[at] > 0; at += tcp[at] == 1 ? 1 : tcp[at + 1] > 1 ? tcp[at + 1] : head) {
		if (tcp[at] == 2) segment->mss = get16(tcp + at + 2);
	}
	return true;
}

bool makeReset(uint8_t to[SEGMENT_HEAD_BYTES], const uint8_t* packet, size_t length)
{
	Segment segment;
	if (!readSegment(&segment, packet, length) || (segment.flags & RST)) return false;
	segment.flags = RST | ACK;
	segment.mss = 0;
	segment.length = 0;
	writeSegment(to, &segment);
	return true;
}

void describePacket(char text[SEGMENT_TEXT_MAX], const uint8_t* packet, size_t length)
{
	Segment segment;
	if (!readSegment(&segment, packet, length)) {
		snprintf(text, SEGMENT_TEXT_MAX, "protocol %u, %zu bytes", length > 9 ? packet[9] : 0, length);
		return;
	}
	snprintf(text, SEGMENT_TEXT_MAX, "%u > %u %s%s%s%s%s seq %u ack %u win %u, %zu bytes",
		segment.fromPort, segment.toPort,
		segment.flags & SYN ? "S" : "", segment.flags & FIN ? "F" : "", segment.flags & RST ? "R" : "",
		segment.flags & PSH ? "P" : "", segment.flags & ACK ? "." : "",
		segment.seq, segment.ack, segment.window, segment.length);
}
