#include <string.h>
#include "datagram-script.h"
#include "lwip/netif.h"
#include "stack.h"

/*
 * Cases: UDP sockets.
 */

enum { PORT = 5353, PEER_PORT = 40000, QUEUE_MAX = 4, QUEUE_BYTES_MAX = 2000 };

static UdpSocket* openOn(uint16_t port, Owner* owner)
{
	UdpOptions options = { .address = *IP_ANY_TYPE, .port = port, .queueMax = QUEUE_MAX, .queueBytesMax = QUEUE_BYTES_MAX };
	SocketError error;
	UdpSocket* socket = udpOpen(board, &options, owner, &error);
	CHECK(socket && error == SOCKET_OK);
	return socket;
}

static ip_addr_t addressOf(const char* text)
{
	ip_addr_t address;
	CHECK(ipaddr_aton(text, &address));
	return address;
}

/** The oldest datagram is this, from this port of the peer. */
static void receiveExpecting(UdpSocket* socket, const void* bytes, unsigned count, uint16_t fromPort)
{
	uint8_t buffer[UDP_BYTES_MAX];
	ip_addr_t address, peer = addressOf("10.0.0.1");
	uint16_t port;
	CHECK(udpLength(socket) == (int)count);
	CHECK(udpReceive(socket, buffer, sizeof(buffer), &address, &port) == (int)count);
	CHECK(count == 0 || memcmp(buffer, bytes, count) == 0);
	CHECK(ip_addr_cmp(&address, &peer) && port == fromPort);
}

static void expectNothing(UdpSocket* socket)
{
	uint8_t buffer[1];
	ip_addr_t address;
	uint16_t port;
	CHECK(udpWaiting(socket) == 0 && udpLength(socket) == -1);
	CHECK(udpReceive(socket, buffer, sizeof(buffer), &address, &port) == -1);
}

static void datagramsKeepOrderAndSender(void)
{
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	expectNothing(socket);
	sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	sendDatagram(PEER_PORT + 1, PORT, pattern(), UDP_BYTES_MAX);
	sendDatagram(PEER_PORT + 2, PORT, NULL, 0);
	CHECK(messages() == 1);
	CHECK(reported(&owner) == EVENT_READABLE);
	CHECK(udpWaiting(socket) == 3);
	receiveExpecting(socket, HELLO, HELLO_BYTES, PEER_PORT);
	receiveExpecting(socket, pattern(), UDP_BYTES_MAX, PEER_PORT + 1);
	receiveExpecting(socket, NULL, 0, PEER_PORT + 2);
	expectNothing(socket);
	CHECK(udpDropped(socket) == 0);
	sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == EVENT_READABLE);
	receiveExpecting(socket, HELLO, HELLO_BYTES, PEER_PORT);
	udpClose(socket);
}

static void receivedInPart(void)
{
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	uint8_t buffer[3] = { 0 };
	ip_addr_t address;
	uint16_t port;
	sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	CHECK(udpReceive(socket, buffer, 2, &address, &port) == HELLO_BYTES);
	CHECK(memcmp(buffer, "he\0", 3) == 0);
	expectNothing(socket);
	udpClose(socket);
}

static void queueIsBoundedByNumber(void)
{
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	int blocks, i;
	for (i = 0; i < QUEUE_MAX; i++) sendDatagram((uint16_t)(PEER_PORT + i), PORT, HELLO, HELLO_BYTES);
	blocks = stackBlocks();
	for (i = 0; i < 100; i++) sendDatagram(PEER_PORT, PORT, NULL, 0);
	CHECK(stackBlocks() == blocks);
	CHECK(messages() == 1);
	CHECK(udpWaiting(socket) == QUEUE_MAX && udpDropped(socket) == 100);
	for (i = 0; i < QUEUE_MAX; i++) receiveExpecting(socket, HELLO, HELLO_BYTES, (uint16_t)(PEER_PORT + i));
	serve();
	sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	receiveExpecting(socket, HELLO, HELLO_BYTES, PEER_PORT);
	CHECK(udpDropped(socket) == 100);
	udpClose(socket);
}

static void queueIsBoundedByBytes(void)
{
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	sendDatagram(PEER_PORT, PORT, pattern(), 1200);
	sendDatagram(PEER_PORT, PORT, pattern(), 801);
	CHECK(udpWaiting(socket) == 1 && udpDropped(socket) == 1);
	sendDatagram(PEER_PORT, PORT, pattern(), 800);
	CHECK(udpWaiting(socket) == 2 && udpDropped(socket) == 1);
	receiveExpecting(socket, pattern(), 1200, PEER_PORT);
	sendDatagram(PEER_PORT, PORT, pattern(), 1200);
	CHECK(udpWaiting(socket) == 2 && udpDropped(socket) == 1);
	udpClose(socket);
}

static void packetIsGivenBack(void)
{
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	size_t before = stackBytes();
	sendDatagram(PEER_PORT, PORT, "x", 1);
	CHECK(stackBytes() - before < 64);
	udpClose(socket);
}

static void sendsToAddressAndPort(void)
{
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	ip_addr_t peer = addressOf("10.0.0.1");
	Sent sent;
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &peer, 53) == SOCKET_OK);
	CHECK(udpSend(socket, NULL, 0, &peer, 54) == SOCKET_OK);
	sent = takeSent();
	CHECK(sent.fromAddress == BOARD_ADDRESS && sent.toAddress == PEER_ADDRESS);
	CHECK(sent.fromPort == PORT && sent.toPort == 53);
	CHECK(sent.length == HELLO_BYTES && memcmp(sent.data, HELLO, HELLO_BYTES) == 0);
	sent = takeSent();
	CHECK(sent.toPort == 54 && sent.length == 0);
	udpClose(socket);
}

static void sendsWithTimeToLive(void)
{
	Owner owner = { 0 };
	UdpOptions options = { .address = *IP_ANY_TYPE, .timeToLive = 7, .queueMax = 1 };
	SocketError error;
	ip_addr_t peer = addressOf("10.0.0.1"), group = addressOf("224.0.0.251");
	UdpSocket* socket = udpOpen(board, &options, &owner, &error);
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &peer, 53) == SOCKET_OK);
	CHECK(takeSent().timeToLive == 7);
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &group, 53) == SOCKET_OK);
	CHECK(takeSent().timeToLive == 7);
	udpClose(socket);
}

static void broadcasts(void)
{
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	ip_addr_t all = addressOf("255.255.255.255"), net = addressOf("10.255.255.255");
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &all, 9) == SOCKET_OK);
	CHECK(takeSent().toAddress == ALL_BROADCAST);
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &net, 9) == SOCKET_OK);
	CHECK(takeSent().toAddress == NET_BROADCAST);
	sendDatagramAs(ALL_BROADCAST, PEER_PORT, PORT, HELLO, HELLO_BYTES, 8 + HELLO_BYTES);
	sendDatagramAs(NET_BROADCAST, PEER_PORT, PORT, HELLO, HELLO_BYTES, 8 + HELLO_BYTES);
	receiveExpecting(socket, HELLO, HELLO_BYTES, PEER_PORT);
	receiveExpecting(socket, HELLO, HELLO_BYTES, PEER_PORT);
	netif_set_down(netif_default);
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &all, 9) == SOCKET_UNREACHABLE);
	netif_set_up(netif_default);
	udpClose(socket);
}

static void sendErrors(void)
{
	static uint8_t bytes[DATAGRAM_BYTES_MAX + 1];
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	ip_addr_t peer = addressOf("10.0.0.1"), far = addressOf("192.0.2.1"), none = addressOf("0.0.0.0");
	UdpOptions onlyFour = { .address = addressOf("10.0.0.2"), .queueMax = 1 };
	SocketError error;
	UdpSocket* other = udpOpen(board, &onlyFour, &owner, &error);
	ip_addr_t six = addressOf("fe80::1");
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &peer, 0) == SOCKET_INVALID);
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &none, 53) == SOCKET_INVALID);
	CHECK(udpSend(socket, bytes, sizeof(bytes), &peer, 53) == SOCKET_INVALID);
	CHECK(udpSend(socket, bytes, 65536 + HELLO_BYTES, &peer, 53) == SOCKET_INVALID);
	CHECK(udpSend(other, HELLO, HELLO_BYTES, &six, 53) == SOCKET_INVALID);
	udpClose(other);
	failAllocations(0, 1);
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &peer, 53) == SOCKET_MEMORY);
	netif_set_default(NULL);
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &far, 53) == SOCKET_UNREACHABLE);
	CHECK(sentDatagrams() == 0);
	udpClose(socket);
}

static void portsAreExclusive(void)
{
	Owner owner = { 0 }, other = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	UdpOptions options = { .address = *IP_ANY_TYPE, .port = PORT, .queueMax = 1 };
	SocketError error;
	UdpSocket* chosen;
	int blocks = stackBlocks();
	CHECK(udpOpen(board, &options, &other, &error) == NULL && error == SOCKET_IN_USE);
	options.queueMax = 0;
	CHECK(udpOpen(board, &options, &other, &error) == NULL && error == SOCKET_INVALID);
	CHECK(stackBlocks() == blocks);
	chosen = openOn(0, &other);
	CHECK(udpPort(socket) == PORT && udpPort(chosen) != 0 && udpPort(chosen) != PORT);
	sendDatagram(PEER_PORT, udpPort(chosen), HELLO, HELLO_BYTES);
	CHECK(reported(&other) == EVENT_READABLE && reported(&owner) == 0);
	udpClose(socket);
	udpClose(chosen);
	udpClose(openOn(PORT, &owner));
}

static void closedWhileNewsIsQueued(void)
{
	Owner owner = { 0 }, other = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	UdpSocket* second = openOn(PORT + 1, &other);
	unsigned events;
	sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	sendDatagram(PEER_PORT, PORT + 1, HELLO, HELLO_BYTES);
	CHECK(socketsNext(board, &events) == &owner);
	udpClose(second);
	udpClose(socket);
	CHECK(socketsNext(board, &events) == NULL);
	sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	socket = openOn(PORT, &owner);
	expectNothing(socket);
	sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	CHECK(messages() == 2);
	udpClose(socket);
	CHECK(socketsNext(board, &events) == NULL);
}

static void socketsStopClosesThem(void)
{
	static Owner owner;
	openOn(PORT, &owner);
	openOn(PORT + 1, &owner);
	sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	/* The end of each case stops the sockets, and checks that no block is left. */
}

static void messageThatCannotBePosted(void)
{
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	ip_addr_t peer = addressOf("10.0.0.1");
	int i;
	takeMessages(false);
	for (i = 0; i < QUEUE_MAX; i++) sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	CHECK(messages() == 0);
	takeMessages(true);
	sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	CHECK(udpDropped(socket) == 1 && messages() == 1);
	CHECK(reported(&owner) == EVENT_READABLE);
	for (i = 0; i < QUEUE_MAX; i++) receiveExpecting(socket, HELLO, HELLO_BYTES, PEER_PORT);
	takeMessages(false);
	sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
	takeMessages(true);
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &peer, 53) == SOCKET_OK);
	CHECK(reported(&owner) == EVENT_READABLE);
	udpClose(socket);
}

static void memoryFailsAnywhere(void)
{
	enum { MORE_THAN_IT_TAKES = 8 };
	Owner owner = { 0 };
	int blocks = stackBlocks(), n;
	for (n = 0; n <= MORE_THAN_IT_TAKES; n++) {
		UdpOptions options = { .address = *IP_ANY_TYPE, .port = PORT, .queueMax = 1, .queueBytesMax = 100 };
		SocketError error;
		UdpSocket* socket;
		ip_addr_t peer = addressOf("10.0.0.1");
		failAllocations(n, 1);
		socket = udpOpen(board, &options, &owner, &error);
		CHECK((socket == NULL) == (n < 2));
		if (socket == NULL) CHECK(error == SOCKET_MEMORY);
		else {
			error = udpSend(socket, HELLO, HELLO_BYTES, &peer, 53);
			CHECK(error == (n == 2 ? SOCKET_MEMORY : SOCKET_OK));
			sendDatagram(PEER_PORT, PORT, HELLO, HELLO_BYTES);
			/* The fourth is for lwIP's packet: its loss is not ours to count. */
			CHECK(udpWaiting(socket) == (n == 3 || n == 4 ? 0 : 1) && udpDropped(socket) == (n == 4));
			udpClose(socket);
		}
		failAllocations(0, 0);
		CHECK(stackBlocks() == blocks);
	}
}

static void socketsAreBounded(void)
{
	Owner owner = { 0 };
	UdpSocket* sockets[UDP_SOCKETS_MAX];
	UdpOptions options = { .address = *IP_ANY_TYPE, .queueMax = 1 };
	SocketError error;
	int i;
	for (i = 0; i < UDP_SOCKETS_MAX; i++) sockets[i] = openOn(0, &owner);
	CHECK(udpOpen(board, &options, &owner, &error) == NULL && error == SOCKET_MEMORY);
	udpClose(sockets[3]);
	sockets[3] = openOn(0, &owner);
	for (i = 0; i < UDP_SOCKETS_MAX; i++) udpClose(sockets[i]);
}

/** mDNS. */
#define GROUP "224.0.0.251"
enum { GROUP_ADDRESS = 0xe00000fb };

static void sendToGroup(void)
{
	sendDatagramAs(GROUP_ADDRESS, PEER_PORT, PORT, HELLO, HELLO_BYTES, 8 + HELLO_BYTES);
}

static void receivesFromGroups(void)
{
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	ip_addr_t group = addressOf(GROUP);
	sendToGroup();
	expectNothing(socket);
	CHECK(udpJoin(socket, &group) == SOCKET_OK);
	sendToGroup();
	CHECK(reported(&owner) == EVENT_READABLE);
	receiveExpecting(socket, HELLO, HELLO_BYTES, PEER_PORT);
	CHECK(udpSend(socket, HELLO, HELLO_BYTES, &group, PORT) == SOCKET_OK);
	CHECK(takeSent().toAddress == GROUP_ADDRESS);
	CHECK(udpLeave(socket, &group) == SOCKET_OK);
	CHECK(udpLeave(socket, &group) == SOCKET_INVALID);
	sendToGroup();
	expectNothing(socket);
	udpClose(socket);
}

static void closeLeavesGroups(void)
{
	Owner owner = { 0 };
	UdpSocket* first = openOn(PORT, &owner);
	UdpSocket* second = openOn(0, &owner);
	ip_addr_t group = addressOf(GROUP);
	CHECK(udpJoin(second, &group) == SOCKET_OK);
	CHECK(udpJoin(second, &group) == SOCKET_OK);
	CHECK(udpJoin(first, &group) == SOCKET_OK);
	udpClose(second);
	sendToGroup();
	receiveExpecting(first, HELLO, HELLO_BYTES, PEER_PORT);
	udpClose(first);
	first = openOn(PORT, &owner);
	sendToGroup();
	expectNothing(first);
	CHECK(udpJoin(first, &group) == SOCKET_OK); /* is left to `socketsStop` */
}

static void groupsAreBounded(void)
{
	static const char* const NO_GROUPS[] = { "10.0.0.1", "255.255.255.255", "0.0.0.0", "224.0.0.1", "ff02::fb" };
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	ip_addr_t group;
	char text[] = "239.1.1.0";
	unsigned i;
	for (i = 0; i < sizeof(NO_GROUPS) / sizeof(NO_GROUPS[0]); i++) {
		group = addressOf(NO_GROUPS[i]);
		CHECK(udpJoin(socket, &group) == SOCKET_INVALID);
		CHECK(udpLeave(socket, &group) == SOCKET_INVALID);
	}
	group = addressOf(GROUP);
	plugStack(false);
	CHECK(udpJoin(socket, &group) == SOCKET_UNREACHABLE);
	plugStack(true);
	failAllocations(0, 1);
	CHECK(udpJoin(socket, &group) == SOCKET_MEMORY);
	failAllocations(0, 0);
	sendToGroup();
	expectNothing(socket);
	for (i = 0; i < UDP_GROUPS_MAX; i++) {
		text[8] = (char)('0' + i);
		group = addressOf(text);
		CHECK(udpJoin(socket, &group) == SOCKET_OK);
	}
	CHECK(udpJoin(socket, &group) == SOCKET_OK); /* again */
	group = addressOf(GROUP);
	CHECK(udpJoin(socket, &group) == SOCKET_MEMORY);
	group = addressOf(text);
	CHECK(udpLeave(socket, &group) == SOCKET_OK);
	group = addressOf(GROUP);
	CHECK(udpJoin(socket, &group) == SOCKET_OK);
	udpClose(socket);
}

static void malformed(void)
{
	Owner owner = { 0 };
	UdpSocket* socket = openOn(PORT, &owner);
	static const uint16_t CLAIMED[] = { 0, 7, 8 + HELLO_BYTES + 1, 0xffff };
	unsigned i;
	for (i = 0; i < sizeof(CLAIMED) / sizeof(CLAIMED[0]); i++)
		sendDatagramAs(BOARD_ADDRESS, PEER_PORT, PORT, HELLO, HELLO_BYTES, CLAIMED[i]);
	while (udpLength(socket) >= 0) {
		uint8_t buffer[HELLO_BYTES];
		ip_addr_t address;
		uint16_t port;
		CHECK(udpReceive(socket, buffer, sizeof(buffer), &address, &port) <= HELLO_BYTES);
	}
	udpClose(socket);
}

static void besideConnections(void)
{
	Owner owner = { 0 }, connectionOwner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &connectionOwner);
	UdpSocket* socket = openOn(80, &owner);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	sendDatagram(PEER_PORT, 80, HELLO, HELLO_BYTES);
	CHECK(messages() == 1);
	serve();
	CHECK(owner.events == EVENT_READABLE && connectionOwner.events == EVENT_READABLE);
	udpClose(socket);
	readExpecting(connection, HELLO, HELLO_BYTES);
	connectionReset(connection);
	ignore();
}

const Case DATAGRAM_CASES[] = {
	{ "datagrams keep their order, their ends, their senders; an empty one counts", datagramsKeepOrderAndSender },
	{ "a datagram that is received in part loses the rest, and nothing else", receivedInPart },
	{ "a queue of datagrams is bounded by their number; those dropped are counted", queueIsBoundedByNumber },
	{ "a queue of datagrams is bounded by their bytes", queueIsBoundedByBytes },
	{ "a datagram that waits holds no packet of lwIP", packetIsGivenBack },
	{ "a datagram goes to the address and the port, from the socket's port", sendsToAddressAndPort },
	{ "a datagram has the socket's time to live, to a group as well", sendsWithTimeToLive },
	{ "broadcasts are sent and received, and an interface that is down is an error", broadcasts },
	{ "a datagram that cannot be sent is an error, each with its own code", sendErrors },
	{ "a UDP port is one socket's, and free again after its close", portsAreExclusive },
	{ "a UDP socket closed while its news is queued reports nothing any more", closedWhileNewsIsQueued },
	{ "the end of all sockets closes UDP sockets, with what waits", socketsStopClosesThem },
	{ "news of a datagram that cannot be posted comes with the next one, or the next send", messageThatCannotBePosted },
	{ "whichever allocation of a UDP socket fails, it is reported or counted, and nothing is left", memoryFailsAnywhere },
	{ "UDP sockets are bounded by number", socketsAreBounded },
	{ "a UDP socket receives what is sent to a group that it has joined", receivesFromGroups },
	{ "a UDP socket that is closed leaves its groups, and only for itself", closeLeavesGroups },
	{ "groups of a UDP socket are bounded, and one that cannot be joined is an error", groupsAreBounded },
	{ "a datagram with a wrong length is no longer than its packet", malformed },
	{ "datagrams and a connection share one message", besideConnections },
	{ NULL, NULL },
};
