#include <string.h>
#include "choices.h"
#include "datagram-script.h"
#include "invariants.h"
#include "pipe-script.h"
#include "stack.h"
#include "storm.h"

/*
 * Storms: random segments from the peers, random calls by the application, and memory that fails now and then. In every
 * storm: no freed block is touched (AddressSanitizer), reports agree with the state, records with the table of sockets.h, and
 * at the end no block is left. What happens is chosen by choices.h: at random, or by a fuzzer.
 */

enum { PEERS = 6, PORT = 80, SERVER_PORT = 8080, BYTES_MAX = 600 };

typedef struct {
	Owner owner;	/* the first field: `socketsNext` returns it */
	Connection* connection;
} Place;

static Place places[CONNECTIONS_MAX];
static Peer peers[PEERS];
static Owner listenerOwner;
static Listener* listener;
/* The peers */

/** Reads the board's segments, so that most of a peer's segments fit them. */
static void hearAll(void)
{
	int i;
	for (i = 0; i < PEERS; i++) {
		while (heard(&peers[i])) {
			Segment segment = hear(&peers[i]);
			if ((segment.flags & SYN) && !(segment.flags & ACK)) peers[i].seq = 9000;
		}
	}
	ignore();
}

static void sendSomething(void)
{
	static const uint8_t FLAGS[] = {
		ACK, ACK, PSH | ACK, PSH | ACK, PSH | ACK, FIN | ACK, FIN | PSH | ACK, RST, RST | ACK, SYN, SYN | ACK, 0, FIN, SYN | RST, SYN | FIN | ACK,
	};
	Peer* peer = &peers[below(PEERS)];
	uint8_t flags = FLAGS[below(sizeof(FLAGS))];
	uint32_t length = flags & PSH ? below(BYTES_MAX) : 0;
	Peer odd = *peer;
	uint8_t chosen[BYTES_MAX];
	static const char CHUNKS[] = "3\r\nEND\r\n0010;e=\"f\"\r\n0123456789abcdef\r\n0\r\nT: u\r\n\r\n";
	const void* bytes = pattern();
	if (length > 0 && onceIn(3)) {
		bytes = CHUNKS;
		length = 1 + below(sizeof(CHUNKS) - 1);
	}
	else if (length > 0 && onceIn(4)) {
		bytes = chosen;
		length = 1 + below(length < 64 ? length : 64);
		chooseBytes(chosen, length);
	}
	if (onceIn(4)) peer->window = (uint16_t)below(WINDOW);
	if (onceIn(6)) {
		/* Before or behind what is due, or an acknowledgement of something else: the peer forgets that it has said it. */
		odd.seq += below(40) - 20;
		odd.ack += below(40) - 20;
		send(&odd, flags, bytes, length);
		return;
	}
	if (onceIn(8)) {
		uint32_t at = below(SEGMENT_HEAD_BYTES);
		sendDamaged(&odd, flags, bytes, length, at, (uint8_t)below(256));
		return;
	}
	send(peer, flags, bytes, length);
}

static void comeAgain(void)
{
	Peer* peer = &peers[below(PEERS)];
	*peer = knock(PORT);
	if (onceIn(3) || !heard(peer)) return;
	hear(peer);
	send(peer, ACK, NULL, 0);
}

/* The application */

static Place* freePlace(void)
{
	int i;
	for (i = 0; i < CONNECTIONS_MAX; i++) {
		if (places[i].connection == NULL) return &places[i];
	}
	return NULL;
}

static Place* usedPlace(void)
{
	Place* place = &places[below(CONNECTIONS_MAX)];
	return place->connection ? place : NULL;
}

static void openSomething(void)
{
	ConnectOptions options = { .port = SERVER_PORT, .nodelay = onceIn(2), .keepaliveMs = onceIn(2) ? 5000 : 0 };
	SocketError error;
	Place* place = freePlace();
	if (place == NULL) return;
	CHECK(ipaddr_aton("10.0.0.1", &options.address));
	place->owner.events = 0;
	place->connection = connectionOpen(board, &options, &place->owner, &error);
	CHECK((place->connection == NULL) == (error != SOCKET_OK));
	/* One peer is the server. */
	peers[0] = (Peer){ .port = SERVER_PORT, .seq = 9000, .window = WINDOW };
}

static void acceptSomething(void)
{
	Place* place = freePlace();
	if (place == NULL || listener == NULL) return;
	place->owner.events = 0;
	place->connection = listenerAccept(listener, onceIn(4) ? NULL : &place->owner);
}

static void openListener(void)
{
	ListenOptions options = { .address = *IP_ANY_TYPE, .port = PORT, .backlog = 3 };
	SocketError error;
	if (listener) {
		listenerClose(listener);
		listener = NULL;
	}
	else listener = listenerOpen(board, &options, &listenerOwner, &error);
}

static void readSomething(Connection* connection)
{
	uint8_t bytes[BYTES_MAX] = { 0 };
	unsigned readable = connectionReadable(connection);
	unsigned wanted = below(BYTES_MAX);
	wanted = wanted < readable ? wanted : readable;
	CHECK(connectionRead(connection, bytes, wanted) == wanted);
	/* Some of them back, or more. */
	if (onceIn(3)) connectionUnread(connection, bytes, onceIn(4) ? BYTES_MAX : below(wanted + 1));
}

static void writeSomething(Connection* connection)
{
	unsigned room = connectionWritable(connection);
	unsigned wanted = below(2 * BYTES_MAX);
	int taken = connectionWrite(connection, pattern(), wanted);
	CHECK(taken <= (int)wanted && taken <= (int)room);
	CHECK(taken >= 0 || room == 0);
}

static void pipeSomething(Connection* from)
{
	Search* search = onceIn(3) ? searchForEnd(onceIn(2) ? searchForEnd(NULL) : NULL) : NULL;
	PipeOptions options = {
		.bytesMax = onceIn(2) ? PIPE_TO_THE_END : 1 + below(2000),
		.fromFraming = onceIn(4) ? &CHUNKED : NULL,
		.toFraming = onceIn(2) ? &CHUNKED : NULL,
		.search = search,
	};
	Place* other = usedPlace();
	if (onceIn(3)) pipeStop(from);
	else if (other) pipeStart(from, other->connection, &options);
	searchRelease(search);
}

static void doSomething(void)
{
	Place* place = usedPlace();
	Connection* connection;
	ip_addr_t address;
	uint16_t port;
	switch (below(8)) {
	case 0: openSomething(); return;
	case 1: case 2: acceptSomething(); return;
	case 3: if (onceIn(5)) openListener(); return;
	default: break;
	}
	if (place == NULL) return;
	connection = place->connection;
	switch (below(14)) {
	case 0: case 1: case 2: readSomething(connection); return;
	case 3: case 4: case 5: writeSomething(connection); return;
	case 6: connectionEnd(connection); return;
	case 7: connectionSetOwner(connection, onceIn(2) ? NULL : &place->owner); return;
	case 8: connectionLocal(connection, &address, &port); return;
	case 9: connectionSetKeepalive(connection, below(3) * 3000); return;
	case 10: case 11: pipeSomething(connection); return;
	case 12: connectionClose(connection); break;
	case 13: connectionReset(connection); break;
	}
	place->connection = NULL;
	place->owner.events = 0;
}

/** Checks that a report agrees with the state, or did until something else was reported as well. */
static void checkReports(void)
{
	int i;
	serve();
	checkDatagrams();
	for (i = 0; i < CONNECTIONS_MAX; i++) {
		Place* place = &places[i];
		if (place->connection == NULL) {
			CHECK(place->owner.events == 0);
			continue;
		}
		if (place->owner.events & EVENT_ERROR) CHECK(connectionError(place->connection) != SOCKET_OK);
		if (place->owner.events & EVENT_END) CHECK(connectionPeerEnded(place->connection) && connectionReadable(place->connection) == 0);
		place->owner.events = 0;
	}
}

/** In one process a storm may follow another. */
static void forgetStorm(void)
{
	memset(places, 0, sizeof(places));
	memset(peers, 0, sizeof(peers));
	listenerOwner.events = 0;
	listener = NULL;
}

void playStorm(int steps)
{
	int step, i;
	forgetStorm();
	startBoard(CONNECTIONS_MAX);
	openListener();
	for (i = 0; i < PEERS; i++) comeAgain();
	for (step = 0; step < steps && choicesLeft(); step++) {
		if (onceIn(30)) failAllocations((int)below(4), 1 + (int)below(3));
		if (onceIn(40)) failAllocations(0, 0);
		if (onceIn(50)) takeMessages(onceIn(2));
		switch (below(9)) {
		case 0: pass(below(3) ? below(300) : below(5000)); break;
		case 1: if (onceIn(3)) comeAgain(); break;
		case 2: case 3: case 4: sendSomething(); break;
		case 8: stepDatagrams(below); break;
		default: doSomething();
		}
		checkRecords(board);
		if (onceIn(2)) hearAll();
		if (onceIn(3)) checkReports();
	}
	if (listener) listenerClose(listener);
	closeDatagrams();
	ignore();
	stopBoard();
}
