#include <string.h>
#include "peer-script.h"
#include "stack.h"

/*
 * Cases: bytes to the peer, and memory that runs out.
 */

static void writeTakesWhatFits(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	const uint8_t* bytes = pattern();
	unsigned heardBytes = 0;
	CHECK(connectionWritable(connection) == WINDOW);
	CHECK(connectionWrite(connection, bytes, 2 * WINDOW) == WINDOW);
	CHECK(connectionWrite(connection, bytes, 1) == 0);
	CHECK(connectionWritable(connection) == 0);
	CHECK(connectionUnacknowledged(connection) == WINDOW);
	while (heard(&peer)) {
		Segment segment = hear(&peer);
		CHECK(memcmp(segment.data, bytes + heardBytes, segment.length) == 0);
		heardBytes += (unsigned)segment.length;
		send(&peer, ACK, NULL, 0);
	}
	CHECK(heardBytes == WINDOW);
	CHECK(reported(&owner) == EVENT_WRITABLE);
	CHECK(connectionWritable(connection) == WINDOW);
	CHECK(connectionUnacknowledged(connection) == 0);
	connectionClose(connection);
	ignore();
}

/** The peer has sent something: a round of news, in which the application may write. */
static Connection* inRound(Peer* peer, Owner* owner)
{
	Connection* connection = acceptOne(peer, owner);
	unsigned events;
	connectionSetNodelay(connection, true);
	send(peer, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(socketsNext(board, &events) == owner);
	readExpecting(connection, HELLO, HELLO_BYTES);
	ignore();
	return connection;
}

static void writesOfOneReportGoTogether(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = inRound(&peer, &owner);
	unsigned events;
	CHECK(connectionWrite(connection, pattern(), 100) == 100);
	CHECK(connectionWrite(connection, pattern() + 100, 1) == 1);
	CHECK(!heard(&peer));
	CHECK(socketsNext(board, &events) == NULL);
	CHECK(hear(&peer).length == 101);
	/* Outside of a round there is nothing that they could wait for. */
	CHECK(connectionWrite(connection, HELLO, 1) == 1);
	CHECK(hear(&peer).length == 1);
	connectionReset(connection);
	ignore();
}

static void writeToAnotherSendsTheFirst(void)
{
	Owner owner = { 0 }, other = { 0 };
	Peer peer, second;
	Connection* next = acceptOne(&second, &other);
	Connection* connection = inRound(&peer, &owner);
	unsigned events;
	CHECK(connectionWrite(connection, HELLO, 1) == 1);
	CHECK(connectionWrite(next, HELLO, 2) == 2);
	CHECK(hear(&peer).length == 1);
	CHECK(!heard(&second));
	/* None is sent for one that is gone. */
	connectionReset(next);
	CHECK(connectionWrite(connection, HELLO, 3) == 3);
	send(&peer, RST | ACK, NULL, 0);
	while (socketsNext(board, &events)) continue;
	connectionClose(connection);
	ignore();
}

static void endAndCloseSendWhatWasWritten(void)
{
	Owner owner = { 0 };
	Peer peer;
	unsigned events;
	bool closes;
	for (closes = false;; closes = true) {
		Connection* connection = inRound(&peer, &owner);
		CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
		if (closes) connectionClose(connection);
		else connectionEnd(connection);
		CHECK(hear(&peer).length == HELLO_BYTES);
		CHECK(hear(&peer).flags & FIN);
		CHECK(socketsNext(board, &events) == NULL);
		reported(&owner); /* the message is forgotten */
		if (closes) break;
		connectionReset(connection);
	}
	ignore();
}

static void smallWritesFillTheQueue(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	const uint8_t* bytes = pattern();
	unsigned taken = 0, heardBytes = 0;
	int count;
	connectionSetNodelay(connection, true);
	while ((count = connectionWrite(connection, bytes + taken, 1)) == 1) taken++;
	CHECK(count == 0);
	while (heard(&peer)) {
		Segment segment = hear(&peer);
		CHECK(memcmp(segment.data, bytes + heardBytes, segment.length) == 0);
		heardBytes += (unsigned)segment.length;
		send(&peer, ACK, NULL, 0);
	}
	CHECK(heardBytes == taken);
	CHECK(reported(&owner) & EVENT_WRITABLE);
	CHECK(connectionWrite(connection, bytes, 1) == 1);
	connectionClose(connection);
	ignore();
}

/** lwIP makes segments of half the window, of which the queue takes few. */
static void writeToSmallWindow(void)
{
	enum { BYTES = 1000 };
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptWithWindow(&peer, &owner, 100);
	int taken = connectionWrite(connection, pattern(), BYTES);
	unsigned at = 0;
	CHECK(taken > 0 && taken < BYTES);
	while (at < BYTES) {
		Segment segment = hear(&peer);
		CHECK(memcmp(segment.data, pattern() + at, segment.length) == 0);
		at += (unsigned)segment.length;
		send(&peer, ACK, NULL, 0);
		taken += connectionWrite(connection, pattern() + taken, (unsigned)(BYTES - taken));
	}
	CHECK(taken == BYTES);
	connectionClose(connection);
	ignore();
}

/** Nothing is under way whose acknowledgement could say that there is room. */
static void writeWithoutMemory(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	failAllocations(0, 1000);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == 0);
	failAllocations(0, 0);
	pass(1000);
	CHECK(reported(&owner) == EVENT_WRITABLE);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	CHECK(hear(&peer).length == HELLO_BYTES);
	connectionClose(connection);
	ignore();
}

static void endWithoutMemory(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	failAllocations(0, 1000);
	connectionEnd(connection);
	CHECK(!heard(&peer));
	failAllocations(0, 0);
	pass(1000);
	hearFor(&peer, FIN);
	connectionClose(connection);
	ignore();
}

static void closeWithoutMemory(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	CHECK(hear(&peer).length == HELLO_BYTES);
	failAllocations(0, 1000);
	connectionClose(connection);
	failAllocations(0, 0);
	pass(1000);
	hearFor(&peer, FIN);
	ignore();
}

static void writeToReset(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	send(&peer, RST | ACK, NULL, 0);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == -1);
	CHECK(connectionWritable(connection) == 0);
	CHECK(connectionUnacknowledged(connection) == 0);
	connectionEnd(connection);
	CHECK(reported(&owner) == EVENT_ERROR);
	connectionReset(connection);
	ignore();
}

static void answerIsNeverAcknowledged(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	unsigned i;
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	for (i = 0; i < 2000 && connectionError(connection) == SOCKET_OK; i++) {
		pass(1000);
		ignore();
	}
	CHECK(connectionError(connection) == SOCKET_TIMEOUT);
	CHECK(reported(&owner) == EVENT_ERROR);
	connectionClose(connection);
}

static void keepaliveFindsADeadPeer(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	connectionSetKeepalive(connection, 10000);
	pass(11000);
	CHECK(heard(&peer));
	hear(&peer);
	peer.ack = peer.ack + 1; /* a probe is one byte before what is next */
	send(&peer, ACK, NULL, 0);
	pass(9000);
	CHECK(reported(&owner) == 0);
	pass(40000);
	ignore();
	CHECK(reported(&owner) == EVENT_ERROR);
	CHECK(connectionError(connection) == SOCKET_TIMEOUT);
	connectionClose(connection);
}

/** As many as are promised. */
static void writeAll(Connection* connection)
{
	unsigned room = connectionWritable(connection);
	CHECK(room > 0);
	CHECK(connectionWrite(connection, pattern(), room) == (int)room);
}

static void writeTakesWhatIsPromised(void)
{
	Owner owner = { 0 };
	Peer peer;
	unsigned window, small;
	Connection* connection;
	for (small = 0; small < 7; small++) {
		connection = acceptOne(&peer, &owner);
		connectionSetNodelay(connection, true);
		for (window = 0; window < small; window++) CHECK(connectionWrite(connection, pattern(), 10) == 10);
		writeAll(connection);
		connectionReset(connection);
		ignore();
	}
	for (window = 40; window < WINDOW; window += 40) {
		connection = acceptWithWindow(&peer, &owner, (uint16_t)window);
		writeAll(connection);
		connectionReset(connection);
		/* The first bytes wait for a window, in a segment that is not full. */
		connection = acceptWithWindow(&peer, &owner, (uint16_t)window);
		connectionSetNodelay(connection, window % 80 == 0);
		CHECK(connectionWrite(connection, pattern(), window) > 0);
		peer.window = 0;
		while (heard(&peer)) {
			hear(&peer);
			send(&peer, ACK, NULL, 0);
		}
		CHECK(connectionWrite(connection, pattern(), 10) == 10);
		writeAll(connection);
		connectionReset(connection);
		ignore();
	}
}

/** lwIP has a whole segment for each small write until it leaves: pieces that the peer does not acknowledge cost their bytes. */
static void smallWritesTakeTheirBytes(void)
{
	enum { HEADERS_BYTES = 140 };
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	size_t before = stackBytes();
	unsigned writes = 0, i;
	connectionSetNodelay(connection, true);
	while (connectionWritable(connection) > 0) {
		CHECK(connectionWrite(connection, pattern() + 100 * writes, 100) == 100);
		writes++;
	}
	CHECK(stackBytes() - before <= writes * (100 + HEADERS_BYTES));
	for (i = 0; i < writes; i++) {
		Segment segment = hear(&peer);
		CHECK(segment.length == 100 && memcmp(segment.data, pattern() + 100 * i, 100) == 0);
	}
	/* Nothing is lost of it, and it is sent again from the same memory. */
	pass(2000);
	CHECK(memcmp(hear(&peer).data, pattern(), 100) == 0);
	connectionReset(connection);
	ignore();
}

/** With Nagle's algorithm the next write is added to the last segment. */
static void nagleAddsToTheLastSegment(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	connectionSetNodelay(connection, false);
	CHECK(connectionWrite(connection, pattern(), 100) == 100);
	CHECK(connectionWrite(connection, pattern() + 100, 100) == 100);
	CHECK(connectionWrite(connection, pattern() + 200, 100) == 100);
	CHECK(hear(&peer).length == 100 && !heard(&peer));
	send(&peer, ACK, NULL, 0);
	CHECK(hear(&peer).length == 200);
	connectionReset(connection);
	ignore();
}

/** The owner cannot send a part of a message: the connection is lost, and it gets the reason. */
static void abandoned(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	connectionAbandon(connection);
	hearFor(&peer, RST);
	CHECK(reported(&owner) == EVENT_ERROR);
	CHECK(connectionError(connection) == SOCKET_MEMORY);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == -1);
	connectionAbandon(connection);
	CHECK(reported(&owner) == 0);
	connectionClose(connection);
}

/** lwIP counts the silence before the option as well. */
static void keepaliveOfSilentConnection(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	pass(60000);
	connectionSetKeepalive(connection, 10000);
	pass(9000);
	CHECK(!heard(&peer));
	/* Shorter: from then on, too. */
	connectionSetKeepalive(connection, 2000);
	pass(1000);
	CHECK(!heard(&peer));
	pass(1500);
	CHECK(heard(&peer) && connectionError(connection) == SOCKET_OK);
	connectionReset(connection);
	ignore();
}

static void keepaliveOfAnyTime(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	connectionSetKeepalive(connection, 0x40000000);
	pass(60000);
	CHECK(!heard(&peer) && connectionError(connection) == SOCKET_OK);
	connectionReset(connection);
	ignore();
	connection = acceptOne(&peer, &owner);
	connectionSetKeepalive(connection, 1);
	while (connectionError(connection) == SOCKET_OK) pass(10);
	hear(&peer); /* a probe before it is given up */
	connectionClose(connection);
	ignore();
}

const Case WRITE_CASES[] = {
	{ "a write takes what fits and says how much", writeTakesWhatFits },
	{ "what is written in answer to one report goes out together", writesOfOneReportGoTogether },
	{ "a write to another connection sends what was written before", writeToAnotherSendsTheFirst },
	{ "an end and a close within a round send what was written", endAndCloseSendWhatWasWritten },
	{ "small writes fill the queue, and room is reported", smallWritesFillTheQueue },
	{ "small writes that wait for the peer take the memory of their bytes", smallWritesTakeTheirBytes },
	{ "Nagle's algorithm adds what is written to the last segment", nagleAddsToTheLastSegment },
	{ "a write to a peer with a small window takes what fits", writeToSmallWindow },
	{ "a write takes as many bytes as were promised", writeTakesWhatIsPromised },
	{ "a write without memory takes nothing, and room is reported later", writeWithoutMemory },
	{ "a FIN without memory follows later", endWithoutMemory },
	{ "a close without memory sends its FIN later", closeWithoutMemory },
	{ "a write after a reset fails", writeToReset },
	{ "bytes that are never acknowledged end with a time-out", answerIsNeverAcknowledged },
	{ "a connection that is abandoned is reset, and reported as lost for want of memory", abandoned },
	{ "keepalive finds a peer that is gone", keepaliveFindsADeadPeer },
	{ "keepalive counts silence from when it is turned on", keepaliveOfSilentConnection },
	{ "keepalive of any time sends a probe before the connection is given up", keepaliveOfAnyTime },
	{ NULL, NULL },
};
