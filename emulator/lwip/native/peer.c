#include <stdlib.h>
#include <string.h>
#include "peer.h"
#include "stack.h"
#include "world.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

/** Bytes that grow. */
typedef struct {
	uint8_t* bytes;
	size_t length, room;
} Store;

typedef struct Connection {
	struct Connection* nextChanged;
	int number;
	struct tcp_pcb* pcb;	/* NULL: lwIP has freed it */
	uint16_t serverPort;	/* of the server that has accepted it; 0: it has connected */
	uint16_t ownPort;
	PeerEnding ending;
	bool connected, held, finishing, closing;
	bool changed;	/* it is in the list of those */
	struct pbuf* waiting;	/* while it is held */
	Store received, pieces, toSend;
	size_t written;	/* bytes of toSend that lwIP has taken */
	size_t acknowledged;
} Connection;

typedef struct Server {
	struct Server* next;
	struct tcp_pcb* pcb;
} Server;

static Connection** connections;
static int count;
static Server* servers;
static Connection* firstChanged;
static Connection** lastChanged = &firstChanged;

static void append(Store* store, const void* bytes, size_t length)
{
	if (!length) return;
	if (store->length + length > store->room) {
		store->room = 2 * (store->length + length);
		store->bytes = realloc(store->bytes, store->room);
		if (!store->bytes) abort();
	}
	memcpy(store->bytes + store->length, bytes, length);
	store->length += length;
}

static Connection* at(int connection)
{
	if (connection < 0 || connection >= count) abort();
	return connections[connection];
}

static void changed(Connection* connection)
{
	if (connection->changed) return;
	connection->changed = true;
	connection->nextChanged = NULL;
	*lastChanged = connection;
	lastChanged = &connection->nextChanged;
}

/** Every byte is acknowledged and needed no more. */
static void forgetSent(Connection* connection)
{
	connection->toSend.length = connection->written = connection->acknowledged = 0;
}

static void detach(Connection* connection)
{
	struct tcp_pcb* pcb = connection->pcb;
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_poll(pcb, NULL, 0);
	tcp_err(pcb, NULL);
	connection->pcb = NULL;
}

/**
 * Writes as much as there is room for, then the FIN: when the rest has been sent, as lwIP loses what it splits off a segment with
 * FIN for a small window (tcp_split_unsent_seg).
 */
static void pump(Connection* connection)
{
	struct tcp_pcb* pcb = connection->pcb;
	if (!pcb || !connection->connected) return;
	while (connection->written < connection->toSend.length) {
		size_t left = connection->toSend.length - connection->written;
		size_t room = tcp_sndbuf(pcb);
		size_t length = left < room ? left : room;
		if (!length || tcp_write(pcb, connection->toSend.bytes + connection->written, (u16_t)length, TCP_WRITE_FLAG_COPY) != ERR_OK) break;
		connection->written += length;
	}
	tcp_output(pcb);
	if (connection->written < connection->toSend.length || pcb->unsent) return;
	if (connection->finishing && tcp_shutdown(pcb, 0, 1) == ERR_OK) connection->finishing = false;
	if (!connection->closing) return;
	detach(connection);	/* then lwIP may free it */
	if (tcp_close(pcb) != ERR_OK) abort();
}

static void take(Connection* connection, struct pbuf* segments)
{
	struct pbuf* segment;
	for (segment = segments; segment; segment = segment->next) {
		uint32_t length = segment->len;
		append(&connection->received, segment->payload, length);
		append(&connection->pieces, &length, sizeof(length));
	}
	if (connection->pcb) tcp_recved(connection->pcb, segments->tot_len);
	pbuf_free(segments);
}

static err_t received(void* context, struct tcp_pcb* pcb, struct pbuf* segments, err_t error)
{
	Connection* connection = context;
	(void)error;
	if (segments && connection->closing) {
		pbuf_free(segments);
		detach(connection);
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	changed(connection);
	if (!segments) {
		connection->ending = PEER_FINISHED;
		/* Both have sent their FIN. lwIP will free the block without a word (TIME_WAIT). */
		if (pcb->state == TIME_WAIT || pcb->state == CLOSING) connection->pcb = NULL;
	}
	else if (!connection->held) take(connection, segments);
	else if (connection->waiting) pbuf_cat(connection->waiting, segments);
	else connection->waiting = segments;
	return ERR_OK;
}

static err_t acknowledged(void* context, struct tcp_pcb* pcb, u16_t length)
{
	Connection* connection = context;
	(void)pcb;
	connection->acknowledged += length;
	if (connection->acknowledged == connection->toSend.length) {
		forgetSent(connection);
		changed(connection);
	}
	pump(connection);
	return ERR_OK;
}

static err_t polled(void* context, struct tcp_pcb* pcb)
{
	(void)pcb;
	pump(context);	/* after a lack of memory */
	return ERR_OK;
}

static void gone(void* context, err_t error)
{
	Connection* connection = context;
	connection->pcb = NULL;	/* lwIP frees it */
	/* A close of both sides ends here too, where an RST follows. */
	if (error == ERR_CLSD) return;
	connection->ending = PEER_RESET;
	changed(connection);
}

static err_t connected(void* context, struct tcp_pcb* pcb, err_t error)
{
	Connection* connection = context;
	(void)pcb;
	(void)error;
	connection->connected = true;
	changed(connection);
	pump(connection);
	return ERR_OK;
}

static int adopt(struct tcp_pcb* pcb, uint16_t serverPort)
{
	Connection* connection = calloc(1, sizeof(Connection));
	Connection** grown = realloc(connections, (size_t)(count + 1) * sizeof(Connection*));
	if (!connection || !grown) abort();
	connections = grown;
	connections[count] = connection;
	connection->number = count;
	connection->pcb = pcb;
	connection->serverPort = serverPort;
	tcp_arg(pcb, connection);
	tcp_recv(pcb, received);
	tcp_sent(pcb, acknowledged);
	tcp_poll(pcb, polled, 1);
	tcp_err(pcb, gone);
	return count++;
}

static err_t accepted(void* context, struct tcp_pcb* pcb, err_t error)
{
	Connection* connection;
	if (error != ERR_OK || !pcb) return ERR_VAL;
	connection = at(adopt(pcb, (uint16_t)(uintptr_t)context));
	connection->connected = true;
	connection->ownPort = pcb->local_port;
	changed(connection);
	return ERR_OK;
}

uint16_t peerListen(uint16_t port)
{
	struct tcp_pcb* pcb = tcp_new();
	Server* server = calloc(1, sizeof(Server));
	if (!pcb || !server) abort();
	ip_set_option(pcb, SOF_REUSEADDR);	/* connections of an earlier server may have this port */
	if (tcp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK) abort();
	port = pcb->local_port;
	pcb = tcp_listen(pcb);
	if (!pcb) abort();
	server->pcb = pcb;
	server->next = servers;
	servers = server;
	tcp_arg(pcb, (void*)(uintptr_t)port);
	tcp_accept(pcb, accepted);
	return port;
}

void peerUnlisten(uint16_t port)
{
	Server** link = &servers;
	Server* server;
	while (*link && (*link)->pcb->local_port != port) link = &(*link)->next;
	server = *link;
	if (!server || tcp_close(server->pcb) != ERR_OK) abort();
	*link = server->next;
	free(server);
}

int peerAccepted(uint16_t port, int index)
{
	int i;
	for (i = 0; i < count; i++) {
		if (connections[i]->serverPort == port && index-- == 0) return i;
	}
	return -1;
}

void peerAddAddress(uint32_t address)
{
	addAddress(address);
}

int peerConnect(uint16_t port, uint32_t from)
{
	struct tcp_pcb* pcb = tcp_new();
	ip_addr_t board;
	int connection;
	if (!pcb || !ipaddr_aton(BOARD_ADDRESS, &board)) abort();
	if (from) {
		ip_addr_t own = IPADDR4_INIT(from);
		if (tcp_bind(pcb, &own, 0) != ERR_OK) abort();
	}
	connection = adopt(pcb, 0);
	if (tcp_connect(pcb, &board, port, connected) != ERR_OK) abort();
	at(connection)->ownPort = pcb->local_port;
	return connection;
}

void peerNodelay(int connection)
{
	if (at(connection)->pcb) tcp_nagle_disable(at(connection)->pcb);
}

void peerSend(int connection, const void* bytes, size_t length)
{
	append(&at(connection)->toSend, bytes, length);
	pump(at(connection));
}

void peerFinish(int connection)
{
	at(connection)->finishing = true;
	pump(at(connection));
}

static void forgetUnread(Connection* connection)
{
	if (connection->waiting) pbuf_free(connection->waiting);
	connection->waiting = NULL;
}

void peerReset(int connection)
{
	struct tcp_pcb* pcb = at(connection)->pcb;
	if (!pcb) return;
	forgetUnread(at(connection));
	detach(at(connection));
	tcp_abort(pcb);
}

void peerClose(int connection)
{
	Connection* closed = at(connection);
	if (!closed->connected || closed->waiting) peerReset(connection);
	closed->closing = true;
	pump(closed);
}

void peerHold(int connection, bool held)
{
	struct pbuf* waiting = at(connection)->waiting;
	at(connection)->held = held;
	if (held || !waiting) return;
	at(connection)->waiting = NULL;
	take(at(connection), waiting);
	changed(at(connection));
}

bool peerConnected(int connection) { return at(connection)->connected; }
uint16_t peerServer(int connection) { return at(connection)->serverPort; }
uint16_t peerPort(int connection) { return at(connection)->ownPort; }

PeerEnding peerEnding(int connection)
{
	Connection* read = at(connection);
	return read->ending == PEER_FINISHED && read->waiting ? PEER_OPEN : read->ending;
}

size_t peerUnsent(int connection) { return at(connection)->toSend.length - at(connection)->acknowledged; }

size_t peerReceived(int connection, const uint8_t** bytes)
{
	*bytes = at(connection)->received.bytes;
	return at(connection)->received.length;
}

int peerPieces(int connection, const uint32_t** lengths)
{
	*lengths = (const uint32_t*)(const void*)at(connection)->pieces.bytes;
	return (int)(at(connection)->pieces.length / sizeof(uint32_t));
}

int peerChanged(void)
{
	Connection* connection = firstChanged;
	if (!connection) return -1;
	firstChanged = connection->nextChanged;
	if (!firstChanged) lastChanged = &firstChanged;
	connection->changed = false;
	return connection->number;
}

void peerForget(int connection)
{
	at(connection)->received.length = at(connection)->pieces.length = 0;
}

/* Datagrams */

static void onDatagram(void* arg, struct udp_pcb* pcb, struct pbuf* packet, const ip_addr_t* address, u16_t port)
{
	struct pbuf* answer = pbuf_alloc(PBUF_TRANSPORT, packet->tot_len, PBUF_RAM);
	(void)arg;
	if (!answer || pbuf_copy(answer, packet) != ERR_OK) abort();
	udp_sendto(pcb, answer, address, port);
	pbuf_free(answer);
	pbuf_free(packet);
}

void peerEcho(uint16_t port)
{
	struct udp_pcb* pcb = udp_new();
	if (!pcb || udp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK) abort();
	ip_set_option(pcb, SOF_BROADCAST);
	udp_recv(pcb, onDatagram, NULL);
}

typedef struct Bound {
	struct Bound* next;
	struct udp_pcb* pcb;
} Bound;

static Bound* bounds;
static PeerDatagram* firstDatagram;
static PeerDatagram** lastDatagram = &firstDatagram;

static void keepDatagram(void* arg, struct udp_pcb* pcb, struct pbuf* packet, const ip_addr_t* address, u16_t port)
{
	PeerDatagram* datagram = malloc(sizeof(PeerDatagram) + packet->tot_len);
	(void)arg;
	if (!datagram) abort();
	datagram->next = NULL;
	datagram->port = pcb->local_port;
	datagram->fromPort = port;
	datagram->from = ip_2_ip4(address)->addr;
	datagram->length = packet->tot_len;
	pbuf_copy_partial(packet, datagram->bytes, packet->tot_len, 0);
	*lastDatagram = datagram;
	lastDatagram = &datagram->next;
	pbuf_free(packet);
}

static Bound** boundAt(uint16_t port)
{
	Bound** link = &bounds;
	while (*link && (*link)->pcb->local_port != port) link = &(*link)->next;
	return link;
}

void peerBind(uint16_t port)
{
	Bound* bound = malloc(sizeof(Bound));
	struct udp_pcb* pcb = udp_new();
	if (!bound || !pcb || udp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK) abort();
	udp_recv(pcb, keepDatagram, NULL);
	bound->pcb = pcb;
	bound->next = bounds;
	bounds = bound;
}

void peerUnbind(uint16_t port)
{
	Bound** link = boundAt(port);
	Bound* bound = *link;
	if (!bound) return;
	udp_remove(bound->pcb);
	*link = bound->next;
	free(bound);
}

PeerDatagram* peerReceivedDatagram(void)
{
	PeerDatagram* datagram = firstDatagram;
	if (!datagram) return NULL;
	firstDatagram = datagram->next;
	if (!firstDatagram) lastDatagram = &firstDatagram;
	return datagram;
}

void peerSendDatagram(uint16_t port, uint32_t to, uint16_t toPort, const void* bytes, size_t length)
{
	Bound* bound = *boundAt(port);
	ip_addr_t address = IPADDR4_INIT(to);
	struct pbuf* packet = pbuf_alloc(PBUF_TRANSPORT, (u16_t)length, PBUF_RAM);
	if (!bound || !packet || pbuf_take(packet, bytes, (u16_t)length) != ERR_OK) abort();
	udp_sendto(bound->pcb, packet, &address, toPort);
	pbuf_free(packet);
}
