#include "datagram-script.h"

/*
 * The UDP sockets of a storm (storm.c): datagrams from a peer, and an application that opens, sends, receives and closes.
 */

enum { SOCKETS = 3, PORT_FROM = 5000, QUEUE_MAX = 5, QUEUE_BYTES_MAX = 3000 };

static struct {
	Owner owner;	/* the first field: `socketsNext` returns it */
	UdpSocket* socket;
	/** Datagrams that had been dropped when it was last looked at. */
	uint32_t dropped;
} places[SOCKETS];

static void openOne(int i, uint32_t (*below)(uint32_t))
{
	UdpOptions options = {
		.address = *IP_ANY_TYPE, .port = below(4) ? (uint16_t)(PORT_FROM + i) : PORT_FROM,
		.queueMax = QUEUE_MAX, .queueBytesMax = QUEUE_BYTES_MAX,
	};
	SocketError error;
	places[i].owner.events = 0;
	places[i].dropped = 0;
	places[i].socket = udpOpen(board, &options, &places[i].owner, &error);
	CHECK((places[i].socket == NULL) == (error != SOCKET_OK));
}

static void closeOne(int i)
{
	udpClose(places[i].socket);
	places[i].socket = NULL;
	places[i].owner.events = 0;
}

static void receiveSome(UdpSocket* socket, uint32_t (*below)(uint32_t))
{
	uint8_t bytes[UDP_BYTES_MAX];
	ip_addr_t address;
	uint16_t port;
	int length = udpLength(socket);
	unsigned waiting = udpWaiting(socket);
	CHECK((length == -1) == (waiting == 0));
	CHECK(udpReceive(socket, bytes, below(sizeof(bytes)), &address, &port) == length);
	CHECK(waiting == 0 || udpWaiting(socket) == waiting - 1);
}

static void sendSome(UdpSocket* socket, uint32_t (*below)(uint32_t))
{
	static const char* const TO[] = { "10.0.0.1", "255.255.255.255", "10.0.0.2", "127.0.0.1", "0.0.0.0" };
	ip_addr_t address;
	CHECK(ipaddr_aton(TO[below(5)], &address));
	udpSend(socket, pattern(), below(UDP_BYTES_MAX), &address, (uint16_t)(PORT_FROM + below(SOCKETS + 1) - (below(9) ? 0 : PORT_FROM)));
	while (sentDatagrams() > 0) takeSent();
}

void stepDatagrams(uint32_t (*below)(uint32_t))
{
	int i = (int)below(SOCKETS);
	if (below(2)) {
		size_t length = below(below(3) ? 100 : UDP_BYTES_MAX);
		uint16_t claimed = (uint16_t)(below(6) ? length + 8 : below(2000));
		sendDatagramAs(below(4) ? BOARD_ADDRESS : ALL_BROADCAST, (uint16_t)below(65536), (uint16_t)(PORT_FROM + i), pattern(), length, claimed);
		return;
	}
	if (places[i].socket == NULL) openOne(i, below);
	else if (below(12) == 0) closeOne(i);
	else if (below(2)) receiveSome(places[i].socket, below);
	else sendSome(places[i].socket, below);
}

void checkDatagrams(void)
{
	int i;
	for (i = 0; i < SOCKETS; i++) {
		UdpSocket* socket = places[i].socket;
		CHECK(socket || places[i].owner.events == 0);
		CHECK((places[i].owner.events & ~(unsigned)EVENT_READABLE) == 0);
		places[i].owner.events = 0;
		if (socket == NULL) continue;
		CHECK(udpWaiting(socket) <= QUEUE_MAX && udpDropped(socket) >= places[i].dropped);
		places[i].dropped = udpDropped(socket);
	}
}

void closeDatagrams(void)
{
	int i;
	for (i = 1; i < SOCKETS; i++) {
		if (places[i].socket) closeOne(i);
	}
	/* One is left to `socketsStop`, and what the board has sent to itself arrives. */
	places[0].socket = NULL;
	places[0].owner.events = 0;
	pass(1);
}
