#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "records.h"

/*
 * The life of a connection, as sockets.h draws it: what its record says, how it begins, changes its state, and ends; and what
 * lwIP calls. All of it runs with the core lock held: the callbacks in lwIP's task, the rest in either.
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

/* State */

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

/* Reports */

/** Reports the peer's FIN, and an error: each once, and behind the last received byte. */
static void reportEnds(Connection* connection)
{
	unsigned events = 0;
	if (connection->received) return;
	if (connection->peerEnded) events |= EVENT_END;
	if (connection->error != SOCKET_OK) events |= EVENT_ERROR;
	events &= ~(unsigned)connection->endsReported;
	connection->endsReported |= (uint8_t)events;
	newsReport(connection->sockets, &connection->news, events);
}

void recordReportState(Connection* connection)
{
	unsigned events = 0;
	if (connection->received && !pipeRuns(connection->pipeFrom)) events |= EVENT_READABLE;
	if (recordWritable(connection) > 0 && !pipeRuns(connection->pipeTo)) events |= EVENT_WRITABLE;
	if (connection->pipeFrom) events |= EVENT_PIPE;
	newsReport(connection->sockets, &connection->news, events);
	connection->endsReported = 0;
	reportEnds(connection);
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

/** The peer's FIN or an error has come: pipes come to their outcome first. */
static void endPipes(Connection* connection)
{
	pipeMove(connection->pipeTo);
	pipeMove(connection->pipeFrom);
	reportEnds(connection);
}

/* Bytes */

static void openWindow(Connection* connection, unsigned count)
{
	if (connection->pcb && count > 0) tcp_recved(connection->pcb, (u16_t)count);
}

/**
 * Opens the window by the pieces that the next `count` bytes leave free: a piece is freed as a whole, so its bytes take their memory
 * until the last one is read, and what is received takes no more than TCP_WND. Not again by bytes that were put back.
 *
 * For a piece that is read in part the window opens by one byte, which is too little to be announced: with a window of 0 lwIP answers
 * every empty segment (tcp_receive), so that two of its kind would answer each other until one of them reads.
 */
static void openWindowBehind(Connection* connection, unsigned count)
{
	const struct pbuf* piece = connection->received;
	unsigned again = leastOf(count, connection->unread);
	unsigned fresh = count - again;
	unsigned before = connection->readOfFirst;
	unsigned ofPiece = count;
	unsigned after;
	while (piece && ofPiece >= piece->len) {
		ofPiece -= piece->len;
		piece = piece->next;
	}
	connection->unread -= (uint16_t)again;
	if (fresh == 0) return;
	after = piece == connection->received ? before + fresh : leastOf(ofPiece, fresh);
	openWindow(connection, before + fresh - after + (after > 0) - connection->openAhead);
	connection->readOfFirst = (uint16_t)after;
	connection->openAhead = after > 0;
}

void recordConsume(Connection* connection, unsigned count)
{
	openWindowBehind(connection, count);
	connection->received = pbuf_free_header(connection->received, (u16_t)count);
	/* Pieces without bytes, behind the last byte. */
	if (connection->received && connection->received->tot_len == 0) {
		pbuf_free(connection->received);
		connection->received = NULL;
	}
	reportEnds(connection);
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

/** Memory that is worth a copy of a segment's bytes. */
enum { TRIM_BYTES_MIN = 32 };

/**
 * lwIP allocates a whole segment for whatever is written (LWIP_NETIF_TX_SINGLE_PBUF), and keeps it until the peer has acknowledged the
 * bytes. Before the last one leaves, a copy of its size takes its place: a full send buffer holds TCP_SND_BUF, and no multiple of it where
 * pieces are small. The next write begins a segment of its own; with Nagle's algorithm it would be added to this one, which stays as it is.
 */
static void trimLastSegment(struct tcp_pcb* pcb)
{
	struct tcp_seg* last = pcb->unsent;
	struct pbuf* trimmed;
	if (last == NULL || pcb->unsent_oversize < TRIM_BYTES_MIN || !tcp_nagle_disabled(pcb)) return;
	while (last->next) last = last->next;
	trimmed = pbuf_clone(PBUF_IP, PBUF_RAM, last->p); /* the head of TCP is among its bytes */
	if (trimmed == NULL) return;
	pbuf_free(last->p);
	last->p = trimmed;
	last->tcphdr = trimmed->payload;
	pcb->unsent_oversize = 0;
}

void recordOutput(Connection* connection)
{
	trimLastSegment(connection->pcb);
	tcp_output(connection->pcb);
}

/* Ends: the record or the control block goes */

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
void recordSendFin(Connection* connection)
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

/** The control block is gone, and EVENT_ERROR says why. */
void recordLose(Connection* connection, SocketError error)
{
	connection->error = error;
	connection->state = LOST;
	endPipes(connection);
}

/** Without an owner a record stays only while bytes wait to be sent. */
void recordClose(Connection* connection)
{
	struct tcp_pcb* pcb;
	socketsSendWritten(connection->sockets);
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

void recordReset(Connection* connection)
{
	struct tcp_pcb* pcb = recordReleasePcb(connection);
	if (pcb) tcp_abort(pcb);
	retire(connection);
}

/* lwIP's callbacks, in lwIP's task */

static err_t onConnected(void* arg, struct tcp_pcb* pcb, err_t error)
{
	Connection* connection = arg;
	LWIP_UNUSED_ARG(pcb);
	LWIP_UNUSED_ARG(error); /* always ERR_OK: failures come to `onError` */
	connection->state = OPEN;
	recordSendFin(connection);
	reportWritable(connection);
	return ERR_OK;
}

/** lwIP offers refused bytes again; in these states the next acknowledgement, or nothing but time, ends the control block before. */
static bool mayRefuse(enum tcp_state state)
{
	return state != CLOSING && state != LAST_ACK && state != TIME_WAIT;
}

/** False: lwIP keeps the bytes, and offers them again. */
static bool keep(Connection* connection, struct pbuf* bytes)
{
	if (connection->received == NULL) {
		connection->received = bytes;
		return true;
	}
	if (pbuf_clen(connection->received) >= RECEIVED_PBUFS_MAX) {
		bool copied;
		connection->received = pbuf_coalesce(connection->received, PBUF_RAW);
		copied = connection->received->next == NULL; /* else there was no memory */
		if (copied && connection->readOfFirst > 0) {
			openWindow(connection, connection->readOfFirst - connection->openAhead);
			connection->readOfFirst = 0;
			connection->openAhead = false;
		}
		if (!copied && mayRefuse(connection->pcb->state)) return false;
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
		endPipes(connection);
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
	recordSendFin(connection);
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
	socketsWakeUp(sockets);
	if (mayLeave(connection)) {
		leave(connection);
		return ERR_OK;
	}
	if (connection->state == LEAVING && sys_now() - connection->closedMs > LEAVING_MS_MAX) return leaveByReset(connection);
	recordSendFin(connection);
	if (connection->wantsMemory) {
		connection->wantsMemory = false;
		reportWritable(connection);
	}
	return ERR_OK;
}

/**
 * lwIP gives up old connections for a new one when it has no control block left: for one of ours, or for a client whose SYN
 * it processes. Nothing else aborts a connection while a segment is processed.
 */
static bool isTakenForAnother(const Sockets* sockets)
{
	return sockets->allocating || (ip_current_input_netif() != NULL && ip_current_header_proto() == IP_PROTO_TCP);
}

static SocketError reasonOf(const Connection* connection, err_t error)
{
	if (error == ERR_ABRT && isTakenForAnother(connection->sockets)) return SOCKET_MEMORY;
	if (error == ERR_RST && connection->state == CONNECTING) return SOCKET_REFUSED;
	return socketErrorOf(error);
}

/** lwIP has freed the control block. */
static void onError(void* arg, err_t error)
{
	Connection* connection = arg;
	connection->pcb = NULL;
	if (connection->state == WAITING) recordDropWaiting(connection);
	else if (connection->state == LEAVING) retire(connection);
	else if (error == ERR_CLSD) connection->state = FINISHED; /* both FINs are acknowledged, the peer's came first */
	else recordLose(connection, reasonOf(connection, error));
}

/* Beginnings */

struct tcp_pcb* recordNewPcb(Sockets* sockets, u8_t type)
{
	struct tcp_pcb* pcb;
	sockets->allocating = true;
	pcb = tcp_new_ip_type(type);
	sockets->allocating = false;
	return pcb;
}

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

err_t recordConnect(Connection* connection, const ip_addr_t* address, u16_t port)
{
	connection->remote = *address;
	connection->remotePort = port;
	return tcp_connect(connection->pcb, address, port, onConnected);
}
