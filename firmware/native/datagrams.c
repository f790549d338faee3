#include <string.h>
#include "lwip/igmp.h"
#include "lwip/ip.h"
#include "lwip/udp.h"
#include "datagrams.h"
#include "port.h"
#include "records.h"

/*
 * UDP sockets; datagrams.h says what they do.
 */

typedef struct Datagram Datagram;
struct Datagram {
	Datagram* next;
	ip_addr_t address;
	uint16_t port;
	uint16_t length;
	uint8_t bytes[];
};

/** A multicast group, and the interface on which it was joined: by its index, as interfaces may go. */
typedef struct {
	ip4_addr_t address;
	uint8_t netifIndex;
} Group;

struct UdpSocket {
	News news;
	Sockets* sockets;
	UdpSocket* next;
	struct udp_pcb* pcb;
	/** Received and not taken by the application, the oldest one first. */
	Datagram* first;
	Datagram* last;
	uint32_t waitingBytes;
	uint32_t queueBytesMax;
	uint16_t waiting;
	uint16_t queueMax;
	uint32_t dropped;
	Group groups[UDP_GROUPS_MAX];
	uint8_t groupCount;
};

/** NULL: the queue is full, or there is no memory. */
static Datagram* append(UdpSocket* socket, unsigned length)
{
	Datagram* datagram;
	if (socket->waiting >= socket->queueMax || length > socket->queueBytesMax - socket->waitingBytes) return NULL;
	datagram = mem_malloc((mem_size_t)(sizeof(Datagram) + length));
	if (datagram == NULL) return NULL;
	datagram->next = NULL;
	datagram->length = (uint16_t)length;
	if (socket->last) socket->last->next = datagram;
	else socket->first = datagram;
	socket->last = datagram;
	socket->waiting++;
	socket->waitingBytes += length;
	return datagram;
}

static void dropFirst(UdpSocket* socket)
{
	Datagram* datagram = socket->first;
	socket->first = datagram->next;
	if (socket->first == NULL) socket->last = NULL;
	socket->waiting--;
	socket->waitingBytes -= datagram->length;
	mem_free(datagram);
}

/** In lwIP's task, with the core lock held. */
static void onDatagram(void* arg, struct udp_pcb* pcb, struct pbuf* packet, const ip_addr_t* address, u16_t port)
{
	UdpSocket* socket = arg;
	Datagram* datagram = append(socket, packet->tot_len);
	LWIP_UNUSED_ARG(pcb);
	if (datagram) {
		datagram->address = *address;
		datagram->port = port;
		pbuf_copy_partial(packet, datagram->bytes, packet->tot_len, 0);
	}
	else socket->dropped++;
	pbuf_free(packet);
	newsReport(socket->sockets, &socket->news, datagram ? EVENT_READABLE : 0);
}

/** A control block with the port; NULL: `error` says why. */
static struct udp_pcb* boundPcb(const UdpOptions* options, err_t* error)
{
	struct udp_pcb* pcb = udp_new_ip_type(IP_GET_TYPE(&options->address));
	*error = ERR_MEM;
	if (pcb == NULL) return NULL;
	*error = udp_bind(pcb, &options->address, options->port);
	if (*error == ERR_OK) return pcb;
	udp_remove(pcb);
	return NULL;
}

static UdpSocket* openSocket(Sockets* sockets, const UdpOptions* options, void* owner, SocketError* error)
{
	err_t result;
	UdpSocket* socket;
	*error = SOCKET_INVALID;
	if (options->queueMax == 0) return NULL;
	*error = SOCKET_MEMORY;
	if (sockets->udpSocketCount >= UDP_SOCKETS_MAX) return NULL;
	socket = mem_calloc(1, sizeof(UdpSocket));
	if (socket == NULL) return NULL;
	socket->pcb = boundPcb(options, &result);
	*error = socketErrorOf(result);
	if (socket->pcb == NULL) {
		mem_free(socket);
		return NULL;
	}
	socket->sockets = sockets;
	socket->news.owner = owner;
	socket->queueMax = options->queueMax;
	socket->queueBytesMax = options->queueBytesMax;
	socket->next = sockets->udpSockets;
	sockets->udpSockets = socket;
	sockets->udpSocketCount++;
	/* Where lwIP asks for it (IP_SOF_BROADCAST), it neither sends nor receives broadcasts otherwise. */
	ip_set_option(socket->pcb, SOF_BROADCAST);
	if (options->timeToLive) {
		socket->pcb->ttl = options->timeToLive;
#if LWIP_MULTICAST_TX_OPTIONS
		udp_set_multicast_ttl(socket->pcb, options->timeToLive);
#endif
	}
	udp_recv(socket->pcb, onDatagram, socket);
	return socket;
}

UdpSocket* udpOpen(Sockets* sockets, const UdpOptions* options, void* owner, SocketError* error)
{
	UdpSocket* socket;
	portLock();
	socket = openSocket(sockets, options, owner, error);
	portUnlock();
	return socket;
}

/** For sending and for groups, in place of `socketErrorOf`: lwIP and drivers return other errors here. */
static SocketError udpErrorOf(err_t error)
{
	switch (error) {
	case ERR_OK: return SOCKET_OK;
	case ERR_MEM:
	case ERR_BUF: return SOCKET_MEMORY;
	case ERR_VAL:
	case ERR_ARG: return SOCKET_INVALID;
	default: return SOCKET_UNREACHABLE; /* ERR_RTE, ERR_IF, and what a driver that is down returns */
	}
}

/* Multicast groups. lwIP counts the sockets of each, and reports the first and the last one to the routers. */

#if LWIP_IGMP

static err_t joinOn(struct netif* netif, Group* group, const ip4_addr_t* address)
{
	if (netif == NULL || !(netif->flags & NETIF_FLAG_IGMP)) return ERR_IF;
	group->address = *address;
	group->netifIndex = netif_get_index(netif);
	return igmp_joingroup_netif(netif, address);
}

static void leaveGroup(const Group* group)
{
	struct netif* netif = netif_get_by_index(group->netifIndex);
	if (netif) igmp_leavegroup_netif(netif, &group->address);
}

#else

static err_t joinOn(struct netif* netif, Group* group, const ip4_addr_t* address)
{
	LWIP_UNUSED_ARG(netif);
	LWIP_UNUSED_ARG(group);
	LWIP_UNUSED_ARG(address);
	return ERR_IF;
}

static void leaveGroup(const Group* group)
{
	LWIP_UNUSED_ARG(group);
}

#endif

/** NULL: the socket is not in the group. */
static Group* groupOf(UdpSocket* socket, const ip4_addr_t* address)
{
	int i;
	for (i = 0; i < socket->groupCount; i++) {
		if (ip4_addr_cmp(&socket->groups[i].address, address)) return &socket->groups[i];
	}
	return NULL;
}

static bool isGroup(const ip_addr_t* address)
{
	return IP_IS_V4(address) && ip4_addr_ismulticast(ip_2_ip4(address));
}

static SocketError joinGroup(UdpSocket* socket, const ip4_addr_t* address)
{
	err_t result;
	if (groupOf(socket, address)) return SOCKET_OK;
	if (socket->groupCount == UDP_GROUPS_MAX) return SOCKET_MEMORY;
	result = joinOn(netif_default, &socket->groups[socket->groupCount], address);
	if (result == ERR_OK) socket->groupCount++;
	return udpErrorOf(result);
}

SocketError udpJoin(UdpSocket* socket, const ip_addr_t* group)
{
	SocketError error;
	if (!isGroup(group)) return SOCKET_INVALID;
	portLock();
	error = joinGroup(socket, ip_2_ip4(group));
	portUnlock();
	return error;
}

SocketError udpLeave(UdpSocket* socket, const ip_addr_t* address)
{
	Group* group = NULL;
	portLock();
	if (isGroup(address)) group = groupOf(socket, ip_2_ip4(address));
	if (group) {
		leaveGroup(group);
		*group = socket->groups[--socket->groupCount];
	}
	portUnlock();
	return group ? SOCKET_OK : SOCKET_INVALID;
}

void udpClose(UdpSocket* socket)
{
	Sockets* sockets = socket->sockets;
	UdpSocket** link = &sockets->udpSockets;
	portLock();
	while (socket->groupCount > 0) leaveGroup(&socket->groups[--socket->groupCount]);
	udp_remove(socket->pcb);
	while (socket->first) dropFirst(socket);
	newsForget(sockets, &socket->news);
	while (*link != socket) link = &(*link)->next;
	*link = socket->next;
	sockets->udpSocketCount--;
	mem_free(socket);
	portUnlock();
}

uint16_t udpPort(UdpSocket* socket)
{
	uint16_t port;
	portLock();
	port = socket->pcb->local_port;
	portUnlock();
	return port;
}

static SocketError sendDatagram(UdpSocket* socket, const void* bytes, unsigned count, const ip_addr_t* address, uint16_t port)
{
	err_t result;
	struct pbuf* packet = pbuf_alloc(PBUF_TRANSPORT, (u16_t)count, PBUF_RAM);
	if (packet == NULL) return SOCKET_MEMORY;
	if (count > 0) pbuf_take(packet, bytes, (u16_t)count);
	result = udp_sendto(socket->pcb, packet, address, port);
	pbuf_free(packet);
	return udpErrorOf(result);
}

SocketError udpSend(UdpSocket* socket, const void* bytes, unsigned count, const ip_addr_t* address, uint16_t port)
{
	SocketError error;
	if (port == 0 || count > DATAGRAM_BYTES_MAX || ip_addr_isany(address)) return SOCKET_INVALID;
	portLock();
	newsReport(socket->sockets, &socket->news, 0);
	error = sendDatagram(socket, bytes, count, address, port);
	portUnlock();
	return error;
}

unsigned udpWaiting(UdpSocket* socket)
{
	unsigned count;
	portLock();
	count = socket->waiting;
	portUnlock();
	return count;
}

int udpLength(UdpSocket* socket)
{
	int length;
	portLock();
	length = socket->first ? socket->first->length : -1;
	portUnlock();
	return length;
}

static int takeFirst(UdpSocket* socket, void* into, unsigned count, ip_addr_t* address, uint16_t* port)
{
	const Datagram* datagram = socket->first;
	int length;
	if (datagram == NULL) return -1;
	length = datagram->length;
	count = leastOf(count, datagram->length);
	if (count > 0) memcpy(into, datagram->bytes, count);
	*address = datagram->address;
	*port = datagram->port;
	dropFirst(socket);
	return length;
}

int udpReceive(UdpSocket* socket, void* into, unsigned count, ip_addr_t* address, uint16_t* port)
{
	int length;
	portLock();
	length = takeFirst(socket, into, count, address, port);
	portUnlock();
	return length;
}

uint32_t udpDropped(UdpSocket* socket)
{
	uint32_t count;
	portLock();
	count = socket->dropped;
	portUnlock();
	return count;
}
