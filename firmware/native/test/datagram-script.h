#ifndef DATAGRAM_SCRIPT_H
#define DATAGRAM_SCRIPT_H

#include "datagrams.h"
#include "peer-script.h"

/*
 * A peer's UDP datagrams, written and read by hand, for cases and storms.
 */

enum { PEER_ADDRESS = 0x0a000001, BOARD_ADDRESS = 0x0a000002, NET_BROADCAST = 0x0affffff, ALL_BROADCAST = 0xffffffff };
/** One frame. */
enum { FRAME_BYTES_MAX = 1500, UDP_BYTES_MAX = FRAME_BYTES_MAX - 28 };

typedef struct {
	uint32_t fromAddress, toAddress;	/* 0x0a000001 is 10.0.0.1 */
	uint16_t fromPort, toPort;
	uint8_t timeToLive;
	const uint8_t* data;
	size_t length;
} Sent;

/** A datagram from the peer's port to a port of the board. */
extern void sendDatagram(uint16_t fromPort, uint16_t toPort, const void* bytes, size_t length);
/** The same to any address, and with a length in its UDP header that may be wrong. */
extern void sendDatagramAs(uint32_t toAddress, uint16_t fromPort, uint16_t toPort, const void* bytes, size_t length, uint16_t claimed);

/** A packet that the board has sent, which is no segment of TCP: kept, if it is a datagram. */
extern void keepDatagram(const uint8_t* packet, size_t length);
/** The oldest datagram that the board has sent and that was not taken; it must be there. */
extern Sent takeSent(void);
extern int sentDatagrams(void);

/** For a storm: a step of peers and application, a check of what was reported, and the end. */
extern void stepDatagrams(uint32_t (*below)(uint32_t limit));
extern void checkDatagrams(void);
extern void closeDatagrams(void);

#endif
