#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Peers: clients and servers at the other end of the board's wire, on the raw API of the peer's lwIP. A test controls
 * them. Connections are numbers, from 0 in the order in which they were made or accepted; they are never forgotten.
 */

typedef enum {
	PEER_OPEN,
	PEER_FINISHED,	/* the board's FIN was received, and all bytes before it were read */
	PEER_RESET,	/* its RST has, or it never answered */
} PeerEnding;

/** A server on this port; 0 chooses one. Returns the port. */
extern uint16_t peerListen(uint16_t port);
/** Refuses connections on this port from now; those that were accepted go on. */
extern void peerUnlisten(uint16_t port);
/** The `index`-th connection that the server on this port has accepted; -1: there are not so many. */
extern int peerAccepted(uint16_t port, int index);
/** Gives the peer one more address (in network order). Its servers listen on all of them. */
extern void peerAddAddress(uint32_t address);
/** Connects to a port of the board, from one of the peer's addresses; 0: the first one. */
extern int peerConnect(uint16_t port, uint32_t from);
/** Sends small segments without waiting for acknowledgements (TCP_NODELAY). */
extern void peerNodelay(int connection);

/** Sends these bytes as soon as there is room; they are copied. */
extern void peerSend(int connection, const void* bytes, size_t length);
/** Sends FIN after all that was to be sent; still reads. */
extern void peerFinish(int connection);
/** Sends RST at once. */
extern void peerReset(int connection);
/** Sends FIN after all that was to be sent, and RST for bytes received later; RST at once if received bytes are unread. */
extern void peerClose(int connection);
/** Does not read any more, so that the board's window fills; false: reads the bytes received meanwhile, and goes on. */
extern void peerHold(int connection, bool held);

/** Is the connection established, or was it? */
extern bool peerConnected(int connection);
/** The connection's local port. */
extern uint16_t peerPort(int connection);
/** The port of the server that has accepted it; 0: it has connected. */
extern uint16_t peerServer(int connection);
extern PeerEnding peerEnding(int connection);
/** All bytes that it has read. */
extern size_t peerReceived(int connection, const uint8_t** bytes);
/** The lengths of the segments in which they came. */
extern int peerPieces(int connection, const uint32_t** lengths);
/** Bytes to be sent that the board has not acknowledged. */
extern size_t peerUnsent(int connection);

/**
 * The next connection that has changed since it was returned here: it was established, bytes or its end were received, or all its bytes
 * were acknowledged. -1: there is none.
 */
extern int peerChanged(void);
/** Forgets the bytes that it has read. */
extern void peerForget(int connection);

/** A datagram that a port of the peer has received. */
typedef struct PeerDatagram {
	struct PeerDatagram* next;
	uint16_t port;		/* the peer's */
	uint16_t fromPort;
	uint32_t from;		/* in network order */
	size_t length;
	uint8_t bytes[];
} PeerDatagram;

/** From now datagrams to this port are kept, to be returned by peerReceivedDatagram. */
extern void peerBind(uint16_t port);
/** Closes a port of peerBind. */
extern void peerUnbind(uint16_t port);
/** The oldest datagram that was not returned before, to be freed; NULL: there is none. */
extern PeerDatagram* peerReceivedDatagram(void);
/** Sends a datagram from a port of peerBind. */
extern void peerSendDatagram(uint16_t port, uint32_t to, uint16_t toPort, const void* bytes, size_t length);

/** From now each datagram to this port is sent back, those to a broadcast address too. */
extern void peerEcho(uint16_t port);

#endif
