#include <string.h>
#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "port.h"
#include "records.h"

/*
 * The functions of the application for a connection: each takes the core lock. The life of a connection is in records.c.
 */

#if TCP_WND > 0xffff || TCP_SND_BUF > 0xffff
#error "a chain of pbufs counts its bytes with 16 bits"
#endif

/* Opening */

static void setNodelay(struct tcp_pcb* pcb, bool nodelay)
{
	if (nodelay) tcp_nagle_disable(pcb);
	else tcp_nagle_enable(pcb);
}

/** lwIP looks at keepalive with each tick of its slow timer, and adds the time of all probes with 32 bits. */
enum { KEEPALIVE_MS_MIN = 2 * TCP_SLOW_INTERVAL, KEEPALIVE_MS_MAX = INT32_MAX / (1 + KEEPALIVE_PROBES) };

static void setKeepalive(struct tcp_pcb* pcb, uint32_t keepaliveMs)
{
	if (keepaliveMs == 0) {
		ip_reset_option(pcb, SOF_KEEPALIVE);
		return;
	}
	keepaliveMs = leastOf(keepaliveMs, KEEPALIVE_MS_MAX);
	if (keepaliveMs < KEEPALIVE_MS_MIN) keepaliveMs = KEEPALIVE_MS_MIN;
	/* lwIP compares with the whole silence, that before the option included, and gives up before it probes. */
	if (!ip_get_option(pcb, SOF_KEEPALIVE) || pcb->keep_idle != keepaliveMs) {
		pcb->tmr = tcp_ticks;
		pcb->keep_cnt_sent = 0;
	}
	pcb->keep_idle = keepaliveMs;
#if LWIP_TCP_KEEPALIVE
	pcb->keep_intvl = keepaliveMs;
	pcb->keep_cnt = KEEPALIVE_PROBES;
#endif
	ip_set_option(pcb, SOF_KEEPALIVE);
}

static Connection* openConnection(Sockets* sockets, const ConnectOptions* options, void* owner, SocketError* error)
{
	Connection* connection;
	err_t result;
	struct tcp_pcb* pcb = recordNewPcb(sockets, IP_GET_TYPE(&options->address));
	*error = SOCKET_MEMORY;
	if (pcb == NULL) return NULL;
	connection = recordNew(sockets, pcb, CONNECTING);
	if (connection == NULL) {
		tcp_abort(pcb);
		return NULL;
	}
	connection->news.owner = owner;
	setNodelay(pcb, options->nodelay);
	setKeepalive(pcb, options->keepaliveMs);
	result = recordConnect(connection, &options->address, options->port);
	*error = socketErrorOf(result);
	if (result != ERR_OK) {
		tcp_abort(recordReleasePcb(connection)); /* it is not connected, so no RST goes out */
		recordFree(connection);
		return NULL;
	}
	connection->next = sockets->connections;
	sockets->connections = connection;
	return connection;
}

Connection* connectionOpen(Sockets* sockets, const ConnectOptions* options, void* owner, SocketError* error)
{
	Connection* connection;
	portLock();
	connection = openConnection(sockets, options, owner, error);
	portUnlock();
	return connection;
}

void connectionSetOwner(Connection* connection, void* owner)
{
	portLock();
	newsForget(connection->sockets, &connection->news);
	connection->news.owner = owner;
	if (owner) recordReportState(connection);
	portUnlock();
}

void connectionSetNodelay(Connection* connection, bool nodelay)
{
	portLock();
	if (connection->pcb) setNodelay(connection->pcb, nodelay);
	portUnlock();
}

void connectionSetKeepalive(Connection* connection, uint32_t keepaliveMs)
{
	portLock();
	if (connection->pcb) setKeepalive(connection->pcb, keepaliveMs);
	portUnlock();
}

/* Reading and writing */

/** Bytes that wait are the pipe's, while it runs. */
static unsigned readable(const Connection* connection)
{
	return pipeRuns(connection->pipeFrom) ? 0 : recordReadable(connection);
}

static unsigned writable(const Connection* connection)
{
	return pipeRuns(connection->pipeTo) ? 0 : recordWritable(connection);
}

unsigned connectionReadable(Connection* connection)
{
	unsigned count;
	portLock();
	count = readable(connection);
	portUnlock();
	return count;
}

unsigned connectionRead(Connection* connection, void* into, unsigned count)
{
	portLock();
	count = leastOf(count, readable(connection));
	if (count > 0) {
		pbuf_copy_partial(connection->received, into, (u16_t)count, 0);
		recordConsume(connection, count);
	}
	portUnlock();
	return count;
}

/** Ends that were reported and not taken yet stand behind bytes again. */
static void takeBackEnds(Connection* connection)
{
	unsigned ends = connection->news.events & (EVENT_END | EVENT_ERROR);
	connection->news.events &= (uint8_t)~ends;
	connection->endsReported &= (uint8_t)~ends;
}

/** Puts bytes back of which no part is in memory any more. */
static bool putBack(Connection* connection, const void* bytes, unsigned count)
{
	struct pbuf* piece;
	if (count == 0) return true;
	piece = pbuf_alloc(PBUF_RAW, (u16_t)count, PBUF_RAM);
	if (piece == NULL) return false;
	pbuf_take(piece, bytes, (u16_t)count);
	if (connection->received) pbuf_cat(piece, connection->received);
	connection->received = piece;
	connection->unread += (uint16_t)count;
	return true;
}

static SocketError unread(Connection* connection, const void* bytes, unsigned count)
{
	/* The last ones are still in the piece that was read in part. */
	unsigned still = leastOf(count, connection->readOfFirst);
	if (pipeRuns(connection->pipeFrom)) return SOCKET_IN_USE;
	if (connection->state == CONNECTING || count > (unsigned)(TCP_WND - connection->unread)) return SOCKET_INVALID;
	if (count == 0) return SOCKET_OK;
	if (recordReadable(connection) + count > UINT16_MAX) return SOCKET_INVALID;
	if (still > 0) {
		pbuf_add_header_force(connection->received, still);
		pbuf_take(connection->received, (const uint8_t*)bytes + count - still, (u16_t)still);
	}
	if (!putBack(connection, bytes, count - still)) {
		if (still > 0) pbuf_remove_header(connection->received, still);
		return SOCKET_MEMORY;
	}
	connection->readOfFirst -= (uint16_t)still;
	takeBackEnds(connection);
	return SOCKET_OK;
}

SocketError connectionUnread(Connection* connection, const void* bytes, unsigned count)
{
	SocketError error;
	portLock();
	error = unread(connection, bytes, count);
	portUnlock();
	return error;
}

unsigned connectionWritable(Connection* connection)
{
	unsigned count;
	portLock();
	count = writable(connection);
	portUnlock();
	return count;
}

/** In a round with what else is written to the connection, otherwise now. */
static void sendLater(Connection* connection)
{
	Sockets* sockets = connection->sockets;
	if (sockets->written != connection) socketsSendWritten(sockets);
	sockets->written = connection;
	if (!sockets->inRound) socketsSendWritten(sockets);
}

/** In pieces of one segment, so that what has memory is taken although the whole has not. */
static unsigned writePieces(Connection* connection, const uint8_t* bytes, unsigned count)
{
	unsigned taken = 0;
	count = leastOf(count, writable(connection));
	while (taken < count) {
		unsigned piece = leastOf(count - taken, recordSegmentBytes(connection));
		if (!recordWritePiece(connection, bytes + taken, piece, taken + piece < count)) break;
		taken += piece;
	}
	if (taken > 0) sendLater(connection);
	return taken;
}

int connectionWrite(Connection* connection, const void* bytes, unsigned count)
{
	int taken = -1;
	portLock();
	if (!recordWriteClosed(connection)) taken = (int)writePieces(connection, bytes, count);
	portUnlock();
	return taken;
}

unsigned connectionUnacknowledged(Connection* connection)
{
	unsigned count;
	portLock();
	count = recordUnacknowledged(connection);
	portUnlock();
	return count;
}

/* Ends */

static void endConnection(Connection* connection)
{
	if (connection->ended) return;
	connection->ended = true;
	socketsSendWritten(connection->sockets);
	if (connection->pcb) recordSendFin(connection);
	pipeMove(connection->pipeTo);
}

void connectionEnd(Connection* connection)
{
	portLock();
	endConnection(connection);
	portUnlock();
}

void connectionClose(Connection* connection)
{
	portLock();
	recordClose(connection);
	portUnlock();
}

void connectionReset(Connection* connection)
{
	portLock();
	recordReset(connection);
	portUnlock();
}

void connectionAbandon(Connection* connection)
{
	struct tcp_pcb* pcb;
	portLock();
	pcb = recordReleasePcb(connection);
	if (pcb) {
		tcp_abort(pcb);
		recordLose(connection, SOCKET_MEMORY);
	}
	portUnlock();
}

/* Questions */

SocketError connectionError(Connection* connection)
{
	SocketError error;
	portLock();
	error = connection->error;
	portUnlock();
	return error;
}

bool connectionPeerEnded(Connection* connection)
{
	bool ended;
	portLock();
	ended = connection->peerEnded;
	portUnlock();
	return ended;
}

void connectionRemote(Connection* connection, ip_addr_t* address, uint16_t* port)
{
	/* Never changes, so no lock. */
	*address = connection->remote;
	*port = connection->remotePort;
}

void connectionLocal(Connection* connection, ip_addr_t* address, uint16_t* port)
{
	memset(address, 0, sizeof *address);
	*port = 0;
	portLock();
	if (connection->pcb) {
		*address = connection->pcb->local_ip;
		*port = connection->pcb->local_port;
	}
	portUnlock();
}
