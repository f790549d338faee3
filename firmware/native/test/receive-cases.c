#include <string.h>
#include "invariants.h"
#include "peer-script.h"
#include "stack.h"

/*
 * Cases: bytes, FIN and RST from the peer.
 */

static void bytesThenFin(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(reported(&owner) == EVENT_READABLE);
	CHECK(connectionPeerEnded(connection));
	readExpecting(connection, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == EVENT_END);
	ignore();
	connectionClose(connection);
	hearFor(&peer, FIN);
}

static void finThenReset(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(reported(&owner) == EVENT_END);
	send(&peer, RST | ACK, NULL, 0);
	CHECK(reported(&owner) == EVENT_ERROR);
	CHECK(connectionError(connection) == SOCKET_RESET);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == -1);
	connectionEnd(connection);
	connectionClose(connection);
	ignore();
}

static void readAfterFinAndReset(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	send(&peer, FIN | ACK, NULL, 0);
	send(&peer, RST | ACK, NULL, 0);
	CHECK(reported(&owner) == EVENT_READABLE);
	readExpecting(connection, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == (EVENT_END | EVENT_ERROR));
	connectionClose(connection);
	ignore();
}

static void bytesBeforeResetAreRead(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = openEstablished(&peer, &owner);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	send(&peer, RST | ACK, NULL, 0);
	CHECK(reported(&owner) == EVENT_READABLE);
	CHECK(connectionError(connection) == SOCKET_RESET);
	readExpecting(connection, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == EVENT_ERROR);
	CHECK(!connectionPeerEnded(connection));
	connectionClose(connection);
	ignore();
}

static void windowFollowsReading(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	uint8_t buffer[WINDOW];
	const uint8_t* bytes = pattern();
	send(&peer, ACK, bytes, MSS);
	send(&peer, ACK, bytes + MSS, MSS);
	pass(500);
	CHECK(hear(&peer).window == 0);
	/* A segment takes its memory until it is read to the end. */
	CHECK(connectionRead(connection, buffer, 1000) == 1000);
	CHECK(connectionRead(connection, buffer + 1000, MSS - 1001) == MSS - 1001);
	CHECK(!heard(&peer));
	CHECK(connectionRead(connection, buffer + MSS - 1, 437) == 437);
	CHECK(hear(&peer).window == MSS + 1); /* and the byte that it is open ahead */
	CHECK(connectionRead(connection, buffer + 1872, WINDOW) == 1000);
	CHECK(memcmp(buffer, bytes, WINDOW) == 0);
	pass(500);
	ignore();
	/* All of the window is open again: as many bytes as before are taken. */
	send(&peer, ACK, bytes, MSS);
	send(&peer, ACK, bytes + MSS, MSS);
	readExpecting(connection, bytes, WINDOW);
	connectionClose(connection);
	ignore();
}

/** A sender that does not stop fills a window, however much was read of its first segment. */
static void receivedBytesTakeAWindow(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	size_t before = stackBytes();
	const uint8_t* bytes = pattern();
	uint8_t buffer[WINDOW];
	send(&peer, ACK, bytes, MSS);
	CHECK(connectionRead(connection, buffer, MSS - 1) == MSS - 1);
	send(&peer, ACK, bytes + MSS, MSS);
	CHECK(stackBytes() - before < WINDOW + 2 * 100);
	send(&peer, ACK, bytes + WINDOW, MSS);
	pass(500);
	/* lwIP takes of a segment what its window lets in: a byte that was not announced. */
	CHECK(connectionReadable(connection) == 1 + MSS + 1);
	readExpecting(connection, bytes + MSS - 1, 1 + MSS + 1);
	connectionReset(connection);
	ignore();
}

/** A thousand segments of one byte cost no thousand packets of memory. */
static void singleBytesAreBounded(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	size_t before = stackBytes();
	const uint8_t* bytes = pattern();
	unsigned i;
	for (i = 0; i < WINDOW; i++) {
		send(&peer, PSH | ACK, bytes + i, 1);
		ignore();
	}
	CHECK(stackBytes() - before < 3 * WINDOW);
	readExpecting(connection, bytes, WINDOW);
	connectionClose(connection);
	ignore();
}

/** With a window of 0 lwIP answers it, and a peer with lwIP and a window of 0 would answer that. */
static void emptySegmentsAreNotAnswered(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	const uint8_t* bytes = pattern();
	uint8_t buffer[WINDOW];
	send(&peer, ACK, bytes, MSS);
	send(&peer, ACK, bytes + MSS, MSS);
	CHECK(connectionRead(connection, buffer, 1000) == 1000);
	pass(500);
	CHECK(hear(&peer).window == 0);
	send(&peer, ACK, NULL, 0);
	CHECK(!heard(&peer));
	CHECK(connectionUnread(connection, buffer, 1000) == SOCKET_OK);
	send(&peer, ACK, NULL, 0);
	CHECK(!heard(&peer));
	readExpecting(connection, bytes, WINDOW);
	CHECK(hear(&peer).window == WINDOW);
	connectionReset(connection);
	ignore();
}

/** The first segment was read in part before the others came, and is copied with them. */
static void copiedTogetherOpensTheWindow(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	const uint8_t* bytes = pattern();
	uint8_t buffer[1000];
	unsigned i;
	send(&peer, PSH | ACK, bytes, 1001);
	CHECK(connectionRead(connection, buffer, 1000) == 1000);
	for (i = 0; i < 40; i++) send(&peer, PSH | ACK, bytes + 1001 + i, 1);
	readExpecting(connection, bytes + 1000, 41);
	/* The window is announced when a segment was read. */
	send(&peer, PSH | ACK, bytes, MSS);
	ignore();
	readExpecting(connection, bytes, MSS);
	CHECK(hear(&peer).window == WINDOW);
	connectionReset(connection);
	ignore();
}

/** With no memory to copy them together the bytes are refused, kept by lwIP, and not lost. */
static void singleBytesWithoutMemory(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	const uint8_t* bytes = pattern();
	uint8_t buffer[100];
	unsigned at = 0, i;
	for (i = 0; i < 40 && connectionReadable(connection) == i; i++) {
		send(&peer, PSH | ACK, bytes + i, 1);
		/* The next packet itself finds memory, nothing else does. */
		if (i >= 15) failAllocations(1, 1000);
	}
	CHECK(i < 40);
	failAllocations(0, 0);
	for (i = 0; i < 20; i++) {
		at += connectionRead(connection, buffer + at, 5);
		pass(500);
	}
	CHECK(at >= 16);
	CHECK(memcmp(buffer, bytes, at) == 0);
	connectionReset(connection);
	ignore();
}

static void outOfOrder(void)
{
	Owner owner = { 0 };
	Peer peer, late;
	Connection* connection = acceptOne(&peer, &owner);
	const uint8_t* bytes = pattern();
	late = peer;
	peer.seq += 1000;
	send(&peer, FIN | ACK, bytes + 1000, 1000);
	CHECK(reported(&owner) == 0);
	send(&late, ACK, bytes, 1000);
	CHECK(reported(&owner) == EVENT_READABLE);
	readExpecting(connection, bytes, 2000);
	CHECK(reported(&owner) == EVENT_END);
	connectionClose(connection);
	ignore();
}

/** The window was opened when they were read at first. */
static void bytesPutBack(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	uint8_t buffer[WINDOW];
	const uint8_t* bytes = pattern();
	send(&peer, PSH | ACK, bytes, MSS);
	send(&peer, PSH | ACK, bytes + MSS, MSS - 1);
	CHECK(reported(&owner) == EVENT_READABLE);
	/* The first segment, and some of the second one, which has them still. */
	CHECK(connectionRead(connection, buffer, 2000) == 2000);
	CHECK(connectionUnread(connection, buffer + 1400, 600) == SOCKET_OK);
	CHECK(connectionUnread(connection, buffer + 1200, 200) == SOCKET_OK);
	CHECK(reported(&owner) == 0);
	CHECK(connectionReadable(connection) == WINDOW - 1 - 1200);
	CHECK(windowInside(connection) == MSS + 1 + 1);
	/* Across the end of what was put back. */
	CHECK(connectionRead(connection, buffer, 900) == 900);
	CHECK(memcmp(buffer, bytes + 1200, 900) == 0);
	CHECK(windowInside(connection) == MSS + 1 + 1);
	readExpecting(connection, bytes + 2100, WINDOW - 1 - 2100);
	while (heard(&peer)) hear(&peer);
	/* One byte more, which stays unread. */
	send(&peer, PSH | ACK, HELLO, 1);
	CHECK(windowInside(connection) == WINDOW - 1);
	connectionReset(connection);
	ignore();
}

/** The bytes are still in their segment, of which some were not read. */
static void bytesPutBackIntoTheirSegment(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	uint8_t buffer[WINDOW];
	const uint8_t* bytes = pattern();
	send(&peer, PSH | ACK, bytes, MSS);
	CHECK(connectionRead(connection, buffer, 1000) == 1000);
	failAllocations(0, 1000);
	CHECK(connectionUnread(connection, buffer + 100, 900) == SOCKET_OK);
	failAllocations(0, 0);
	CHECK(connectionReadable(connection) == MSS - 100);
	/* Beyond that segment they need memory. */
	send(&peer, PSH | ACK, bytes + MSS, MSS);
	CHECK(connectionRead(connection, buffer + 100, MSS) == MSS);
	CHECK(windowInside(connection) == MSS + 1);
	failAllocations(0, 1000);
	CHECK(connectionUnread(connection, buffer + 1000, 536) == SOCKET_MEMORY);
	failAllocations(0, 0);
	CHECK(connectionReadable(connection) == MSS - 100);
	CHECK(connectionUnread(connection, buffer + 1000, 536) == SOCKET_OK);
	readExpecting(connection, bytes + 1000, WINDOW - 1000);
	/* All of the window is open again, and no more; it is announced when another segment was read. */
	send(&peer, PSH | ACK, bytes, MSS);
	ignore();
	readExpecting(connection, bytes, MSS);
	CHECK(hear(&peer).window == WINDOW);
	connectionReset(connection);
	ignore();
}

static void endBehindBytesPutBack(void)
{
	Owner owner = { 0 };
	Peer peer;
	uint8_t buffer[HELLO_BYTES];
	Connection* connection = acceptOne(&peer, &owner);
	send(&peer, FIN | PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == EVENT_READABLE);
	CHECK(connectionRead(connection, buffer, HELLO_BYTES) == HELLO_BYTES);
	/* The end is to be reported, and now waits again. */
	CHECK(connectionUnread(connection, buffer, HELLO_BYTES) == SOCKET_OK);
	CHECK(reported(&owner) == 0);
	send(&peer, RST | ACK, NULL, 0);
	CHECK(reported(&owner) == 0);
	readExpecting(connection, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == (EVENT_END | EVENT_ERROR));
	/* Once it has been reported, it is not again. */
	CHECK(connectionUnread(connection, buffer, HELLO_BYTES) == SOCKET_OK);
	readExpecting(connection, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == 0);
	connectionClose(connection);
	ignore();
}

static void closeOverBytesPutBack(void)
{
	Owner owner = { 0 };
	Peer peer;
	uint8_t buffer[HELLO_BYTES];
	Connection* connection = acceptOne(&peer, &owner);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(connectionRead(connection, buffer, HELLO_BYTES) == HELLO_BYTES);
	CHECK(connectionUnread(connection, buffer, 1) == SOCKET_OK);
	while (heard(&peer)) hear(&peer);
	connectionClose(connection);
	hearFor(&peer, RST);
}

/** The next owner has them. */
static void bytesPutBackForAnotherOwner(void)
{
	Owner owner = { 0 }, other = { 0 };
	Peer peer;
	uint8_t buffer[HELLO_BYTES];
	Connection* connection = acceptOne(&peer, &owner);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(connectionRead(connection, buffer, HELLO_BYTES) == HELLO_BYTES);
	CHECK(connectionUnread(connection, buffer, HELLO_BYTES) == SOCKET_OK);
	connectionSetOwner(connection, &other);
	CHECK(reported(&other) & EVENT_READABLE);
	readExpecting(connection, HELLO, HELLO_BYTES);
	connectionReset(connection);
	ignore();
}

static void bytesCannotBePutBack(void)
{
	Owner owner = { 0 };
	Peer peer, silent;
	uint8_t buffer[HELLO_BYTES];
	Connection* connection = acceptOne(&peer, &owner);
	Connection* connecting = openConnection(&silent, &owner);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(connectionRead(connection, buffer, HELLO_BYTES) == HELLO_BYTES);
	failAllocations(0, 1);
	CHECK(connectionUnread(connection, buffer, 2) == SOCKET_MEMORY);
	failAllocations(0, 0);
	CHECK(connectionReadable(connection) == 0);
	/* A window at most. */
	CHECK(connectionUnread(connection, pattern(), WINDOW + 1) == SOCKET_INVALID);
	CHECK(connectionUnread(connection, pattern(), WINDOW) == SOCKET_OK);
	CHECK(connectionUnread(connection, pattern(), 1) == SOCKET_INVALID);
	CHECK(connectionUnread(connection, pattern(), 0) == SOCKET_OK);
	readExpecting(connection, pattern(), WINDOW);
	CHECK(connectionUnread(connecting, HELLO, 1) == SOCKET_INVALID);
	connectionReset(connection);
	connectionReset(connecting);
	ignore();
}

const Case RECEIVE_CASES[] = {
	{ "bytes are reported before the FIN behind them", bytesThenFin },
	{ "a reset behind a FIN is reported, and a close then touches nothing that lwIP has freed", finThenReset },
	{ "what was received is read after FIN and RST", readAfterFinAndReset },
	{ "what was received before a reset is read before the reset is reported", bytesBeforeResetAreRead },
	{ "the window opens by the segments that were read", windowFollowsReading },
	{ "what is received takes a window, also behind a segment that was read in part", receivedBytesTakeAWindow },
	{ "segments of one byte take no more memory than their bytes", singleBytesAreBounded },
	{ "an empty segment is not answered where a segment was read in part", emptySegmentsAreNotAnswered },
	{ "segments that are copied together open the window for what was read of the first", copiedTogetherOpensTheWindow },
	{ "segments of one byte are refused without memory, and none is lost", singleBytesWithoutMemory },
	{ "segments out of order are read in order", outOfOrder },
	{ "bytes that are put back are read first, and open the window once", bytesPutBack },
	{ "bytes of a segment that was read in part are put back without memory", bytesPutBackIntoTheirSegment },
	{ "an end is reported behind bytes that were put back, and once", endBehindBytesPutBack },
	{ "a close over bytes that were put back is a reset", closeOverBytesPutBack },
	{ "bytes that were put back are the next owner's", bytesPutBackForAnotherOwner },
	{ "bytes that cannot be put back change nothing", bytesCannotBePutBack },
	{ NULL, NULL },
};
