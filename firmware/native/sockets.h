#ifndef HOT_POTATO_SOCKETS_H
#define HOT_POTATO_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include "framing.h"
#include "search.h"
#include "lwip/ip_addr.h"

/*
 * TCP sockets over lwIP's raw API, for one application task. UDP sockets are in datagrams.h.
 *
 * The life of a connection
 *
 *     connectionOpen                        a client connects to a listener
 *           |                                          |
 *       CONNECTING  the SYN is sent                 WAITING  in the listener's queue; no owner yet, what is
 *           |                                          |     received is kept: bytes, FIN
 *           | SYN and ACK: event WRITABLE              | listenerAccept
 *           +------------------> OPEN <----------------+
 *                               /    \
 *       connectionEnd: our FIN is     the peer's FIN has been received: event END,
 *       sent behind the last byte     once every byte before it has been read
 *                               \    /
 *                              FINISHED  both FINs are sent, every byte is acknowledged: an end, not an error
 *
 *       from every state: LOST           reset, time-out, no memory, refused: event ERROR, once every
 *                                        byte received before it has been read
 *       from every state: gone           connectionReset: the record is freed
 *       from every state: LEAVING        connectionClose: no owner any more; the rest is sent, then FIN, and the
 *                                        record is freed, at once where nothing waits to be sent
 *
 * | state      | lwIP's control block          | our FIN          | peer's FIN | read | write | who frees the record                     |
 * | ---------- | ----------------------------- | ---------------- | ---------- | ---- | ----- | ---------------------------------------- |
 * | CONNECTING | SYN_SENT                      | may be wanted    | no         | no   | no    | the owner                                |
 * | WAITING    | ESTABLISHED, CLOSE_WAIT       | no               | may be     | no   | no    | the listener; lwIP's task, if it is lost |
 * | OPEN       | the same, FIN_WAIT_1 and _2,  | may be wanted,   | may be     | yes  | until | the owner                                |
 * |            | LAST_ACK; CLOSING while bytes | then sent        |            |      | end   |                                          |
 * |            | are unacknowledged            |                  |            |      |       |                                          |
 * | FINISHED   | none: the rest of CLOSING and | sent             | yes        | yes  | no    | the owner                                |
 * |            | TIME_WAIT are lwIP's own      |                  |            |      |       |                                          |
 * | LOST       | none: lwIP has freed it       | any              | any        | yes  | no    | the owner                                |
 * | LEAVING    | as OPEN, without CLOSING      | wanted, or sent  | may be     | no   | no    | lwIP's task: sent, reset, or 60 s over   |
 *
 * "Wanted" is the field `ended` of the record (LEAVING: always), "sent" is `finSent`: lwIP has it. The peer's is `peerEnded`.
 * test/invariants.c has this table as code, which the storms and the fuzzers check after each step.
 *
 * The one rule on which the rest depends: a record whose `pcb` is not NULL is registered with that control block for
 * every callback, `tcp_err` above all; the side that frees the record or the block first clears the reference in the other.
 * So `pcb == NULL` says that lwIP has freed the block or that we have given it back, and no pointer to a freed block is kept
 * anywhere.
 *
 * Tasks and the lock
 *
 * - lwIP's callbacks run in lwIP's task, with lwIP's core lock held. They change records, queue them for news, and move
 *   the bytes of pipes. They never call the application, and close or abort no connection but one that is LEAVING.
 * - Every function below runs in the application's task, and takes the core lock (port.h) for as long as it runs. What is
 *   in a record is read and written under that lock only; but the peer's address, which never changes, is read without it.
 * - `wake` is called with the lock held, in either task, when the first news arrives. It posts one message to the
 *   application's task, which then calls `socketsNext` until that returns NULL. There is at most one such message
 *   under way, whatever the number of events. `wake` must neither block nor call into this file.
 *
 * Bounds: records by `connectionsMax`, a listener's queue by its `backlog`, unread bytes by lwIP's window (TCP_WND) and
 * by RECEIVED_PBUFS_MAX pieces, unacknowledged ones by TCP_SND_BUF and by TCP_SND_QUEUELEN segments. What is received keeps its memory, and
 * the window that it has taken, until the whole segment is read; what is sent has memory for its bytes, not for whole segments.
 */

typedef struct Sockets Sockets;
typedef struct Connection Connection;
typedef struct Listener Listener;

typedef enum {
	SOCKET_OK,
	/** The peer has answered the SYN with RST: no program listens there. */
	SOCKET_REFUSED,
	/** The peer has reset the connection. */
	SOCKET_RESET,
	/** lwIP has given the connection up: no answer (SYN, data, FIN, keepalive probe), or our address has changed. */
	SOCKET_TIMEOUT,
	/**
	 * Out of memory or of control blocks; also of a connection whose control block lwIP has given to another one. It takes those that
	 * have sent their FIN, the oldest one first, and sends no RST.
	 */
	SOCKET_MEMORY,
	/** There is no route to the address. */
	SOCKET_UNREACHABLE,
	/** The port is in use; for `connectionOpen`: no local port is free. */
	SOCKET_IN_USE,
	/** An argument that lwIP does not take. */
	SOCKET_INVALID,
} SocketError;

/** The events that `socketsNext` reports; bits. Each is reported once for each cause, and several causes may be merged into one. */
enum {
	/**
	 * More bytes were received: `connectionReadable` of them wait. Not repeated while they wait. Of a UDP socket: datagrams
	 * wait.
	 */
	EVENT_READABLE = 1,
	/** The connection is established, or the peer has acknowledged bytes: `connectionWritable` bytes can be written. */
	EVENT_WRITABLE = 2,
	/**
	 * The peer's FIN, behind the last byte. Writing goes on. It does not say that the peer has taken what was written:
	 * `connectionUnacknowledged` does. Where our FIN is sent and bytes are unacknowledged, a reset or a time-out behind this event is
	 * reported by EVENT_ERROR; the acknowledgement of the last byte is not reported.
	 */
	EVENT_END = 4,
	/** `connectionError` says what; behind the last byte that was received. */
	EVENT_ERROR = 8,
	/** A pipe from this connection has ended, has passed its first byte, or found that the stream is no text: `pipeStatus`. */
	EVENT_PIPE = 16,
	/** For a listener: connections wait to be accepted. */
	EVENT_ACCEPT = 32,
};

/** Posts one message to the application's task; false when that is not possible now: it is called again later. */
typedef bool SocketsWake(void* context);

/** All sockets of one board. NULL: no memory. */
extern Sockets* socketsStart(unsigned connectionsMax, SocketsWake* wake, void* context);
/** Resets every connection, those that send the rest as well, closes every listener and UDP socket; nothing is reported. */
extern void socketsStop(Sockets* sockets);

/**
 * The owner of the next connection, listener or UDP socket that has news, and the news. NULL when there is none.
 *
 * Call it until it returns NULL, from the message that `wake` posted; between two calls everything is allowed, closing any
 * socket included. What happens meanwhile is reported by the same round or by another message, never lost.
 */
extern void* socketsNext(Sockets* sockets, unsigned* events);

/* Connections */

typedef struct {
	ip_addr_t address;
	uint16_t port;
	bool nodelay;
	/**
	 * Idle time before the first keepalive probe, and the interval between probes; 0 disables them. Between two ticks of lwIP's slow
	 * timer and 6 days. lwIP sends no probe once our FIN is sent: a half-closed connection needs a deadline of its owner.
	 */
	uint32_t keepaliveMs;
} ConnectOptions;

/** Number of unanswered probes after which the connection is lost. */
enum { KEEPALIVE_PROBES = 3 };

/** Connects. NULL: `error` says why. EVENT_WRITABLE follows, or EVENT_ERROR. `owner` is not NULL. */
extern Connection* connectionOpen(Sockets* sockets, const ConnectOptions* options, void* owner, SocketError* error);

/**
 * Reports to another owner, beginning with the present state: what is readable, writable, piped, ended. NULL: the
 * connection has no owner for a while; what happens is kept for the next one.
 */
extern void connectionSetOwner(Connection* connection, void* owner);
extern void connectionSetNodelay(Connection* connection, bool nodelay);
/** 0 turns the probes off. Idle time counts from this call. */
extern void connectionSetKeepalive(Connection* connection, uint32_t keepaliveMs);

/** The bytes that wait. They stay readable after an end, a reset and a time-out. */
extern unsigned connectionReadable(Connection* connection);
/**
 * Copies at most `count` bytes, and returns their number. The window opens for a segment when its last byte is read: leave none unread
 * to wait for more.
 */
extern unsigned connectionRead(Connection* connection, void* into, unsigned count);

/**
 * Puts bytes back that were read last: they are read next, by the owner or by a pipe, and stand before an end that was not reported yet. Nothing is
 * reported. At most TCP_WND such bytes can wait: SOCKET_INVALID beyond, and while connecting. SOCKET_IN_USE: a pipe reads here.
 * After SOCKET_MEMORY nothing has changed.
 */
extern SocketError connectionUnread(Connection* connection, const void* bytes, unsigned count);

/** The bytes that `connectionWrite` takes now; 0 while connecting, after `connectionEnd`, when lost. */
extern unsigned connectionWritable(Connection* connection);
/**
 * Copies as many bytes as fit and sends them; returns their number. Where that is less than `count`, EVENT_WRITABLE
 * says when more may fit. -1: nothing can be written any more (ended, finished, or lost).
 *
 * Within a round of `socketsNext` bytes are sent with the next call of that function, or when another connection is written to: what is
 * written one after the other goes out together.
 */
extern int connectionWrite(Connection* connection, const void* bytes, unsigned count);
/** Bytes that were written and that the peer has not acknowledged. */
extern unsigned connectionUnacknowledged(Connection* connection);

/**
 * Sends the board's FIN, as soon as everything that was written has been sent; while connecting, as soon as the connection is established.
 * Reading goes on.
 */
extern void connectionEnd(Connection* connection);
/**
 * Gives the connection up. What was written is still sent, within 60 s, and then our FIN; but RST, at once, over
 * bytes that were received and not read, or when more of them arrive: the peer must not believe that they were taken.
 * While connecting nothing is sent.
 */
extern void connectionClose(Connection* connection);
/** Sends RST, drops everything, and frees the record. */
extern void connectionReset(Connection* connection);
/**
 * Sends RST, and reports the connection as lost with SOCKET_MEMORY: for an owner whose message was taken in part, which
 * must not go on. Without effect on a connection that is lost or finished.
 */
extern void connectionAbandon(Connection* connection);

/**
 * Why the connection is lost; SOCKET_OK while it is not. Known here at once; EVENT_ERROR comes when every byte has been
 * read. An owner that waits for room before it reads on asks here when its deadline is over, or writes, which returns -1.
 */
extern SocketError connectionError(Connection* connection);
/** The peer's FIN was received; bytes before it may still wait. */
extern bool connectionPeerEnded(Connection* connection);
/** The peer's address and port, also after the connection is lost. */
extern void connectionRemote(Connection* connection, ip_addr_t* address, uint16_t* port);
/** The board's own address and port; zeros if they are no longer known. */
extern void connectionLocal(Connection* connection, ip_addr_t* address, uint16_t* port);

/* Listeners */

typedef struct {
	/** Where to listen; IP_ANY_TYPE for all addresses. */
	ip_addr_t address;
	/** 0: lwIP chooses one. */
	uint16_t port;
	/** Connections that may wait to be accepted, 1 to 255. Beyond, a client's SYN is not answered, and it sends it again. */
	uint8_t backlog;
} ListenOptions;

/** Listens. NULL: `error` says why. The port of a listener that was closed can be listened on again at once. */
extern Listener* listenerOpen(Sockets* sockets, const ListenOptions* options, void* owner, SocketError* error);
extern uint16_t listenerPort(Listener* listener);
/** Connections that wait. It may fall without `listenerAccept`: a client that resets before is forgotten. */
extern unsigned listenerWaiting(Listener* listener);
/** The one that has waited longest; NULL when none waits. `owner` as in `connectionSetOwner`. */
extern Connection* listenerAccept(Listener* listener, void* owner);
/**
 * Clients that were reset because there was no record for them. One whose SYN finds no control block is not counted: it gets no
 * answer, and sends the SYN again.
 */
extern uint32_t listenerDropped(Listener* listener);
/** Stops to listen, resets those that wait, and frees the record. Accepted connections live on. */
extern void listenerClose(Listener* listener);

/*
 * Pipes: content from one connection to another, moved in lwIP's task without the application. Without framing the content is all
 * bytes; a framing takes it out of what `from` receives, and frames it for `to`.
 */

#define PIPE_TO_THE_END UINT64_MAX

typedef struct {
	/**
	 * Bytes of content to pass; PIPE_TO_THE_END: until the end of `from`. With a framing of `from`, which says itself where the
	 * content ends: the bytes that it may have, at most.
	 */
	uint64_t bytesMax;
	/** How the content is framed; NULL: not at all. */
	const Framing* fromFraming;
	/**
	 * The same for `to`. What frames the end of the content is sent behind its last byte, where no keyword has stopped the
	 * pipe: at PIPE_DONE, and at PIPE_END where content was to be passed until the end.
	 */
	const Framing* toFraming;
	/** Where the decoding of an earlier pipe goes on, of its status; NULL: at the beginning. Not kept. */
	const Decoding* decoding;
	/** NULL: the bytes are not searched. The pipe has a reference as long as it runs. */
	Search* search;
	/** Where the search begins: `start` of `search`, or `searchPlace` of an earlier PipeStatus. */
	int32_t searchPlace;
} PipeOptions;

typedef enum {
	PIPE_RUNS,
	/** `bytesMax` bytes have been passed, or all up to the end that the framing of `from` has. */
	PIPE_DONE,
	/** The peer of `from` has sent FIN, and every byte before it has been passed. */
	PIPE_END,
	/** `from` is lost, and every byte that it had received has been passed. */
	PIPE_FROM_ERROR,
	/** `to` cannot be written to any more; what was not passed is still readable at `from`. */
	PIPE_TO_ERROR,
	/** A keyword was found; its last byte is the last one passed. */
	PIPE_FOUND,
	/** The framing of what `from` sends is not as it must be. The content before the fault has been passed. */
	PIPE_BAD_FRAMING,
	/** `from` announces more content than `bytesMax`; what it had announced before has been passed. */
	PIPE_TOO_LARGE,
	/** By `pipeStop`; not reported. */
	PIPE_STOPPED,
} PipeOutcome;

typedef struct {
	PipeOutcome outcome;
	/** Bytes of content passed so far. */
	uint64_t passed;
	/**
	 * The side that the next step depends on: bytes from `from`, or room at `to`. A deadline blames that side. It is `to` also where
	 * `from` is lost, and bytes that came before wait for room: the loss is reported behind them only, and `to` is what holds them up.
	 */
	enum { PIPE_WAITS_FOR_FROM, PIPE_WAITS_FOR_TO } waitsFor;
	/** Received and not passed, or passed and not acknowledged. */
	unsigned heldBytes;
	/** Index of the keyword, for PIPE_FOUND. */
	uint16_t keyword;
	/** A control byte came, and nothing is searched any more. */
	bool binary;
	/** For another pipe with the same search that goes on in the stream; -1: nothing is searched (any more). */
	int32_t searchPlace;
	/** For another pipe that goes on within the content; of no meaning without a framing of `from`. */
	Decoding decoding;
} PipeStatus;

/**
 * Begins to pass content from `from` to `to`. Meanwhile `from` reports no EVENT_READABLE and `to` no EVENT_WRITABLE: nothing is
 * readable there, and there is no room to write. The other direction is free, for another pipe too. A connection is `from` of at
 * most one pipe and `to` of at most one.
 *
 * EVENT_PIPE of `from` reports the first byte of content, and then the outcome; with that the connections are free again, and what waits is
 * reported by EVENT_READABLE of `from`, room by EVENT_WRITABLE of `to`. Neither a FIN nor an error is passed on: that is
 * for the owner to decide. SOCKET_MEMORY, SOCKET_IN_USE: not begun.
 */
extern SocketError pipeStart(Connection* from, Connection* to, const PipeOptions* options);
/** False: there was no pipe from this connection. The status of one that has ended remains until another `pipeStart`. */
extern bool pipeStatus(Connection* from, PipeStatus* status);
/** Takes over from a pipe that runs: what waits is reported as behind an outcome. */
extern void pipeStop(Connection* from);

#endif
