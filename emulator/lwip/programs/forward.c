#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>
#include "peer.h"
#include "sockets.h"
#include "stack.h"
#include "world.h"

/*
 * A forwarder with the firmware's sockets and without an engine: a client of the peer sends to a port of the board, and a pipe passes
 * it to a server of the peer. For callgrind, which writes a file for the bytes of each argument.
 *
 *   forward <KiB>…
 */

enum { PORT = 8, SERVER_PORT = 9, KIB = 1024, LIMIT_MS = 600000 };

static Sockets* sockets;
static Listener* listener;
static bool posted;

/** Owners; their addresses distinguish them. */
static char ofListener, ofClient, ofServer;

static bool onWake(void* context)
{
	(void)context;
	posted = true;
	return true;
}

static void forward(void)
{
	ConnectOptions to = { .port = SERVER_PORT };
	PipeOptions all = { .bytesMax = PIPE_TO_THE_END };
	SocketError error;
	Connection* client = listenerAccept(listener, &ofClient);
	Connection* server;
	if (!client || !ipaddr_aton(PEER_ADDRESS, &to.address)) abort();
	server = connectionOpen(sockets, &to, &ofServer, &error);
	if (!server || pipeStart(client, server, &all) != SOCKET_OK) abort();
}

static void runUntil(bool (*holds)(int connection, size_t bytes), int connection, size_t bytes)
{
	while (!holds(connection, bytes)) {
		if (nowMs() > LIMIT_MS) {
			fprintf(stderr, "forward: still waiting after %d ms\n", LIMIT_MS);
			exit(1);
		}
		stepWorld(nowMs() + worldWaitMs());
		while (posted) {
			unsigned events;
			void* owner;
			posted = false;
			while ((owner = socketsNext(sockets, &events)) != NULL) {
				if (owner == &ofListener) forward();
			}
		}
	}
}

static bool accepted(int connection, size_t bytes)
{
	(void)connection;
	(void)bytes;
	return peerAccepted(SERVER_PORT, 0) >= 0;
}

static bool received(int connection, size_t bytes)
{
	const uint8_t* all;
	return peerReceived(connection, &all) >= bytes;
}

/** Every byte was acknowledged: nothing is on the way. */
static bool atRest(int connection, size_t bytes)
{
	(void)bytes;
	return peerUnsent(connection) == 0 && packetsInFlight() == 0;
}

int main(int argc, char** argv)
{
	ListenOptions options = { .address = *IP_ANY_TYPE, .port = PORT, .backlog = 1 };
	SocketError error;
	size_t sent = 0;
	int client, server, i;
	startWorld(1, 0);
	sockets = socketsStart(8, onWake, NULL);
	if (!sockets) abort();
	listener = listenerOpen(sockets, &options, &ofListener, &error);
	if (!listener) abort();
	peerListen(SERVER_PORT);
	client = peerConnect(PORT, 0);
	runUntil(accepted, 0, 0);
	server = peerAccepted(SERVER_PORT, 0);
	CALLGRIND_START_INSTRUMENTATION;
	for (i = 1; i < argc; i++) {
		size_t length = (size_t)atoi(argv[i]) * KIB;
		uint8_t* bytes = malloc(length);
		if (!bytes) abort();
		memset(bytes, 'x', length);
		peerSend(client, bytes, length);
		free(bytes);
		sent += length;
		runUntil(received, server, sent);
		runUntil(atRest, client, 0);
		CALLGRIND_DUMP_STATS;
	}
	return 0;
}
