#include <string.h>
#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "port.h"
#include "records.h"

/*
 * News and connections; sockets.h has the life of a connection, who runs what, and which lock is held.
 */

/**
 * Unread pieces of a connection. A peer may send single bytes, each of which costs a whole packet's memory: beyond
 * this number they are copied together, or refused until some were read.
 */
enum { RECEIVED_PBUFS_MAX = 16 };

/** How often lwIP calls `onPoll`, in ticks of its slow timer: 0.2 s on the chip, 1 s with lwIP's own settings. */
enum { POLL_TICKS = 2 };

/**
 * How long a connection that was closed may take to send the rest. As long as lwIP sends again in LAST_ACK (2 x MSL, see
 * sdkconfig.defaults); a peer that keeps its window shut would hold the record for ever.
 */
enum { LEAVING_MS_MAX = 60000 };

/** How long after a message that could not be posted it is posted again. */
enum { WAKE_RETRY_MS = 200 };

#if TCP_WND > 0xffff || TCP_SND_BUF > 0xffff
#error "a chain of pbufs counts its bytes with 16 bits"
#endif

SocketError socketErrorOf(err_t error)
{
	switch (error) {
	case ERR_OK: return SOCKET_OK;
	case ERR_MEM: return SOCKET_MEMORY;
	case ERR_RTE: return SOCKET_UNREACHABLE;
	case ERR_USE:
	case ERR_BUF: return SOCKET_IN_USE; /* ERR_BUF: no local port is free */
	case ERR_RST: return SOCKET_RESET;
	case ERR_ABRT: return SOCKET_TIMEOUT;
	default: return SOCKET_INVALID;
	}
}

/* News: lwIP's task reports, the application's task takes */

static void append(NewsQueue* queue, News* news)
{
	news->next = NULL;
	if (queue->last) queue->last->next = news;
	else queue->first = news;
	queue->last = news;
}

static void takeOut(NewsQueue* queue, News* news)
{
	News* before = NULL;
	News* each = queue->first;
	while (each != NULL && each != news) {
		before = each;
		each = each->next;
	}
	if (each == NULL) return;
	if (before) before->next = news->next;
	else queue->first = news->next;
	if (queue->last == news) queue->last = before;
}

static void wakeAgain(void* sockets);

static void wake(Sockets* sockets)
{
	if (sockets->woken || sockets->later.first == NULL) return;
	sockets->woken = sockets->wake(sockets->context);
	if (sockets->woken || sockets->wakeRetries) return;
	/* The news may be the last: that of a connection which lwIP has freed, and which is not polled. */
	sockets->wakeRetries = true;
	sys_timeout(WAKE_RETRY_MS, wakeAgain, sockets);
}

/** In lwIP's task, with the core lock held. */
static void wakeAgain(void* context)
{
	Sockets* sockets = context;
	sockets->wakeRetries = false;
	wake(sockets);
}

void newsReport(Sockets* sockets, News* news, unsigned events)
{
	news->events |= (uint8_t)events;
	if (news->owner == NULL || news->events == 0) return;
	if (!news->queued) {
		news->queued = true;
		append(&sockets->later, news);
	}
	wake(sockets);
}

void newsForget(Sockets* sockets, News* news)
{
	takeOut(&sockets->now, news);
	takeOut(&sockets->later, news);
	news->queued = false;
	news->events = 0;
}

/** Sends what was written in this round. */
static void sendWritten(Sockets* sockets)
{
	Connection* connection = sockets->written;
	sockets->written = NULL;
	/* Bytes that cannot be sent now are sent by lwIP's timers. */
	if (connection && connection->pcb) tcp_output(connection->pcb);
}

void* socketsNext(Sockets* sockets, unsigned* events)
{
	void* owner = NULL;
	News* news;
	portLock();
	sendWritten(sockets);
	if (!sockets->inRound) {
		sockets->inRound = true;
		sockets->now = sockets->later;
		sockets->later = (NewsQueue) { NULL, NULL };
	}
	while (owner == NULL && sockets->now.first) {
		news = sockets->now.first;
		takeOut(&sockets->now, news);
		news->queued = false;
		/* A pipe may have taken over what was queued. */
		if (news->events != 0) owner = news->owner;
		*events = news->events;
		news->events = 0;
	}
	if (owner == NULL) {
		/* Nothing can come between this look and `woken`: the lock is held. */
		sockets->inRound = false;
		sockets->woken = false;
		wake(sockets);
	}
	portUnlock();
	return owner;
}

Sockets* socketsStart(unsigned connectionsMax, SocketsWake* wakeUp, void* context)
{
	Sockets* sockets;
	portLock();
	sockets = mem_calloc(1, sizeof(Sockets));
	portUnlock();
	if (sockets == NULL) return NULL;
	sockets->connectionsMax = connectionsMax;
	sockets->wake = wakeUp;
	sockets->context = context;
	return sockets;
}

/* State of a connection */

unsigned recordReadable(const Connection* connection)
{
	return connection->received ? connection->received->tot_len : 0;
}

bool recordWriteClosed(const Connection* connection)
{
	return connection->pcb == NULL || connection->ended;
}

unsigned recordWritable(const Connection* connection)
{
	unsigned pbufs;
	if (recordWriteClosed(connection) || connection->state != OPEN) return 0;
	/* With small writes, or a peer with a small window, lwIP's limit of pbufs is reached before its limit of bytes. */
	pbufs = tcp_sndqueuelen(connection->pcb);
	if (connection->pcb->unsent) pbufs++; /* the first bytes fill its last segment, and take a pbuf more */
	if (pbufs >= TCP_SND_QUEUELEN) return 0;
	return leastOf(tcp_sndbuf(connection->pcb), (TCP_SND_QUEUELEN - pbufs) * recordSegmentBytes(connection));
}

unsigned recordUnacknowledged(const Connection* connection)
{
	return connection->pcb ? TCP_SND_BUF - leastOf(tcp_sndbuf(connection->pcb), TCP_SND_BUF) : 0;
}

/** Received bytes are read before anything ends. */
static void reportEnding(Connection* connection)
{
	if (connection->received) return;
	newsReport(connection->sockets, &connection->news, connection->due);
	connection->due = 0;
}

void recordReportState(Connection* connection)
{
	unsigned events = 0;
	if (connection->received && !pipeRuns(connection->pipeFrom)) events |= EVENT_READABLE;
	if (recordWritable(connection) > 0 && !pipeRuns(connection->pipeTo)) events |= EVENT_WRITABLE;
	if (connection->pipeFrom) events |= EVENT_PIPE;
	if (connection->peerEnded) connection->due |= EVENT_END;
	if (connection->error != SOCKET_OK) connection->due |= EVENT_ERROR;
	newsReport(connection->sockets, &connection->news, events);
	reportEnding(connection);
}

static void reportReadable(Connection* connection)
{
	if (pipeRuns(connection->pipeFrom)) pipeMove(connection->pipeFrom);
	else newsReport(connection->sockets, &connection->news, EVENT_READABLE);
}

static void reportWritable(Connection* connection)
{
	if (pipeRuns(connection->pipeTo)) pipeMove(connection->pipeTo);
	else if (!connection->ended) newsReport(connection->sockets, &connection->news, EVENT_WRITABLE);
}

/** The end of receiving, the end of sending, or both. */
static void reportEnd(Connection* connection, unsigned event)
{
	connection->due |= (uint8_t)event;
	pipeMove(connection->pipeTo);
	pipeMove(connection->pipeFrom);
	reportEnding(connection);
}

void recordConsume(Connection* connection, unsigned count)
{
	connection->received = pbuf_free_header(connection->received, (u16_t)count);
	/* Pieces without bytes, behind the last byte. */
	if (connection->received && connection->received->tot_len == 0) {
		pbuf_free(connection->received);
		connection->received = NULL;
	}
	if (connection->pcb) tcp_recved(connection->pcb, (u16_t)count);
	reportEnding(connection);
}

unsigned recordSegmentBytes(const Connection* connection)
{
	const struct tcp_pcb* pcb = connection->pcb;
	unsigned half = pcb->snd_wnd_max / 2;
	return half == 0 ? tcp_mss(pcb) : leastOf(tcp_mss(pcb), half);
}

bool recordWritePiece(Connection* connection, const void* bytes, unsigned count, bool more)
{
	u8_t flags = TCP_WRITE_FLAG_COPY | (more ? TCP_WRITE_FLAG_MORE : 0);
	if (tcp_write(connection->pcb, bytes, (u16_t)count, flags) == ERR_OK) return true;
	connection->wantsMemory = true;
	return false;
}

/** Removes an owned connection from all lists, and frees it. */
static void retire(Connection* connection)
{
	Connection** link = &connection->sockets->connections;
	while (*link != connection) link = &(*link)->next;
	*link = connection->next;
	pipesForget(connection);
	newsForget(connection->sockets, &connection->news);
	recordFree(connection);
}

/* lwIP's callbacks: in lwIP's task, with the core lock held */

/**
 * Both FINs are sent, and every byte is acknowledged. Whether our FIN is too is lwIP's concern: it frees the control
 * block without a callback (from CLOSING by way of TIME_WAIT), so the block is given back now. While bytes are
 * unacknowledged their acknowledgement calls `onSent`, and their loss `onError`.
 */
static void finishIfOver(Connection* connection)
{
	enum tcp_state state = connection->pcb->state;
	if (state != TIME_WAIT && (state != CLOSING || recordUnacknowledged(connection) > 0)) return;
	recordReleasePcb(connection);
	connection->state = FINISHED;
}

/**
 * Sends the board's FIN, if it is wanted, as soon as every byte before it has been sent. Earlier lwIP would put it on the last segment
 * that waits; where it then has to split that segment for a small window, the FIN stays on the first half, and the peer
 * never takes the rest (tcp_split_unsent_seg of lwIP 2.1.3 adds flags where it should set them).
 */
static void sendFin(Connection* connection)
{
	struct tcp_pcb* pcb = connection->pcb;
	bool wanted = connection->state == LEAVING || (connection->state == OPEN && connection->ended);
	if (!wanted || connection->finSent || pcb->unsent) return;
	connection->finSent = true;
	/* Without memory for the FIN lwIP tries again by itself. */
	tcp_shutdown(pcb, 0, 1);
}

/** A closed connection needs its record no longer: every byte has been sent, or lwIP has the FIN behind the last one. */
static bool mayLeave(const Connection* connection)
{
	return connection->state == LEAVING && (connection->finSent || connection->pcb->unsent == NULL);
}

/**
 * Gives the control block back to lwIP, which sends the FIN if that is missing, and frees the record. Not for `onSent`:
 * lwIP calls that before it delivers bytes of the same segment, for which tcp_close would send RST and lose them.
 */
static void leave(Connection* connection)
{
	struct tcp_pcb* pcb = recordReleasePcb(connection);
	retire(connection);
	tcp_close(pcb); /* never fails in the states of a connection that was open */
}

/** One whose peer sends on, or lets it wait too long, gets RST. For lwIP's callbacks, which return this. */
static err_t leaveByReset(Connection* connection)
{
	struct tcp_pcb* pcb = recordReleasePcb(connection);
	retire(connection);
	tcp_abort(pcb);
	return ERR_ABRT;
}

static err_t onConnected(void* arg, struct tcp_pcb* pcb, err_t error)
{
	Connection* connection = arg;
	LWIP_UNUSED_ARG(pcb);
	LWIP_UNUSED_ARG(error); /* always ERR_OK: failures come to `onError` */
	connection->state = OPEN;
	sendFin(connection);
	reportWritable(connection);
	return ERR_OK;
}

/** False: lwIP keeps the bytes, and offers them again. */
static bool keep(Connection* connection, struct pbuf* bytes)
{
	if (connection->received == NULL) {
		connection->received = bytes;
		return true;
	}
	if (pbuf_clen(connection->received) >= RECEIVED_PBUFS_MAX) {
		struct pbuf* whole = pbuf_coalesce(connection->received, PBUF_RAW);
		connection->received = whole;
		/* lwIP offers nothing again once it has left the states in which bytes arrive. */
		if (whole->next && connection->pcb->state <= CLOSE_WAIT) return false;
	}
	pbuf_cat(connection->received, bytes);
	return true;
}

/** `bytes` is NULL for the peer's FIN. */
static err_t onReceived(void* arg, struct tcp_pcb* pcb, struct pbuf* bytes, err_t error)
{
	Connection* connection = arg;
	LWIP_UNUSED_ARG(pcb);
	LWIP_UNUSED_ARG(error); /* always ERR_OK */
	if (connection->state == LEAVING) {
		if (bytes == NULL) {
			/* lwIP frees a control block in TIME_WAIT without a callback. */
			if (connection->finSent) leave(connection);
			return ERR_OK;
		}
		pbuf_free(bytes);
		return leaveByReset(connection);
	}
	if (bytes == NULL) {
		connection->peerEnded = true;
		finishIfOver(connection);
		reportEnd(connection, EVENT_END);
		return ERR_OK;
	}
	if (!keep(connection, bytes)) return ERR_MEM;
	reportReadable(connection);
	return ERR_OK;
}

static err_t onSent(void* arg, struct tcp_pcb* pcb, u16_t count)
{
	Connection* connection = arg;
	LWIP_UNUSED_ARG(pcb);
	LWIP_UNUSED_ARG(count);
	sendFin(connection);
	if (connection->state != OPEN) return ERR_OK;
	reportWritable(connection);
	if (connection->peerEnded) finishIfOver(connection);
	return ERR_OK;
}

/** Retries what no other event triggers: a write that found no memory, and a message that could not be posted. */
static err_t onPoll(void* arg, struct tcp_pcb* pcb)
{
	Connection* connection = arg;
	Sockets* sockets = connection->sockets;
	LWIP_UNUSED_ARG(pcb);
	wake(sockets);
	if (mayLeave(connection)) {
		leave(connection);
		return ERR_OK;
	}
	if (connection->state == LEAVING && sys_now() - connection->closedMs > LEAVING_MS_MAX) return leaveByReset(connection);
	sendFin(connection);
	if (connection->wantsMemory) {
		connection->wantsMemory = false;
		reportWritable(connection);
	}
	return ERR_OK;
}

/** The control block is gone, and the owner learns why. */
static void lose(Connection* connection, SocketError error)
{
	connection->error = error;
	connection->state = LOST;
	reportEnd(connection, EVENT_ERROR);
}

/** lwIP has freed the control block. */
static void onError(void* arg, err_t error)
{
	Connection* connection = arg;
	connection->pcb = NULL;
	if (connection->listener) {
		recordDropWaiting(connection);
		return;
	}
	if (connection->state == LEAVING) {
		retire(connection);
		return;
	}
	if (error == ERR_CLSD && connection->peerEnded) {
		/* Both FINs are acknowledged, the peer's came first. */
		connection->state = FINISHED;
		return;
	}
	/* With ERR_CLSD: the peer's FIN, and bytes before it, stood behind bytes that were refused for want of memory. */
	if (connection->sockets->allocating || error == ERR_CLSD) lose(connection, SOCKET_MEMORY);
	else if (connection->state == CONNECTING && error == ERR_RST) lose(connection, SOCKET_REFUSED);
	else lose(connection, socketErrorOf(error));
}

/* The life of a record */

Connection* recordNew(Sockets* sockets, struct tcp_pcb* pcb, ConnectionState state)
{
	Connection* connection;
	if (sockets->connectionCount >= sockets->connectionsMax) return NULL;
	connection = mem_calloc(1, sizeof(Connection));
	if (connection == NULL) return NULL;
	sockets->connectionCount++;
	connection->sockets = sockets;
	connection->state = state;
	connection->pcb = pcb;
	connection->remote = pcb->remote_ip;
	connection->remotePort = pcb->remote_port;
	tcp_arg(pcb, connection);
	tcp_recv(pcb, onReceived);
	tcp_sent(pcb, onSent);
	tcp_poll(pcb, onPoll, POLL_TICKS);
	tcp_err(pcb, onError);
	return connection;
}

struct tcp_pcb* recordReleasePcb(Connection* connection)
{
	struct tcp_pcb* pcb = connection->pcb;
	if (pcb == NULL) return NULL;
	connection->pcb = NULL;
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_poll(pcb, NULL, 0);
	tcp_err(pcb, NULL);
	return pcb;
}

void recordFree(Connection* connection)
{
	if (connection->sockets->written == connection) connection->sockets->written = NULL;
	if (connection->received) pbuf_free(connection->received);
	connection->sockets->connectionCount--;
	mem_free(connection);
}

static struct tcp_pcb* newPcb(Sockets* sockets, u8_t type)
{
	struct tcp_pcb* pcb;
	sockets->allocating = true;
	pcb = tcp_new_ip_type(type);
	sockets->allocating = false;
	return pcb;
}

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
	struct tcp_pcb* pcb = newPcb(sockets, IP_GET_TYPE(&options->address));
	*error = SOCKET_MEMORY;
	if (pcb == NULL) return NULL;
	connection = recordNew(sockets, pcb, CONNECTING);
	if (connection == NULL) {
		tcp_abort(pcb);
		return NULL;
	}
	connection->news.owner = owner;
	connection->remote = options->address;
	connection->remotePort = options->port;
	setNodelay(pcb, options->nodelay);
	setKeepalive(pcb, options->keepaliveMs);
	result = tcp_connect(pcb, &options->address, options->port, onConnected);
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

unsigned connectionReadable(Connection* connection)
{
	unsigned count;
	portLock();
	count = recordReadable(connection);
	portUnlock();
	return count;
}

unsigned connectionRead(Connection* connection, void* into, unsigned count)
{
	portLock();
	count = leastOf(count, recordReadable(connection));
	if (count > 0) {
		pbuf_copy_partial(connection->received, into, (u16_t)count, 0);
		recordConsume(connection, count);
	}
	portUnlock();
	return count;
}

unsigned connectionWritable(Connection* connection)
{
	unsigned count;
	portLock();
	count = recordWritable(connection);
	portUnlock();
	return count;
}

/** In a round with what else is written to the connection, otherwise now. */
static void sendLater(Connection* connection)
{
	Sockets* sockets = connection->sockets;
	if (sockets->written != connection) sendWritten(sockets);
	sockets->written = connection;
	if (!sockets->inRound) sendWritten(sockets);
}

/** In pieces of one segment, so that what has memory is taken although the whole has not. */
static unsigned writePieces(Connection* connection, const uint8_t* bytes, unsigned count)
{
	unsigned taken = 0;
	count = leastOf(count, recordWritable(connection));
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

void connectionEnd(Connection* connection)
{
	portLock();
	if (!connection->ended) {
		connection->ended = true;
		sendWritten(connection->sockets);
		if (connection->pcb) sendFin(connection);
		pipeMove(connection->pipeTo);
	}
	portUnlock();
}

/** Without an owner a record stays only while bytes wait to be sent. */
static void closeConnection(Connection* connection)
{
	struct tcp_pcb* pcb;
	sendWritten(connection->sockets);
	pcb = connection->pcb;
	pipesForget(connection);
	newsForget(connection->sockets, &connection->news);
	connection->news.owner = NULL;
	/* Bytes that lwIP keeps for want of memory are unread as well; offered to a closed connection, they would end in RST inside lwIP. */
	if (pcb && (connection->received || pcb->refused_data)) {
		leaveByReset(connection);
		return;
	}
	if (pcb && connection->state == OPEN) {
		connection->state = LEAVING;
		connection->closedMs = sys_now();
		if (mayLeave(connection)) leave(connection);
		return;
	}
	recordReleasePcb(connection);
	retire(connection);
	if (pcb) tcp_close(pcb); /* it was connecting: nothing is sent */
}

void connectionClose(Connection* connection)
{
	portLock();
	closeConnection(connection);
	portUnlock();
}

static void resetConnection(Connection* connection)
{
	struct tcp_pcb* pcb = recordReleasePcb(connection);
	if (pcb) tcp_abort(pcb);
	retire(connection);
}

void connectionReset(Connection* connection)
{
	portLock();
	resetConnection(connection);
	portUnlock();
}

void socketsStop(Sockets* sockets)
{
	while (sockets->listeners) listenerClose(sockets->listeners);
	while (sockets->udpSockets) udpClose(sockets->udpSockets);
	/* From this list lwIP's task takes connections that have sent the rest. */
	portLock();
	while (sockets->connections) resetConnection(sockets->connections);
	if (sockets->wakeRetries) sys_untimeout(wakeAgain, sockets);
	mem_free(sockets);
	portUnlock();
}

void connectionAbandon(Connection* connection)
{
	struct tcp_pcb* pcb;
	portLock();
	pcb = recordReleasePcb(connection);
	if (pcb) {
		tcp_abort(pcb);
		lose(connection, SOCKET_MEMORY);
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
