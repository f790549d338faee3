#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "datagrams.h"
#include "lwip/tcpip.h"
#include "port.h"
#include "sockets.h"
#include "stack.h"

/*
 * Two tasks, as on the chip: lwIP's, and the application's, which is both ends of connections over lwIP's loopback interface.
 * Built with ThreadSanitizer. Clients send bytes and compare what comes back; half of the servers echo by hand, the others
 * through a second connection and two pipes; some connections are reset or closed early by a lot. A third of the clients
 * send datagrams instead, and compare the echoes. At the end the sockets are stopped while closed connections send the rest.
 *
 *   tasks <seed> <number of clients>
 */

enum { AT_ONCE = 6, CONNECTIONS_MAX = 64, BYTES_MAX = 6000, PORT = 7, PIPE_PORT = 8, QUIET_MS_MAX = 30000, STOPS = 20 };

enum { ECHO_PORT = 9, DATAGRAMS_MAX = 8, DATAGRAM_STEP_BYTES = 37, LOOKS_MAX = 20 };

typedef enum { LISTENER, CLIENT, SERVER, MIDDLE, ECHO, PINGER } Kind;

typedef struct End End;

struct End {
	Kind kind;
	Connection* connection;
	/** The socket of ECHO and PINGER, which have no connection. */
	UdpSocket* socket;
	/** Where a pinger sends: the echo, or itself. */
	uint16_t port;
	/** The other one of two connections with pipes between them. */
	End* other;
	/** The bytes of a client; the datagrams of a pinger. */
	unsigned length, sent, got;
	uint8_t first;
	bool peerEnded;
};

static Sockets* sockets;
static Listener* listeners[2];
static End listenerEnds[2] = { { .kind = LISTENER }, { .kind = LISTENER } };
static End echo = { .kind = ECHO };
static unsigned open, whole, reset;
static uint64_t lot;

uint32_t nowMs(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint32_t)(at.tv_sec * 1000 + at.tv_nsec / 1000000);
}

static uint32_t below(uint32_t limit)
{
	lot = lot * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(lot >> 33) % limit;
}

/** For ThreadSanitizer: its first report ends the program. Otherwise only an exit by `exit` would count the reports. */
extern const char* __tsan_default_options(void);
const char* __tsan_default_options(void)
{
	return "halt_on_error=1";
}

static void fail(const char* why)
{
	fprintf(stderr, "tasks: %s (whole %u, reset %u, open %u)\n", why, whole, reset, open);
	exit(1);
}

/* Messages from lwIP's task to the application's */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t posted = PTHREAD_COND_INITIALIZER;
static int messages;

static bool onWake(void* context)
{
	(void)context;
	pthread_mutex_lock(&lock);
	messages++;
	pthread_cond_signal(&posted);
	pthread_mutex_unlock(&lock);
	return true;
}

static void awaitMessage(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += QUIET_MS_MAX / 1000;
	pthread_mutex_lock(&lock);
	while (messages == 0) {
		if (pthread_cond_timedwait(&posted, &lock, &until)) fail("no message for half a minute");
	}
	if (messages > 1) fail("more than one message under way");
	messages = 0;
	pthread_mutex_unlock(&lock);
}

static void forgetMessages(void)
{
	pthread_mutex_lock(&lock);
	messages = 0;
	pthread_mutex_unlock(&lock);
}

/* The application */

static End* newEnd(Kind kind)
{
	End* end = calloc(1, sizeof(End));
	if (!end) abort();
	end->kind = kind;
	return end;
}

/** Both, where there are two. */
static void drop(End* end, bool byReset)
{
	if (end == NULL) return;
	if (end->other) end->other->other = NULL;
	drop(end->other, byReset);
	if (byReset) connectionReset(end->connection);
	else connectionClose(end->connection);
	if (end->kind == CLIENT) open--;
	free(end);
}

static Connection* connectTo(uint16_t port, End* owner)
{
	ConnectOptions options = { .port = port, .nodelay = true };
	SocketError error;
	Connection* connection;
	if (!ipaddr_aton("127.0.0.1", &options.address)) abort();
	connection = connectionOpen(sockets, &options, owner, &error);
	if (connection == NULL) fail("no connection");
	return connection;
}

static void openClient(void)
{
	End* client = newEnd(CLIENT);
	client->length = below(BYTES_MAX);
	client->first = (uint8_t)below(256);
	client->connection = connectTo(below(2) ? PORT : PIPE_PORT, client);
	open++;
}

static void runClient(End* client, unsigned events)
{
	uint8_t bytes[500];
	unsigned count, i;
	if (events & EVENT_ERROR) {
		reset++;
		drop(client, true);
		return;
	}
	if (below(100) == 0) {
		reset++;
		drop(client, below(2));
		return;
	}
	while ((count = connectionRead(client->connection, bytes, 1 + below(sizeof(bytes)))) > 0) {
		for (i = 0; i < count; i++) {
			if (bytes[i] != (uint8_t)(client->first + client->got++)) fail("other bytes");
		}
	}
	if (events & EVENT_END) {
		if (client->got != client->length) fail("an end before the last byte");
		whole++;
		drop(client, false);
		return;
	}
	while (client->sent < client->length) {
		int taken;
		count = 1 + below(sizeof(bytes));
		if (count > client->length - client->sent) count = client->length - client->sent;
		for (i = 0; i < count; i++) bytes[i] = (uint8_t)(client->first + client->sent + i);
		taken = connectionWrite(client->connection, bytes, count);
		if (taken <= 0) break;
		client->sent += (unsigned)taken;
	}
	if (client->sent == client->length) connectionEnd(client->connection);
}

static void runServer(End* server, unsigned events)
{
	uint8_t bytes[700];
	unsigned count;
	if ((events & EVENT_ERROR) || below(200) == 0) {
		drop(server, true);
		return;
	}
	if (events & EVENT_END) server->peerEnded = true;
	for (;;) {
		count = connectionReadable(server->connection);
		if (count > connectionWritable(server->connection)) count = connectionWritable(server->connection);
		if (count > sizeof(bytes)) count = sizeof(bytes);
		if (count == 0) break;
		count = connectionRead(server->connection, bytes, count);
		if (connectionWrite(server->connection, bytes, count) != (int)count) {
			drop(server, true);
			return;
		}
	}
	if (server->peerEnded && connectionReadable(server->connection) == 0) drop(server, false);
}

static void runMiddle(End* end, unsigned events)
{
	PipeStatus status;
	if (!(events & EVENT_PIPE)) {
		if (events & EVENT_ERROR) drop(end, true);
		return;
	}
	if (!pipeStatus(end->connection, &status)) fail("no pipe");
	if (status.outcome == PIPE_RUNS) return;
	if (status.outcome != PIPE_END) {
		drop(end, true);
		return;
	}
	end->peerEnded = true;
	connectionEnd(end->other->connection);
	if (end->other->peerEnded) drop(end, false);
}

static void acceptFrom(Listener* listener)
{
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END };
	Connection* connection;
	while ((connection = listenerAccept(listener, NULL))) {
		End* end = newEnd(listener == listeners[0] ? SERVER : MIDDLE);
		end->connection = connection;
		if (end->kind == MIDDLE) {
			end->other = newEnd(MIDDLE);
			end->other->other = end;
			end->other->connection = connectTo(PORT, end->other);
			if (pipeStart(connection, end->other->connection, &options) || pipeStart(end->other->connection, connection, &options))
				fail("no pipe");
		}
		connectionSetOwner(connection, end);
	}
}

/*
 * Datagrams: on this interface none is lost, so a pinger gets back what it has sent, in order. What it sends to itself
 * arrives, in lwIP's task, while it receives.
 */

static UdpSocket* openUdp(uint16_t port, End* owner)
{
	UdpOptions options = {
		.address = *IP_ANY_TYPE, .port = port,
		.queueMax = 2 * AT_ONCE * DATAGRAMS_MAX, .queueBytesMax = UINT16_MAX,
	};
	SocketError error;
	UdpSocket* socket = udpOpen(sockets, &options, owner, &error);
	if (socket == NULL) fail("no UDP socket");
	return socket;
}

static unsigned lengthOf(unsigned datagram)
{
	return datagram * DATAGRAM_STEP_BYTES;
}

static void closePinger(End* pinger)
{
	udpClose(pinger->socket);
	free(pinger);
	open--;
}

static void receivePings(End* pinger)
{
	uint8_t bytes[DATAGRAMS_MAX * DATAGRAM_STEP_BYTES];
	ip_addr_t address;
	uint16_t port;
	int length, i;
	while ((length = udpReceive(pinger->socket, bytes, sizeof(bytes), &address, &port)) >= 0) {
		if (port != pinger->port || length != (int)lengthOf(pinger->got)) fail("another datagram");
		for (i = 0; i < length; i++) {
			if (bytes[i] != (uint8_t)(pinger->first + pinger->got)) fail("other bytes in a datagram");
		}
		pinger->got++;
	}
}

static void openPinger(void)
{
	uint8_t bytes[DATAGRAMS_MAX * DATAGRAM_STEP_BYTES];
	End* pinger = newEnd(PINGER);
	ip_addr_t address;
	int looks;
	if (!ipaddr_aton("127.0.0.1", &address)) abort();
	pinger->socket = openUdp(0, pinger);
	pinger->port = below(2) ? ECHO_PORT : udpPort(pinger->socket);
	pinger->length = 1 + below(DATAGRAMS_MAX);
	pinger->first = (uint8_t)below(256);
	open++;
	for (; pinger->sent < pinger->length; pinger->sent++) {
		memset(bytes, pinger->first + (int)pinger->sent, sizeof(bytes));
		if (udpSend(pinger->socket, bytes, lengthOf(pinger->sent), &address, pinger->port)) fail("a datagram was not sent");
		/* Until it has arrived, mostly: lwIP's task works on the queue that is looked at. */
		for (looks = 0; looks < LOOKS_MAX && pinger->got <= pinger->sent && pinger->port != ECHO_PORT; looks++) {
			receivePings(pinger);
			sched_yield();
		}
	}
	/* With datagrams and their echoes under way. */
	if (below(10) > 0) return;
	reset++;
	closePinger(pinger);
}

static void runPinger(End* pinger)
{
	receivePings(pinger);
	if (pinger->got < pinger->length) return;
	whole++;
	closePinger(pinger);
}

static void runEcho(void)
{
	uint8_t bytes[DATAGRAMS_MAX * DATAGRAM_STEP_BYTES];
	ip_addr_t address;
	uint16_t port;
	int length;
	while ((length = udpReceive(echo.socket, bytes, sizeof(bytes), &address, &port)) >= 0) {
		if (udpSend(echo.socket, bytes, (unsigned)length, &address, port)) fail("an echo was not sent");
	}
	if (udpDropped(echo.socket) > 0) fail("a datagram was dropped");
}

static void serve(void)
{
	unsigned events;
	End* end;
	while ((end = socketsNext(sockets, &events))) {
		switch (end->kind) {
		case LISTENER: acceptFrom(listeners[end - listenerEnds]); break;
		case CLIENT: runClient(end, events); break;
		case SERVER: runServer(end, events); break;
		case MIDDLE: runMiddle(end, events); break;
		case ECHO: runEcho(); break;
		case PINGER: runPinger(end); break;
		}
	}
}

static void listenOn(int index, uint16_t port)
{
	ListenOptions options = { .address = *IP_ANY_TYPE, .port = port, .backlog = AT_ONCE };
	SocketError error;
	listeners[index] = listenerOpen(sockets, &options, &listenerEnds[index], &error);
	if (listeners[index] == NULL) fail("no listener");
}

/** Stops the sockets while lwIP's task sends the rest of closed connections, and frees their records. */
static void stopWhileSending(void)
{
	static const uint8_t bytes[BYTES_MAX];
	unsigned i, events, closed = 0;
	End* end;
	sockets = socketsStart(CONNECTIONS_MAX, onWake, NULL);
	if (sockets == NULL) fail("no memory");
	listenOn(0, PORT);
	for (i = 0; i < AT_ONCE; i++) {
		end = newEnd(CLIENT);
		end->connection = connectTo(PORT, end);
	}
	while (closed < AT_ONCE) {
		awaitMessage();
		while ((end = socketsNext(sockets, &events))) {
			if (end->kind != CLIENT) continue; /* what is not accepted waits, and is acknowledged */
			if (connectionWrite(end->connection, bytes, sizeof(bytes)) <= 0) fail("no room");
			connectionClose(end->connection);
			free(end);
			closed++;
		}
	}
	socketsStop(sockets);
	forgetMessages();
}

static void onStarted(void* context)
{
	sys_sem_signal(context);
}

int main(int argc, char* argv[])
{
	sys_sem_t started;
	unsigned count, opened = 0;
	if (argc != 3) {
		fprintf(stderr, "tasks <seed> <number of clients>\n");
		return 2;
	}
	lot = strtoull(argv[1], NULL, 10);
	count = (unsigned)atoi(argv[2]);
	sys_sem_new(&started, 0);
	tcpip_init(onStarted, &started);
	sys_arch_sem_wait(&started, 0);
	portLock();
	limitControlBlocks(INT32_MAX, INT32_MAX);
	portUnlock();
	sockets = socketsStart(CONNECTIONS_MAX, onWake, NULL);
	if (sockets == NULL) fail("no memory");
	listenOn(0, PORT);
	listenOn(1, PIPE_PORT);
	echo.socket = openUdp(ECHO_PORT, &echo);
	while (opened < count || open > 0) {
		while (opened < count && open < AT_ONCE) {
			if (below(3)) openClient();
			else openPinger();
			opened++;
		}
		awaitMessage();
		serve();
	}
	socketsStop(sockets);
	forgetMessages();
	for (count = 0; count < STOPS; count++) stopWhileSending();
	printf("{\"whole\":%u,\"reset\":%u}\n", whole, reset);
	fflush(stdout);
	_Exit(0); /* lwIP's task never ends */
}
