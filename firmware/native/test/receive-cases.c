#include <string.h>
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
	CHECK(connectionRead(connection, buffer, 1000) == 1000);
	CHECK(connectionRead(connection, buffer + 1000, 872) == 872);
	CHECK(hear(&peer).window >= 1000);
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

static uint16_t windowOf(Peer* peer)
{
	uint16_t window = hear(peer).window;
	while (heard(peer)) window = hear(peer).window;
	return window;
}

/** The window is what lwIP would have told without them: it was opened when they were read at first. */
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
	CHECK(connectionRead(connection, buffer, 1000) == 1000);
	CHECK(connectionUnread(connection, buffer + 400, 600) == SOCKET_OK);
	CHECK(connectionUnread(connection, buffer + 200, 200) == SOCKET_OK);
	CHECK(reported(&owner) == 0);
	CHECK(connectionReadable(connection) == WINDOW - 1 - 200);
	/* Across the end of what was put back. */
	CHECK(connectionRead(connection, buffer, 900) == 900);
	CHECK(memcmp(buffer, bytes + 200, 900) == 0);
	readExpecting(connection, bytes + 1100, WINDOW - 1 - 1100);
	while (heard(&peer)) hear(&peer);
	/* One byte more, which stays unread. */
	send(&peer, PSH | ACK, HELLO, 1);
	pass(500);
	CHECK(windowOf(&peer) == WINDOW - 1);
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
	CHECK(connectionRead(connection, buffer, 2) == 2);
	failAllocations(0, 1);
	CHECK(connectionUnread(connection, buffer, 2) == SOCKET_MEMORY);
	failAllocations(0, 0);
	readExpecting(connection, HELLO + 2, HELLO_BYTES - 2);
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
	{ "the window opens by what was read", windowFollowsReading },
	{ "segments of one byte take no more memory than their bytes", singleBytesAreBounded },
	{ "segments of one byte are refused without memory, and none is lost", singleBytesWithoutMemory },
	{ "segments out of order are read in order", outOfOrder },
	{ "bytes that are put back are read first, and open the window once", bytesPutBack },
	{ "an end is reported behind bytes that were put back, and once", endBehindBytesPutBack },
	{ "a close over bytes that were put back is a reset", closeOverBytesPutBack },
	{ "bytes that were put back are the next owner's", bytesPutBackForAnotherOwner },
	{ "bytes that cannot be put back change nothing", bytesCannotBePutBack },
	{ NULL, NULL },
};
