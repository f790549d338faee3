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

const Case RECEIVE_CASES[] = {
	{ "bytes are reported before the FIN behind them", bytesThenFin },
	{ "a reset behind a FIN is reported, and a close then touches nothing that lwIP has freed", finThenReset },
	{ "what was received is read after FIN and RST", readAfterFinAndReset },
	{ "what was received before a reset is read before the reset is reported", bytesBeforeResetAreRead },
	{ "the window opens by what was read", windowFollowsReading },
	{ "segments of one byte take no more memory than their bytes", singleBytesAreBounded },
	{ "segments of one byte are refused without memory, and none is lost", singleBytesWithoutMemory },
	{ "segments out of order are read in order", outOfOrder },
	{ NULL, NULL },
};
