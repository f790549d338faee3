#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "children.h"
#include "peer.h"
#include "sockets.h"
#include "stack.h"
#include "world.h"

/*
 * Worlds: a board with our sockets, its clients and a server, and a wire between them with the weather that a seed draws. The
 * board's application echoes what it reads, or passes it to the server by two pipes and the answer back; in chunks between board and
 * server, or as it is.
 *
 *   worlds <first seed> <number of worlds> [trace]
 *
 * prints a line of JSON for each world: what became of the clients, and what is left. With `trace`, a line for each packet
 * to standard error.
 */

enum {
	CLIENTS = 12,
	BYTES_MAX = 12000,
	ECHO_PORT = 7, PIPE_PORT = 8, CHUNK_PORT = 10, SERVER_PORT = 9,
	ARRIVAL_MS = 3000,	/* clients come during this time */
	PATIENCE_MS = 300000,	/* after this time without a byte a client gives up */
	IDLE_MS = 150000,	/* and the board does, with a session on which nothing happens */
	KEEPALIVE_MS = 20000,
	LIMIT_MS = 3000000,
	TASK_DELAY_MS = 8,	/* the application's task has other things to do */
};

/* The board's application */

typedef struct Session Session;

/** Owns one connection. */
typedef struct {
	Session* session;
	Connection* connection;
	/** The peer's FIN was received, and every byte before it has been passed on. */
	bool over;
} Side;

struct Session {
	Session* next;
	Side client;
	/** `connection` is NULL where the board answers itself. */
	Side backend;
	uint32_t lastMs;
	/** Resets on purpose then. */
	bool cruel;
	/** With the server it speaks in chunks. */
	bool chunked;
};

static Sockets* sockets;
static Listener* echoes;
static Listener* pipes;
static Listener* chunkPipes;
/** The owners of the listeners; their addresses distinguish them from a Side. */
static Side echoOwner, pipeOwner, chunkOwner;
static Session* sessions;
static bool posted;
static unsigned reports, faults;

static bool onWake(void* context)
{
	(void)context;
	posted = true;
	return randomBelow(10) > 0;
}

static void endSession(Session* session, bool fault)
{
	Session** link = &sessions;
	while (*link != session) link = &(*link)->next;
	*link = session->next;
	if (fault) {
		faults++;
		connectionReset(session->client.connection);
		if (session->backend.connection) connectionReset(session->backend.connection);
	}
	else {
		connectionClose(session->client.connection);
		if (session->backend.connection) connectionClose(session->backend.connection);
	}
	free(session);
}

/** Sends the received bytes back, in pieces of any size; false: the session has ended. */
static bool echo(Session* session)
{
	Connection* client = session->client.connection;
	uint8_t bytes[2000];
	unsigned count;
	for (;;) {
		count = 1 + randomBelow(sizeof(bytes) - 1);
		if (count > connectionReadable(client)) count = connectionReadable(client);
		if (count > connectionWritable(client)) count = connectionWritable(client);
		if (count == 0) break;
		count = connectionRead(client, bytes, count);
		/* Bytes for which there is no memory would have to be kept; there is enough here. */
		if (connectionWrite(client, bytes, count) != (int)count) {
			endSession(session, true);
			return false;
		}
	}
	if (session->client.over && connectionReadable(client) == 0) {
		connectionEnd(client);
		endSession(session, false);
		return false;
	}
	return true;
}

static void startPipes(Session* session)
{
	const Framing* framing = session->chunked ? &CHUNKED : NULL;
	PipeOptions up = { .bytesMax = PIPE_TO_THE_END, .toFraming = framing };
	PipeOptions down = { .bytesMax = PIPE_TO_THE_END, .fromFraming = framing };
	if (pipeStart(session->client.connection, session->backend.connection, &up) != SOCKET_OK) abort();
	if (pipeStart(session->backend.connection, session->client.connection, &down) != SOCKET_OK) abort();
}

/** A pipe from this side has something to tell. */
static void onPipe(Side* side)
{
	Session* session = side->session;
	Side* other = side == &session->client ? &session->backend : &session->client;
	/* The last chunk is the end of what the server sends; a FIN before it is a fault. */
	PipeOutcome end = session->chunked && side == &session->backend ? PIPE_DONE : PIPE_END;
	PipeStatus status;
	if (!pipeStatus(side->connection, &status)) abort();
	if (status.outcome == PIPE_RUNS) return;
	if (status.outcome != end) {
		endSession(session, true);
		return;
	}
	side->over = true;
	connectionEnd(other->connection);
	if (other->over) endSession(session, false);
}

static void onSide(Side* side, unsigned events)
{
	Session* session = side->session;
	session->lastMs = nowMs();
	if (session->cruel && randomBelow(4) == 0) {
		endSession(session, true);
		return;
	}
	if (session->backend.connection == NULL) {
		if (events & EVENT_END) side->over = true;
		if ((events & EVENT_ERROR) && connectionError(side->connection) != SOCKET_OK) endSession(session, true);
		else echo(session);
		return;
	}
	if (events & EVENT_PIPE) onPipe(side);
	else if (events & EVENT_ERROR) endSession(session, true);
}

/** Admits one client; false: none waits. */
static bool admit(Listener* listener)
{
	ConnectOptions options = { .port = SERVER_PORT, .nodelay = true, .keepaliveMs = KEEPALIVE_MS };
	SocketError error;
	Session* session;
	Connection* connection = listenerAccept(listener, NULL);
	if (connection == NULL) return false;
	session = calloc(1, sizeof(Session));
	if (!session || !ipaddr_aton(PEER_ADDRESS, &options.address)) abort();
	session->lastMs = nowMs();
	session->cruel = randomBelow(20) == 0;
	session->client = (Side){ session, connection, false };
	session->backend.session = session;
	session->next = sessions;
	sessions = session;
	connectionSetKeepalive(connection, KEEPALIVE_MS);
	connectionSetNodelay(connection, randomBelow(2) == 0);
	session->chunked = listener == chunkPipes;
	if (listener != echoes) {
		session->backend.connection = connectionOpen(sockets, &options, &session->backend, &error);
		if (session->backend.connection == NULL) {
			endSession(session, true);
			return true;
		}
	}
	connectionSetOwner(connection, &session->client);
	if (listener != echoes) startPipes(session);
	return true;
}

static Listener* listenOn(uint16_t port, Side* owner)
{
	ListenOptions options = { .address = *IP_ANY_TYPE, .port = port, .backlog = 5 };
	SocketError error;
	Listener* listener = listenerOpen(sockets, &options, owner, &error);
	if (listener == NULL) {
		fprintf(stderr, "worlds: port %u cannot be listened on: %d\n", port, error);
		abort();
	}
	return listener;
}

/** The application's task: one round of news, and now and then something of its own. */
static void runTask(void)
{
	unsigned events;
	Side* side;
	Session* session;
	Session* next;
	posted = false;
	while ((side = socketsNext(sockets, &events))) {
		reports++;
		if (side == &echoOwner) while (admit(echoes)) continue;
		else if (side == &pipeOwner) while (admit(pipes)) continue;
		else if (side == &chunkOwner) while (admit(chunkPipes)) continue;
		else onSide(side, events);
	}
	for (session = sessions; session; session = next) {
		next = session->next;
		if (nowMs() - session->lastMs > IDLE_MS) endSession(session, true);
	}
	if (randomBelow(200) == 0) {
		listenerClose(echoes);
		echoes = listenOn(ECHO_PORT, &echoOwner);
	}
}

/* The peers */

typedef struct {
	int connection;	/* -1: not connected yet */
	uint32_t comesMs;
	uint32_t lastMs;
	uint16_t port;
	uint8_t bytes[BYTES_MAX];
	size_t length;
	size_t seen;
	bool finishesLast;	/* sends FIN only when the answer is complete */
	bool finished;
	uint32_t resetsMs;	/* 0: never */
	bool gaveUp;
} Client;

static Client clients[CLIENTS];

static void prepareClients(void)
{
	int i;
	size_t at;
	for (i = 0; i < CLIENTS; i++) {
		Client* client = &clients[i];
		client->connection = -1;
		client->comesMs = nowMs() + randomBelow(ARRIVAL_MS);
		client->port = (uint16_t[]){ ECHO_PORT, PIPE_PORT, CHUNK_PORT }[randomBelow(3)];
		client->length = randomBelow(8) ? 1 + randomBelow(BYTES_MAX) : 0;
		for (at = 0; at < client->length; at++) client->bytes[at] = (uint8_t)randomBelow(256);
		client->finishesLast = randomBelow(2);
		if (randomBelow(8) == 0) client->resetsMs = client->comesMs + randomBelow(400);
	}
}

static bool isOver(const Client* client)
{
	return client->gaveUp || (client->connection >= 0 && peerEnding(client->connection) != PEER_OPEN);
}

static void runClient(Client* client)
{
	const uint8_t* bytes;
	size_t length;
	if (client->connection < 0) {
		if ((int32_t)(nowMs() - client->comesMs) < 0) return;
		client->connection = peerConnect(client->port, 0);
		client->lastMs = nowMs();
		peerSend(client->connection, client->bytes, client->length);
		client->finished = !client->finishesLast || client->length == 0;
		if (client->finished) peerFinish(client->connection);
	}
	if (isOver(client)) {
		peerHold(client->connection, false);
		/* A client that reads an end before it has sent its own closes. */
		if (!client->finished) peerFinish(client->connection);
		client->finished = true;
		return;
	}
	length = peerReceived(client->connection, &bytes);
	if (length > client->seen) client->lastMs = nowMs();
	client->seen = length;
	if (length == client->length && !client->finished) {
		client->finished = true;
		peerFinish(client->connection);
	}
	if (randomBelow(50) == 0) peerHold(client->connection, randomBelow(3) == 0);
	else if (randomBelow(20) == 0) peerHold(client->connection, false);
	if (client->resetsMs && (int32_t)(nowMs() - client->resetsMs) >= 0) {
		peerReset(client->connection);
		client->gaveUp = true;
		client->resetsMs = 0;
	}
	else if (nowMs() - client->lastMs > PATIENCE_MS) {
		peerReset(client->connection);
		client->gaveUp = true;
		client->seen = SIZE_MAX;	/* out of patience */
	}
}

/** The server sends back what it gets. */
static void runServer(void)
{
	static size_t sentBack[CLIENTS];
	static bool finished[CLIENTS];
	int i, connection;
	for (i = 0; i < CLIENTS && (connection = peerAccepted(SERVER_PORT, i)) >= 0; i++) {
		const uint8_t* bytes;
		size_t length = peerReceived(connection, &bytes);
		if (peerEnding(connection) == PEER_RESET || finished[i]) continue;
		if (length > sentBack[i]) peerSend(connection, bytes + sentBack[i], length - sentBack[i]);
		sentBack[i] = length;
		if (peerEnding(connection) == PEER_FINISHED) {
			peerFinish(connection);
			finished[i] = true;
		}
	}
}

/* One world */

/** Some wires have a middlebox that resets connections. */
static bool wireResets;

static void drawWeather(void)
{
	wireResets = randomBelow(3) == 0;
	setWeather(&(Weather){
		.delayMinMs = 1 + randomBelow(10), .delayMaxMs = 11 + randomBelow(100),
		.lossPermille = randomBelow(2) ? randomBelow(40) : 0,
		.duplicatePermille = randomBelow(10),
		.reorderPermille = randomBelow(2) ? randomBelow(60) : 0, .reorderMs = 100,
		.resetPermille = wireResets ? 1 + randomBelow(10) : 0,
	});
}

static bool allOver(void)
{
	int i;
	for (i = 0; i < CLIENTS; i++) {
		if (!isOver(&clients[i])) return false;
	}
	return sessions == NULL;
}

/** One thing after the other, until `done` or until time is up. */
static void play(uint32_t startMs, bool (*done)(void))
{
	int i;
	while (!done() && nowMs() - startMs < LIMIT_MS) {
		uint32_t untilMs = nowMs() + 1 + randomBelow(posted ? TASK_DELAY_MS : 200);
		while (nowMs() != untilMs && stepWorld(untilMs)) continue;
		runTask();
		runServer();
		for (i = 0; i < CLIENTS; i++) runClient(&clients[i]);
	}
}

static bool nothingLeft(void)
{
	return controlBlocks() == 3;	/* the listeners */
}

static void playWorld(uint64_t seed)
{
	const uint8_t* bytes;
	int i, whole = 0, reset = 0, gaveUp = 0, cut = 0, wrong = 0, waiting = 0, open = 0;
	uint32_t startMs;
	Session* session;
	startWorld(seed, 1000);
	startMs = nowMs();
	sockets = socketsStart(64, onWake, NULL);
	if (sockets == NULL) abort();
	echoes = listenOn(ECHO_PORT, &echoOwner);
	pipes = listenOn(PIPE_PORT, &pipeOwner);
	chunkPipes = listenOn(CHUNK_PORT, &chunkOwner);
	peerListen(SERVER_PORT);
	prepareClients();
	drawWeather();
	play(startMs, allOver);
	for (i = 0; i < CLIENTS; i++) {
		Client* client = &clients[i];
		size_t length = client->connection < 0 ? 0 : peerReceived(client->connection, &bytes);
		if (length > client->length || (length > 0 && memcmp(bytes, client->bytes, length))) wrong++;
		if (client->gaveUp) {
			if (client->seen == SIZE_MAX) gaveUp++;
			else reset++;
		}
		else if (client->connection < 0 || peerEnding(client->connection) == PEER_OPEN) waiting++;
		else if (peerEnding(client->connection) == PEER_RESET) reset++;
		else if (length < client->length) cut++;
		else whole++;
	}
	for (session = sessions; session; session = session->next) open++;
	printf("{\"seed\":%" PRIu64 ",\"wireResets\":%s,\"resetsLost\":%u,\"ms\":%u,\"packets\":%u,\"whole\":%d,\"reset\":%d,\"gaveUp\":%d,\"cut\":%d,\"wrong\":%d,\"waiting\":%d,\"open\":%d,\"reports\":%u,\"faults\":%u,",
		seed, wireResets ? "true" : "false", resetsLost(), nowMs() - startMs, packetsSent(), whole, reset, gaveUp, cut, wrong, waiting, open, reports, faults);
	play(nowMs(), nothingLeft);
	socketsStop(sockets);
	printf("\"hash\":\"%016" PRIx64 "\",\"blocksLeft\":%d,\"controlBlocksLeft\":%d}\n", worldHash(), stackBlocks(), controlBlocks());
}

int main(int argc, char* argv[])
{
	if (argc < 3 || argc > 4) {
		fprintf(stderr, "worlds <first seed> <number of worlds> [trace]\n");
		return 2;
	}
	traceWorld(argc == 4);
	return playSeeds(playWorld, argv[1], argv[2]);
}
