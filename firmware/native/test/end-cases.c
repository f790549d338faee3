#include <string.h>
#include "peer-script.h"
#include "stack.h"

/*
 * Cases: FIN and RST from either side, and whose control block it is.
 */

static void halfClose(void)
{
	Owner owner = { 0 };
	Peer peer;
	Segment segment;
	Connection* connection = acceptOne(&peer, &owner);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	connectionEnd(connection);
	connectionEnd(connection);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == -1);
	segment = hear(&peer);
	CHECK(segment.length == HELLO_BYTES);
	if (!(segment.flags & FIN)) hearFor(&peer, FIN);
	send(&peer, ACK, NULL, 0);
	CHECK(told(&owner) == 0);
	/* However long the answer takes. */
	pass(100000);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(told(&owner) == EVENT_READABLE);
	readExpecting(connection, HELLO, HELLO_BYTES);
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(told(&owner) == EVENT_END);
	/* lwIP forgets the control block by itself, and says nothing. */
	pass(200000);
	ignore();
	CHECK(controlBlocks() == 0);
	CHECK(connectionError(connection) == SOCKET_OK);
	CHECK(connectionRead(connection, &segment, 1) == 0);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == -1);
	connectionClose(connection);
	CHECK(!heard(&peer));
}

static void peerEndsFirst(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(told(&owner) == EVENT_END);
	ignore();
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	connectionEnd(connection);
	while (heard(&peer)) hear(&peer);
	send(&peer, ACK, NULL, 0);
	CHECK(controlBlocks() == 0);
	CHECK(connectionError(connection) == SOCKET_OK);
	CHECK(told(&owner) == 0);
	connectionClose(connection);
}

static void bothEndAtOnce(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	connectionEnd(connection);
	/* The peer's FIN crosses ours. */
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(told(&owner) == EVENT_END);
	hearFor(&peer, FIN);
	send(&peer, ACK, NULL, 0);
	pass(200000);
	ignore();
	CHECK(controlBlocks() == 0);
	CHECK(connectionError(connection) == SOCKET_OK);
	connectionReset(connection);
	CHECK(!heard(&peer));
}

/** The FIN, its acknowledgement and the last bytes come in one segment. */
static void lastBytesWithFin(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	connectionEnd(connection);
	hearFor(&peer, FIN);
	send(&peer, FIN | PSH | ACK, HELLO, HELLO_BYTES);
	pass(200000);
	ignore();
	CHECK(controlBlocks() == 0);
	CHECK(told(&owner) == EVENT_READABLE);
	readExpecting(connection, HELLO, HELLO_BYTES);
	CHECK(told(&owner) == EVENT_END);
	connectionClose(connection);
}

static void lastBytesWithFinWithoutMemory(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	const uint8_t* bytes = pattern();
	unsigned i;
	connectionEnd(connection);
	hearFor(&peer, FIN);
	for (i = 0; i < 16; i++) send(&peer, PSH | ACK, bytes + i, 1);
	failAllocations(1, 1000);
	send(&peer, FIN | PSH | ACK, bytes + 16, 1);
	failAllocations(0, 0);
	pass(1000);
	readExpecting(connection, bytes, 17);
	CHECK(told(&owner) & EVENT_END);
	connectionClose(connection);
	ignore();
}

static void closeSendsWhatWasWritten(void)
{
	Owner owner = { 0 };
	Peer peer;
	unsigned heardBytes = 0;
	bool fin = false;
	Connection* connection = acceptOne(&peer, &owner);
	CHECK(connectionWrite(connection, pattern(), WINDOW) == WINDOW);
	connectionClose(connection);
	while (!fin && heard(&peer)) {
		Segment segment = hear(&peer);
		CHECK(!(segment.flags & RST));
		CHECK(memcmp(segment.data, pattern() + heardBytes, segment.length) == 0);
		heardBytes += (unsigned)segment.length;
		fin = segment.flags & FIN;
		send(&peer, ACK, NULL, 0);
	}
	CHECK(fin && heardBytes == WINDOW);
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(hear(&peer).flags == ACK);
}

static void closeOverUnreadBytes(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	connectionClose(connection);
	hearFor(&peer, RST);
	CHECK(controlBlocks() == 0);
	/* The same when the peer has ended, and when we have. */
	connection = acceptOne(&peer, &owner);
	send(&peer, FIN | PSH | ACK, HELLO, HELLO_BYTES);
	ignore();
	connectionClose(connection);
	hearFor(&peer, RST);
	connection = acceptOne(&peer, &owner);
	connectionEnd(connection);
	hearFor(&peer, FIN);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	ignore();
	connectionClose(connection);
	hearFor(&peer, RST);
	ignore();
}

static void resetOnPurpose(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	CHECK(connectionWrite(connection, pattern(), WINDOW) == WINDOW);
	ignore();
	connectionReset(connection);
	hearFor(&peer, RST);
	CHECK(controlBlocks() == 0);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(told(&owner) == 0);
	ignore();
}

/** Blocks in LAST_ACK are given to new connections when all are in use: their owners are told. */
static void blockIsTakenAway(void)
{
	Owner owner = { 0 }, other = { 0 };
	Peer peer, next;
	Connection* connection = acceptOne(&peer, &owner);
	Connection* second;
	limitControlBlocks(1, 1);
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(told(&owner) == EVENT_END);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	connectionEnd(connection);
	ignore();
	second = openEstablished(&next, &other);
	CHECK(told(&owner) == EVENT_ERROR);
	CHECK(connectionError(connection) == SOCKET_MEMORY);
	connectionClose(connection);
	connectionReset(second);
	ignore();
}

const Case END_CASES[] = {
	{ "a half-closed connection reads on, and lwIP may forget its control block", halfClose },
	{ "a connection whose peer ended first writes on, and ends without error", peerEndsFirst },
	{ "two FINs that cross are an end without error", bothEndAtOnce },
	{ "the last bytes may come with the FIN", lastBytesWithFin },
	{ "the last bytes with the FIN are not refused for want of memory", lastBytesWithFinWithoutMemory },
	{ "a close sends what was written, then FIN", closeSendsWhatWasWritten },
	{ "a close over unread bytes resets", closeOverUnreadBytes },
	{ "a reset on purpose sends RST and drops the rest", resetOnPurpose },
	{ "a control block that lwIP gives to a new connection is told as lost", blockIsTakenAway },
	{ NULL, NULL },
};
