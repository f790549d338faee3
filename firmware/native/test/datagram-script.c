#include <string.h>
#include "datagram-script.h"
#include "stack.h"

enum { IP_BYTES = 20, UDP_BYTES = 8, UDP = 17, TTL = 64, KEPT_MAX = 64 };

static struct {
	uint8_t bytes[FRAME_BYTES_MAX];
	size_t length;
} kept[KEPT_MAX];
static int keptCount, takenCount;

static void put16(uint8_t* to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static void put32(uint8_t* to, uint32_t value)
{
	put16(to, value >> 16);
	put16(to + 2, value);
}

static uint16_t get16(const uint8_t* from) { return (uint16_t)(from[0] << 8 | from[1]); }
static uint32_t get32(const uint8_t* from) { return (uint32_t)get16(from) << 16 | get16(from + 2); }

/* Without checksums: that of UDP is optional, and the options leave that of IP to the network's hardware. */
void sendDatagramAs(uint32_t toAddress, uint16_t fromPort, uint16_t toPort, const void* bytes, size_t length, uint16_t claimed)
{
	uint8_t packet[FRAME_BYTES_MAX] = { 0x45 };
	put16(packet + 2, (uint32_t)(IP_BYTES + UDP_BYTES + length));
	packet[8] = TTL;
	packet[9] = UDP;
	put32(packet + 12, PEER_ADDRESS);
	put32(packet + 16, toAddress);
	put16(packet + 20, fromPort);
	put16(packet + 22, toPort);
	put16(packet + 24, claimed);
	if (length > 0) memcpy(packet + IP_BYTES + UDP_BYTES, bytes, length);
	receivePacket(packet, IP_BYTES + UDP_BYTES + length);
}

void sendDatagram(uint16_t fromPort, uint16_t toPort, const void* bytes, size_t length)
{
	sendDatagramAs(BOARD_ADDRESS, fromPort, toPort, bytes, length, (uint16_t)(UDP_BYTES + length));
}

void keepDatagram(const uint8_t* packet, size_t length)
{
	if (length < IP_BYTES + UDP_BYTES || packet[9] != UDP) return;
	if (takenCount == keptCount) takenCount = keptCount = 0;
	CHECK(keptCount < KEPT_MAX);
	memcpy(kept[keptCount].bytes, packet, length);
	kept[keptCount++].length = length;
}

int sentDatagrams(void)
{
	return keptCount - takenCount;
}

Sent takeSent(void)
{
	const uint8_t* packet = kept[takenCount].bytes;
	CHECK(takenCount < keptCount);
	CHECK(get16(packet + 24) == kept[takenCount].length - IP_BYTES);
	takenCount++;
	return (Sent){
		.fromAddress = get32(packet + 12), .toAddress = get32(packet + 16),
		.fromPort = get16(packet + 20), .toPort = get16(packet + 22),
		.timeToLive = packet[8],
		.data = packet + IP_BYTES + UDP_BYTES, .length = get16(packet + 24) - UDP_BYTES,
	};
}
