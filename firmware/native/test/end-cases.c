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
	CHECK(reported(&owner) == 0);
	/* However long the answer takes. */
	pass(100000);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == EVENT_READABLE);
	readExpecting(connection, HELLO, HELLO_BYTES);
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(reported(&owner) == EVENT_END);
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
	CHECK(reported(&owner) == EVENT_END);
	ignore();
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	connectionEnd(connection);
	while (heard(&peer)) hear(&peer);
	send(&peer, ACK, NULL, 0);
	CHECK(controlBlocks() == 0);
	CHECK(connectionError(connection) == SOCKET_OK);
	CHECK(reported(&owner) == 0);
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
	CHECK(reported(&owner) == EVENT_END);
	hearFor(&peer, FIN);
	send(&peer, ACK, NULL, 0);
	pass(200000);
	ignore();
	CHECK(controlBlocks() == 0);
	CHECK(connectionError(connection) == SOCKET_OK);
	connectionReset(connection);
	CHECK(!heard(&peer));
}

/** The FIN, its acknowledgement and the last bytes are in one segment. */
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
	CHECK(reported(&owner) == EVENT_READABLE);
	readExpecting(connection, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == EVENT_END);
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
	CHECK(reported(&owner) & EVENT_END);
	connectionClose(connection);
	ignore();
}

/** Bytes and the FIN behind them, which lwIP keeps for want of memory while our FIN is acknowledged. */
static void lastBytesAreKeptByLwip(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	const uint8_t* bytes = pattern();
	unsigned i;
	for (i = 0; i < 16; i++) send(&peer, PSH | ACK, bytes + i, 1);
	failAllocations(1, 1000);
	send(&peer, FIN | PSH | ACK, bytes + 16, 1);
	failAllocations(0, 0);
	CHECK(connectionReadable(connection) == 16);
	connectionEnd(connection);
	hearFor(&peer, FIN);
	failAllocations(1, 1000);
	send(&peer, ACK, NULL, 0);
	failAllocations(0, 0);
	readExpecting(connection, bytes, 17);
	CHECK(reported(&owner) & EVENT_END);
	CHECK(connectionError(connection) == SOCKET_OK);
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

enum { SMALL_WINDOW = 100 };

/** Lets the peer take so few bytes, less than the segments that lwIP makes for the window that it had. */
static void narrow(Connection* connection, Peer* peer, uint16_t window)
{
	CHECK(connectionWrite(connection, pattern(), WINDOW) == WINDOW);
	while (heard(peer)) hear(peer);
	peer->window = window;
	send(peer, ACK, NULL, 0);
}

/** The peer opens its window again when it has got something, and gets the rest, and the FIN behind it. */
static void finStaysBehindSmallWindow(Peer* peer)
{
	uint8_t got[WINDOW] = { 0 };
	uint32_t from = peer->ack, end = 0;
	Segment segment;
	do {
		while (!heard(peer)) pass(100);
		segment = hear(peer);
		CHECK(!(segment.flags & RST));
		memcpy(got + (segment.seq - from), segment.data, segment.length);
		end = segment.seq - from + (uint32_t)segment.length;
		peer->window = WINDOW;
		send(peer, ACK, NULL, 0);
	} while (!(segment.flags & FIN));
	CHECK(end == 900 && memcmp(got, pattern(), 900) == 0);
}

static void endWithSmallWindow(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	narrow(connection, &peer, SMALL_WINDOW);
	CHECK(connectionWrite(connection, pattern(), 900) == 900);
	connectionEnd(connection);
	finStaysBehindSmallWindow(&peer);
	CHECK(connectionUnacknowledged(connection) == 0);
	connectionClose(connection);
}

static void closeWithSmallWindow(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	narrow(connection, &peer, SMALL_WINDOW);
	CHECK(connectionWrite(connection, pattern(), 900) == 900);
	connectionClose(connection);
	finStaysBehindSmallWindow(&peer);
}

/** The sockets own the record of a closed connection for a while: a peer must not be able to keep it. */
static void closeToShutWindow(void)
{
	Owner owner = { 0 };
	Peer peer;
	uint32_t ms;
	Connection* connection = acceptOne(&peer, &owner);
	narrow(connection, &peer, 0);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	connectionClose(connection);
	for (ms = 0; ms < 70000 && controlBlocks() > 0; ms += 1000) {
		pass(1000);
		while (heard(&peer)) {
			if (hear(&peer).flags & RST) continue;
			peer.ack--; /* a probe */
			send(&peer, ACK, NULL, 0);
		}
	}
	CHECK(ms > 50000 && ms < 65000);
}

static void bytesAfterClose(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	narrow(connection, &peer, SMALL_WINDOW);
	CHECK(connectionWrite(connection, pattern(), 900) == 900);
	connectionClose(connection);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	hearFor(&peer, RST);
	CHECK(controlBlocks() == 0);
	connection = acceptOne(&peer, &owner);
	narrow(connection, &peer, SMALL_WINDOW);
	CHECK(connectionWrite(connection, pattern(), 900) == 900);
	connectionClose(connection);
	send(&peer, RST | ACK, NULL, 0);
	CHECK(controlBlocks() == 0);
	ignore();
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
	CHECK(reported(&owner) == 0);
	ignore();
}

/** Blocks in LAST_ACK are given to new connections when all are in use: their owners get a fault. */
static void blockIsTakenAway(void)
{
	Owner owner = { 0 }, other = { 0 };
	Peer peer, next;
	Connection* connection = acceptOne(&peer, &owner);
	Connection* second;
	limitControlBlocks(1, 1);
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(reported(&owner) == EVENT_END);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	connectionEnd(connection);
	ignore();
	second = openEstablished(&next, &other);
	CHECK(reported(&owner) == EVENT_ERROR);
	CHECK(connectionError(connection) == SOCKET_MEMORY);
	connectionClose(connection);
	connectionReset(second);
	ignore();
}

/** The same for a client whose SYN arrives; on the chip half-closed connections, too, are given up for one. */
static void blockIsTakenForClient(void)
{
	Owner listenerOwner = { 0 }, owner = { 0 };
	Peer peer, next;
	Connection* connection = acceptOne(&peer, &owner);
	listenOn(80, 1, &listenerOwner);
	connectionEnd(connection);
	hearFor(&peer, FIN);
	send(&peer, ACK, NULL, 0);
	limitControlBlocks(2, 1);
	next = knock(80);
	CHECK(hear(&next).flags == (SYN | ACK));
	CHECK(reported(&owner) & EVENT_ERROR);
	CHECK(connectionError(connection) == SOCKET_MEMORY);
	connectionClose(connection);
	ignore();
}

/** A FIN that is never acknowledged. */
static void finIsNotAcknowledged(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	connectionEnd(connection);
	forgetAll();
	CHECK(reported(&owner) & EVENT_ERROR);
	CHECK(connectionError(connection) == SOCKET_TIMEOUT);
	connectionClose(connection);
	ignore();
}

/** A closed connection whose last bytes were sent behind a window update, in the middle of lwIP's input. */
static Peer closedWithLastBytesSent(void)
{
	enum { LAST_BYTES = 200 };
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	narrow(connection, &peer, 0);
	CHECK(connectionWrite(connection, pattern(), LAST_BYTES) == LAST_BYTES);
	connectionClose(connection);
	peer.window = WINDOW;
	send(&peer, ACK, NULL, 0);
	CHECK(hear(&peer).length == LAST_BYTES);
	return peer;
}

/** lwIP reports the acknowledgement before it delivers the bytes of the same segment. */
static void bytesWithLastAck(void)
{
	Peer peer = closedWithLastBytesSent();
	send(&peer, PSH | ACK, pattern(), 1000);
	hearFor(&peer, RST);
	ignore();
	CHECK(controlBlocks() == 0);
}

/** Two small writes wait for each other (Nagle); the next request comes behind the acknowledgement of the second. */
static void bytesWithLastAckOfSmallWrites(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	connectionClose(connection);
	hear(&peer);
	send(&peer, ACK, NULL, 0);
	CHECK(hear(&peer).length == HELLO_BYTES);
	send(&peer, PSH | ACK, pattern(), 1000);
	hearFor(&peer, RST);
	ignore();
	CHECK(controlBlocks() == 0);
}

static void finWithLastAck(void)
{
	Peer peer = closedWithLastBytesSent();
	Segment segment;
	bool fin = false;
	send(&peer, FIN | ACK, NULL, 0);
	while (heard(&peer)) {
		segment = hear(&peer);
		CHECK(!(segment.flags & RST));
		fin = fin || segment.flags & FIN;
	}
	CHECK(fin);
	send(&peer, ACK, NULL, 0);
	CHECK(controlBlocks() == 0);
}

/** The peer's FIN acknowledges the first of two segments; the second was lost. */
static void finWithAckOfHalf(void)
{
	Owner owner = { 0 };
	Peer peer;
	Segment lost, segment;
	uint32_t half;
	Connection* connection = acceptOne(&peer, &owner);
	narrow(connection, &peer, 0);
	CHECK(connectionWrite(connection, pattern(), WINDOW) == WINDOW);
	connectionClose(connection);
	peer.window = WINDOW;
	send(&peer, ACK, NULL, 0);
	hear(&peer);
	half = peer.ack;
	lost = hear(&peer);
	peer.ack = half;
	send(&peer, FIN | ACK, NULL, 0);
	do {
		while (!heard(&peer)) pass(100);
		segment = hear(&peer);
		CHECK(!(segment.flags & RST));
	} while (segment.length == 0);
	CHECK(segment.seq == lost.seq);
	ignore();
}

/** As many connections as there may be can be opened. */
static void noRecordIsLeft(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connections[CONNECTIONS_MAX];
	int i;
	forgetAll();
	ignore();
	CHECK(controlBlocks() == 0);
	for (i = 0; i < CONNECTIONS_MAX; i++) connections[i] = acceptOne(&peer, &owner);
	for (i = 0; i < CONNECTIONS_MAX; i++) connectionReset(connections[i]);
	ignore();
}

/** The FIN is sent again behind bytes that were sent again; its acknowledgement and the peer's FIN arrive before lwIP's next poll. */
static void finAfterTimeOut(void)
{
	Owner owner = { 0 };
	Peer peer;
	uint32_t end;
	Connection* connection = acceptOne(&peer, &owner);
	CHECK(connectionWrite(connection, pattern(), WINDOW) == WINDOW);
	connectionEnd(connection);
	while (heard(&peer)) hear(&peer);
	end = peer.ack;
	while (!heard(&peer)) pass(100);
	ignore();
	connectionClose(connection);
	peer.ack = end - 1;
	send(&peer, ACK, NULL, 0);
	peer.ack = end;
	send(&peer, FIN | ACK, NULL, 0);
	noRecordIsLeft();
}

/** lwIP sends the FIN inside the callback of the last acknowledgement, and the peer's own FIN is there before the next poll. */
static void finBeforePoll(void)
{
	Peer peer = closedWithLastBytesSent();
	send(&peer, ACK, NULL, 0);
	hearFor(&peer, FIN);
	send(&peer, FIN | ACK, NULL, 0);
	noRecordIsLeft();
}

/** A connection whose peer has sent a byte that lwIP keeps, because there was no memory to copy the small pieces together. */
static Connection* withRefusedByte(Peer* peer, Connection* connection)
{
	uint8_t buffer[16];
	unsigned i;
	for (i = 0; i < 16; i++) send(peer, PSH | ACK, pattern() + i, 1);
	failAllocations(1, 1000);
	send(peer, PSH | ACK, pattern() + 16, 1);
	failAllocations(0, 0);
	CHECK(connectionRead(connection, buffer, sizeof(buffer)) == sizeof(buffer));
	return connection;
}

/** The byte was received and not read, so the peer gets RST at once. */
static void closeOverRefusedByte(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	narrow(connection, &peer, 0);
	CHECK(connectionWrite(connection, pattern(), 200) == 200);
	connectionClose(withRefusedByte(&peer, connection));
	hearFor(&peer, RST);
	send(&peer, ACK, NULL, 0);
	ignore();
	CHECK(controlBlocks() == 0);
	connection = acceptOne(&peer, &owner);
	connectionEnd(connection);
	hearFor(&peer, FIN);
	send(&peer, ACK, NULL, 0);
	connectionClose(withRefusedByte(&peer, connection));
	hearFor(&peer, RST);
	ignore();
}

/** The FINs cross while the board's last bytes are unacknowledged. */
static Connection* crossedOverBytes(Peer* peer, Owner* owner)
{
	Connection* connection = acceptOne(peer, owner);
	uint32_t before = peer->ack;
	CHECK(connectionWrite(connection, pattern(), 1000) == 1000);
	connectionEnd(connection);
	while (heard(peer)) hear(peer);
	peer->ack = before;
	send(peer, FIN | ACK, NULL, 0);
	CHECK(reported(owner) == EVENT_END);
	CHECK(connectionUnacknowledged(connection) == 1000);
	return connection;
}

static void resetBehindCrossedFins(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = crossedOverBytes(&peer, &owner);
	send(&peer, RST | ACK, NULL, 0);
	CHECK(reported(&owner) == EVENT_ERROR);
	CHECK(connectionError(connection) == SOCKET_RESET);
	connectionClose(connection);
	/* The same when the board's owner has closed meanwhile. */
	connectionClose(crossedOverBytes(&peer, &owner));
	send(&peer, RST | ACK, NULL, 0);
	CHECK(controlBlocks() == 0);
	ignore();
}

/** Acknowledged together with the FIN, or before it. */
static void acknowledgedBehindCrossedFins(void)
{
	Owner owner = { 0 };
	Peer peer;
	int fin;
	for (fin = 0; fin <= 1; fin++) {
		Connection* connection = crossedOverBytes(&peer, &owner);
		peer.ack += (uint32_t)(1000 + fin);
		send(&peer, ACK, NULL, 0);
		CHECK(connectionUnacknowledged(connection) == 0);
		forgetAll();
		ignore();
		CHECK(controlBlocks() == 0);
		CHECK(reported(&owner) == 0 && connectionError(connection) == SOCKET_OK);
		connectionReset(connection);
		CHECK(!heard(&peer));
	}
}

const Case END_CASES[] = {
	{ "a half-closed connection reads on, and lwIP may forget its control block", halfClose },
	{ "a connection whose peer ended first writes on, and ends without error", peerEndsFirst },
	{ "two FINs that cross are an end without error", bothEndAtOnce },
	{ "the last bytes may be in the segment of the FIN", lastBytesWithFin },
	{ "the last bytes with the FIN are not refused for want of memory", lastBytesWithFinWithoutMemory },
	{ "bytes that lwIP keeps for want of memory are not lost when our FIN is acknowledged", lastBytesAreKeptByLwip },
	{ "a close sends what was written, then FIN", closeSendsWhatWasWritten },
	{ "a FIN stays behind bytes for which the peer's window is too small", endWithSmallWindow },
	{ "a close sends bytes for which the peer's window is too small", closeWithSmallWindow },
	{ "a peer that keeps its window shut holds a closed connection for a minute", closeToShutWindow },
	{ "bytes after a close are answered by RST", bytesAfterClose },
	{ "a close over unread bytes resets", closeOverUnreadBytes },
	{ "bytes that arrive with the last acknowledgement after a close are answered by RST, and freed", bytesWithLastAck },
	{ "a request behind the acknowledgement of a small write after a close is answered by RST, and freed", bytesWithLastAckOfSmallWrites },
	{ "a FIN with the last acknowledgement after a close is answered by FIN", finWithLastAck },
	{ "after a close, what the peer's FIN does not acknowledge is sent again", finWithAckOfHalf },
	{ "a closed connection whose FIN had to be sent again leaves no record", finAfterTimeOut },
	{ "a closed connection whose peer's FIN arrives before the next poll leaves no record", finBeforePoll },
	{ "a close over bytes that lwIP keeps for want of memory resets", closeOverRefusedByte },
	{ "a reset behind two FINs that cross is reported while bytes are unacknowledged", resetBehindCrossedFins },
	{ "two FINs that cross end without error once the bytes are acknowledged", acknowledgedBehindCrossedFins },
	{ "a reset on purpose sends RST and drops the rest", resetOnPurpose },
	{ "a control block that lwIP gives to a new connection is reported as lost", blockIsTakenAway },
	{ "a control block that lwIP gives to a client is lost for want of memory", blockIsTakenForClient },
	{ "a FIN without an acknowledgement ends with a time-out", finIsNotAcknowledged },
	{ NULL, NULL },
};
