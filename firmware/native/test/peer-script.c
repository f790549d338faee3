#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "datagram-script.h"
#include "lwip/tcp.h"
#include "invariants.h"
#include "peer-script.h"
#include "stack.h"

#define BOARD "10.0.0.2"
enum { BOARD_IP = 0x0a000002, PEER_IP = 0x0a000001, SENT_MAX = 256, PEER_PORTS_FROM = 40000 };
/** Behind the ports and numbers of a segment: the length of its head and its flags. */
enum { DAMAGED_FROM = 20 + 12 };
enum { REMEMBERED_MS = 60000000 };	/* twelve retransmissions, each after the longest time-out that lwIP counts */

Sockets* board;

static uint32_t now = 1000;
static int posted;
static bool canPost = true;
static uint16_t nextPort = PEER_PORTS_FROM;

/** Packets that the board has sent and no peer has heard. */
static struct {
	uint8_t bytes[PACKET_BYTES_MAX];
	size_t length;
} sent[SENT_MAX];
static int sentCount;

void checkThat(bool holds, const char* claim, const char* file, int line)
{
	if (holds) return;
	fprintf(stderr, "%s:%d: not so: %s\n", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line, claim);
	fflush(stderr);
	exit(1);
}

uint32_t nowMs(void)
{
	return now;
}

static void onPacket(const uint8_t* packet, size_t length)
{
	Segment segment;
	if (!readSegment(&segment, packet, length)) {
		keepDatagram(packet, length);
		return;
	}
	CHECK(sentCount < SENT_MAX);
	memcpy(sent[sentCount].bytes, packet, length);
	sent[sentCount++].length = length;
}

static bool onWake(void* context)
{
	(void)context;
	if (canPost) posted++;
	return canPost;
}

void startBoard(unsigned connectionsMax)
{
	static bool started;
	if (!started) startStack(BOARD, 1, onPacket);
	started = true;
	posted = 0;
	canPost = true;
	nextPort = PEER_PORTS_FROM;
	board = socketsStart(connectionsMax, onWake, NULL);
	CHECK(board);
}

void pass(uint32_t ms)
{
	uint32_t until = now + ms;
	for (;;) {
		uint32_t wait = stackWaitMs();
		if (wait > until - now) break;
		now += wait;
		runStack();
	}
	now = until;
}

void forgetAll(void)
{
	uint32_t passed;
	for (passed = 0; controlBlocks() > 0 && passed < REMEMBERED_MS; passed += 1000) {
		pass(1000);
		ignore();
	}
	CHECK(controlBlocks() == 0);
}

void stopBoard(void)
{
	failAllocations(0, 0);
	socketsStop(board);
	pass(1000); /* no timer refers to them */
	forgetAll();
	CHECK(stackBlocks() == 0);
}

int messages(void)
{
	return posted;
}

void takeMessages(bool possible)
{
	canPost = possible;
}

void serve(void)
{
	Owner* owner;
	unsigned events;
	checkRecords(board);
	if (posted == 0) return;
	CHECK(posted == 1);
	posted = 0;
	while ((owner = socketsNext(board, &events))) {
		CHECK(events != 0);
		owner->events |= events;
	}
}

unsigned reported(Owner* owner)
{
	unsigned events;
	serve();
	events = owner->events;
	owner->events = 0;
	return events;
}

/** Returns its length; advances the peer's numbers. */
static size_t writeNext(uint8_t packet[PACKET_BYTES_MAX], Peer* peer, uint8_t flags, const void* bytes, size_t length)
{
	Segment segment = {
		.fromAddress = PEER_IP, .toAddress = BOARD_IP, .fromPort = peer->port, .toPort = peer->boardPort,
		.seq = peer->seq, .ack = flags & ACK ? peer->ack : 0, .flags = flags, .window = peer->window,
		.mss = flags & SYN ? 1436 : 0, .data = bytes, .length = length,
	};
	peer->seq += (uint32_t)length + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
	return writeSegment(packet, &segment);
}

void send(Peer* peer, uint8_t flags, const void* bytes, size_t length)
{
	uint8_t packet[PACKET_BYTES_MAX];
	receivePacket(packet, writeNext(packet, peer, flags, bytes, length));
}

void sendDamaged(Peer* peer, uint8_t flags, const void* bytes, size_t length, size_t at, uint8_t value)
{
	uint8_t packet[PACKET_BYTES_MAX];
	size_t whole = writeNext(packet, peer, flags, bytes, length);
	packet[DAMAGED_FROM + at % (whole - DAMAGED_FROM)] = value;
	sealSegment(packet, whole);
	receivePacket(packet, whole);
}

/** The place of the next segment for this peer; -1: there is none. */
static int indexFor(const Peer* peer)
{
	Segment segment;
	int i;
	for (i = 0; i < sentCount; i++) {
		if (readSegment(&segment, sent[i].bytes, sent[i].length) && segment.toPort == peer->port) return i;
	}
	return -1;
}

bool heard(const Peer* peer)
{
	return indexFor(peer) >= 0;
}

Segment hear(Peer* peer)
{
	static uint8_t bytes[PACKET_BYTES_MAX];
	Segment segment;
	int i = indexFor(peer);
	CHECK(i >= 0);
	memcpy(bytes, sent[i].bytes, sent[i].length);
	readSegment(&segment, bytes, sent[i].length);
	sentCount--;
	memmove(&sent[i], &sent[i + 1], (size_t)(sentCount - i) * sizeof(sent[0]));
	peer->boardPort = segment.fromPort;
	peer->ack = segment.seq + (uint32_t)segment.length + (segment.flags & SYN ? 1 : 0) + (segment.flags & FIN ? 1 : 0);
	return segment;
}

Segment hearFor(Peer* peer, uint8_t flag)
{
	Segment segment;
	do segment = hear(peer);
	while (!(segment.flags & flag));
	return segment;
}

void ignore(void)
{
	sentCount = 0;
}

static Peer knockWithWindow(uint16_t boardPort, uint16_t window)
{
	Peer peer = { .port = nextPort++, .boardPort = boardPort, .seq = 5000, .window = window };
	send(&peer, SYN, NULL, 0);
	return peer;
}

Peer knock(uint16_t boardPort)
{
	return knockWithWindow(boardPort, WINDOW);
}

static Peer connectWithWindow(uint16_t boardPort, uint16_t window)
{
	Peer peer = knockWithWindow(boardPort, window);
	CHECK(hear(&peer).flags == (SYN | ACK));
	send(&peer, ACK, NULL, 0);
	return peer;
}

Peer connectPeer(uint16_t boardPort)
{
	return connectWithWindow(boardPort, WINDOW);
}

Connection* openConnection(Peer* peer, Owner* owner)
{
	ConnectOptions options = { .port = 8080, .nodelay = true };
	SocketError error;
	Connection* connection;
	*peer = (Peer){ .port = options.port, .seq = 7000, .window = WINDOW };
	CHECK(ipaddr_aton("10.0.0.1", &options.address));
	connection = connectionOpen(board, &options, owner, &error);
	CHECK(connection && error == SOCKET_OK);
	CHECK(hear(peer).flags == SYN);
	return connection;
}

Connection* openEstablished(Peer* peer, Owner* owner)
{
	Connection* connection = openConnection(peer, owner);
	send(peer, SYN | ACK, NULL, 0);
	CHECK(hear(peer).flags == ACK);
	CHECK(reported(owner) == EVENT_WRITABLE);
	return connection;
}

Listener* listenOn(uint16_t port, uint8_t backlog, Owner* owner)
{
	ListenOptions options = { .address = *IP_ANY_TYPE, .port = port, .backlog = backlog };
	SocketError error;
	Listener* listener = listenerOpen(board, &options, owner, &error);
	CHECK(listener && error == SOCKET_OK);
	return listener;
}

Connection* acceptOne(Peer* peer, Owner* owner)
{
	return acceptWithWindow(peer, owner, WINDOW);
}

Connection* acceptWithWindow(Peer* peer, Owner* owner, uint16_t window)
{
	Owner listenerOwner = { 0 };
	Listener* listener = listenOn(80, 1, &listenerOwner);
	Connection* connection;
	*peer = connectWithWindow(80, window);
	CHECK(reported(&listenerOwner) == EVENT_ACCEPT);
	connection = listenerAccept(listener, owner);
	CHECK(connection);
	CHECK(reported(owner) == EVENT_WRITABLE);
	listenerClose(listener);
	return connection;
}

void readExpecting(Connection* connection, const void* bytes, unsigned count)
{
	uint8_t buffer[WINDOW + 1];
	CHECK(connectionReadable(connection) == count);
	CHECK(connectionRead(connection, buffer, sizeof(buffer)) == count);
	CHECK(memcmp(buffer, bytes, count) == 0);
	CHECK(connectionRead(connection, buffer, sizeof(buffer)) == 0);
}

const uint8_t* pattern(void)
{
	static uint8_t bytes[4 * WINDOW];
	size_t i;
	for (i = 0; i < sizeof(bytes); i++) bytes[i] = (uint8_t)(i * 7 + i / 256);
	return bytes;
}
