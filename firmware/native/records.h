#ifndef HOT_POTATO_RECORDS_H
#define HOT_POTATO_RECORDS_H

#include "lwip/mem.h"
#include "lwip/tcp.h"
#include "datagrams.h"
#include "sockets.h"

/*
 * The structures that the C files of the sockets share. All of it is read and written with lwIP's core lock held.
 */

typedef struct News News;
typedef struct Pipe Pipe;

/** The first field of everything that has an owner. */
struct News {
	News* next;
	/** NULL: events are kept for the next owner. */
	void* owner;
	uint8_t events;
	bool queued;
};

typedef struct {
	News* first;
	News* last;
} NewsQueue;

struct Sockets {
	SocketsWake* wake;
	void* context;
	/** News of this round of `socketsNext`, and of the next one: news during a round goes to the next one, so each round ends. */
	NewsQueue now;
	NewsQueue later;
	bool inRound;
	/** A message is under way, or its round runs. */
	bool woken;
	/** A message could not be posted: a timer of lwIP posts it again. */
	bool wakeRetries;
	/** lwIP is looking for a control block for us, and may take one from an old connection. */
	bool allocating;
	/** All records: those that wait in a listener's queue as well. */
	unsigned connectionCount;
	unsigned connectionsMax;
	Connection* connections;
	Listener* listeners;
	unsigned udpSocketCount;
	UdpSocket* udpSockets;
	/** Written to in this round, and not sent yet: the next write to it goes out with these bytes. NULL: none. */
	Connection* written;
};

/** sockets.h has the table of what each state allows. */
typedef enum { CONNECTING, WAITING, OPEN, FINISHED, LOST, LEAVING } ConnectionState;

struct Connection {
	News news;
	Sockets* sockets;
	/** In the list of its listener while it waits there, in that of all connections afterwards. */
	Connection* next;
	/** While WAITING: in its queue. Else NULL. */
	Listener* listener;
	/** NULL: lwIP has freed it, or we have given it back. */
	struct tcp_pcb* pcb;
	/** Received and not read. */
	struct pbuf* received;
	/** The pipe that reads here, and the one that writes here. */
	Pipe* pipeFrom;
	Pipe* pipeTo;
	ip_addr_t remote;
	uint16_t remotePort;
	/** The first so many bytes of `received` were put back: the window has been opened for them already. */
	uint16_t unread;
	/** Bytes of the first piece of `received` that were read. The window opens for them when the piece is freed. */
	uint16_t readOfFirst;
	/** When it was closed, while it sends the rest. */
	uint32_t closedMs;
	uint8_t state;
	uint8_t error;
	/** EVENT_END and EVENT_ERROR, as far as they were reported to the owner. */
	uint8_t endsReported;
	bool peerEnded : 1;
	/** `connectionEnd` was called. */
	bool ended : 1;
	/** lwIP has our FIN. */
	bool finSent : 1;
	/** The window is open by one byte for what was read of the first piece, or was read there and put back. */
	bool openAhead : 1;
	/** lwIP had no memory for bytes to send: `onPoll` has them written again. */
	bool wantsMemory : 1;
};

struct Listener {
	News news;
	Sockets* sockets;
	Listener* next;
	struct tcp_pcb* pcb;
	/** Connections to be accepted, the oldest one first. */
	Connection* queue;
	uint8_t waiting;
	uint8_t backlog;
	uint32_t dropped;
};

/** Adds events, and queues them for the owner. */
extern void newsReport(Sockets* sockets, News* news, unsigned events);
/** Drops what was not reported yet. */
extern void newsForget(Sockets* sockets, News* news);
/** Posts the message to the application's task, where news waits and none is under way. */
extern void socketsWakeUp(Sockets* sockets);
/** Sends what was written in this round. */
extern void socketsSendWritten(Sockets* sockets);
extern SocketError socketErrorOf(err_t error);

/** The smaller of the two. */
static inline unsigned leastOf(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static inline unsigned mostOf(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/** A control block for one of our sockets; NULL: no memory. */
extern struct tcp_pcb* recordNewPcb(Sockets* sockets, u8_t type);
/** A record for a control block; NULL: too many, or no memory. */
extern Connection* recordNew(Sockets* sockets, struct tcp_pcb* pcb, ConnectionState state);
extern err_t recordConnect(Connection* connection, const ip_addr_t* address, u16_t port);
/** The board's FIN: now, or when every byte before it has been sent. */
extern void recordSendFin(Connection* connection);
/** The control block is gone: EVENT_ERROR says why. */
extern void recordLose(Connection* connection, SocketError error);
/** connectionClose and connectionReset, with the lock held. */
extern void recordClose(Connection* connection);
extern void recordReset(Connection* connection);
/** Takes all callbacks out of the control block and forgets it; NULL if there is none. */
extern struct tcp_pcb* recordReleasePcb(Connection* connection);
/** With all that it received. Nothing refers to it any more. */
extern void recordFree(Connection* connection);
/** For the owner: the present state. */
extern void recordReportState(Connection* connection);

extern unsigned recordReadable(const Connection* connection);
extern unsigned recordWritable(const Connection* connection);
/** No more bytes can be written, now or later. */
extern bool recordWriteClosed(const Connection* connection);
extern unsigned recordUnacknowledged(const Connection* connection);
/** Drops the first bytes that wait, and opens the window for the pieces that are freed. */
extern void recordConsume(Connection* connection, unsigned count);
/** The most bytes that lwIP puts into one segment: a peer with a small window gets half of that at once. */
extern unsigned recordSegmentBytes(const Connection* connection);
/** At most one segment; all or nothing. To be followed by `recordOutput`. */
extern bool recordWritePiece(Connection* connection, const void* bytes, unsigned count, bool more);
/** Sends what was written, as far as the peer's window and Nagle's algorithm let it. */
extern void recordOutput(Connection* connection);

/** The client has gone before it was accepted. */
extern void recordDropWaiting(Connection* connection);

/** Moves what can be moved. */
extern void pipeMove(Pipe* pipe);
extern bool pipeRuns(const Pipe* pipe);
/** The connection goes: so does the pipe from it, and the one to it ends. */
extern void pipesForget(Connection* connection);

#endif
