#ifndef HOT_POTATO_DATAGRAMS_H
#define HOT_POTATO_DATAGRAMS_H

#include "sockets.h"

/*
 * UDP sockets over lwIP's raw API, beside the connections of sockets.h: the same tasks, the same lock, the same news.
 *
 * A UDP socket receives from udpOpen to udpClose. lwIP never frees its control block by itself, so there are no states.
 * A datagram that arrives is copied, in lwIP's task, into a block of the socket's queue, and its packet goes back to lwIP at
 * once: a small datagram does not hold a whole frame, or a receive buffer of the driver.
 *
 * UDP may lose any datagram. One is dropped here, and counted, when the queue is full and when there is no memory. Where
 * the message to the application's task cannot be posted, the next datagram, udpSend, or a connection's timer posts it:
 * a client that repeats what it has sent, and an application that repeats its request, both go on.
 *
 * Bounds: UDP_SOCKETS_MAX, and for each socket `queueMax`, `queueBytesMax` and UDP_GROUPS_MAX.
 */

typedef struct UdpSocket UdpSocket;

/** CONFIG_LWIP_MAX_UDP_PCBS; esp-lwip itself does not keep to it (MEMP_MEM_MALLOC). */
enum { UDP_SOCKETS_MAX = MEMP_NUM_UDP_PCB };

/** The most bytes that one IPv4 datagram carries: 65,535 less the headers of IP and UDP. */
enum { DATAGRAM_BYTES_MAX = 65507 };

/** Multicast groups of one socket. */
enum { UDP_GROUPS_MAX = 4 };

typedef struct {
	/** Where to receive; IP_ANY_TYPE for all addresses, broadcasts included. */
	ip_addr_t address;
	/** 0: lwIP chooses one. */
	uint16_t port;
	/** Routers that what is sent may pass, to a group as well, 1 to 255; 0: lwIP's default (UDP_TTL). mDNS asks for 255. */
	uint8_t timeToLive;
	/** Datagrams, and bytes of theirs, that may wait to be received by the application. At least 1. */
	uint16_t queueMax;
	uint32_t queueBytesMax;
} UdpOptions;

/**
 * Opens a socket. NULL: `error` says why. SOCKET_IN_USE: another socket has the port. `owner` is not NULL; it gets
 * EVENT_READABLE when datagrams arrive, which is not repeated while they wait.
 */
extern UdpSocket* udpOpen(Sockets* sockets, const UdpOptions* options, void* owner, SocketError* error);
/** Drops what waits, and frees the record. Allowed at any time, also while its news is queued. */
extern void udpClose(UdpSocket* socket);
extern uint16_t udpPort(UdpSocket* socket);

/**
 * Sends one datagram, also to a broadcast address. SOCKET_OK: lwIP has taken it, which does not say that it arrives.
 * SOCKET_MEMORY: no memory, or no buffer of the driver. SOCKET_UNREACHABLE: no interface leads to the address, or
 * it is down. SOCKET_INVALID: port 0, no address, an address of another kind than the socket's, or more than DATAGRAM_BYTES_MAX.
 */
extern SocketError udpSend(UdpSocket* socket, const void* bytes, unsigned count, const ip_addr_t* address, uint16_t port);

/**
 * Joins a multicast group (IPv4) on the default interface: what is sent to the group and the socket's port is received. Joining again has no
 * effect. SOCKET_INVALID: no address of a group; SOCKET_UNREACHABLE: there is no interface for groups; SOCKET_MEMORY: no memory, or
 * the socket has UDP_GROUPS_MAX. `udpClose` leaves every group.
 */
extern SocketError udpJoin(UdpSocket* socket, const ip_addr_t* group);
/** SOCKET_INVALID: the socket is not in the group. */
extern SocketError udpLeave(UdpSocket* socket, const ip_addr_t* group);

/** Datagrams that wait. */
extern unsigned udpWaiting(UdpSocket* socket);
/** The length of the one that has waited longest; it may be 0. -1: none waits. */
extern int udpLength(UdpSocket* socket);
/**
 * Takes that one: copies at most `count` of its bytes and drops the others; returns its length, and the sender's
 * address and port. -1: none waits.
 */
extern int udpReceive(UdpSocket* socket, void* into, unsigned count, ip_addr_t* address, uint16_t* port);
/** Datagrams that were dropped for want of room in the queue, or of memory. */
extern uint32_t udpDropped(UdpSocket* socket);

#endif
