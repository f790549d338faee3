#include "peer-script.h"
#include "stack.h"

/*
 * Cases: listeners, their queues, and owners that are set late.
 */

static void bytesAndFinBeforeAccept(void)
{
	Owner listenerOwner = { 0 }, owner = { 0 };
	Listener* listener = listenOn(80, 4, &listenerOwner);
	Peer peer = connectPeer(80);
	Connection* connection;
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(reported(&listenerOwner) == EVENT_ACCEPT);
	connection = listenerAccept(listener, &owner);
	CHECK(connection);
	CHECK(reported(&owner) == (EVENT_READABLE | EVENT_WRITABLE));
	readExpecting(connection, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == EVENT_END);
	ignore();
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == HELLO_BYTES);
	CHECK(hear(&peer).length == HELLO_BYTES);
	connectionClose(connection);
	ignore();
}

static void resetBeforeAccept(void)
{
	Owner listenerOwner = { 0 }, owner = { 0 };
	Listener* listener = listenOn(80, 4, &listenerOwner);
	Peer first = connectPeer(80), second = connectPeer(80), third = connectPeer(80);
	ip_addr_t address;
	uint16_t port;
	Connection* connection;
	send(&second, PSH | ACK, HELLO, HELLO_BYTES);
	send(&second, RST | ACK, NULL, 0);
	CHECK(reported(&listenerOwner) == EVENT_ACCEPT);
	CHECK(listenerWaiting(listener) == 2);
	connection = listenerAccept(listener, &owner);
	connectionRemote(connection, &address, &port);
	CHECK(port == first.port);
	connectionClose(connection);
	connection = listenerAccept(listener, &owner);
	connectionRemote(connection, &address, &port);
	CHECK(port == third.port);
	connectionClose(connection);
	CHECK(listenerAccept(listener, &owner) == NULL);
	ignore();
}

static void listenerClosedWhileNewsIsQueued(void)
{
	Owner listenerOwner = { 0 };
	Listener* listener = listenOn(80, 4, &listenerOwner);
	Peer peer = connectPeer(80);
	CHECK(messages() == 1);
	listenerClose(listener);
	CHECK(reported(&listenerOwner) == 0);
	hearFor(&peer, RST);
}

static void listenerClosedOverResetClient(void)
{
	Owner listenerOwner = { 0 };
	Listener* listener = listenOn(80, 4, &listenerOwner);
	Peer peer = connectPeer(80), other = connectPeer(80);
	send(&peer, RST | ACK, NULL, 0);
	listenerClose(listener);
	CHECK(!heard(&peer));
	hearFor(&other, RST);
	send(&other, ACK, NULL, 0);
	ignore();
}

static void listenerClosedDuringHandshake(void)
{
	Owner listenerOwner = { 0 };
	Listener* listener = listenOn(80, 4, &listenerOwner);
	Peer peer = knock(80);
	CHECK(hear(&peer).flags == (SYN | ACK));
	listenerClose(listener);
	send(&peer, ACK, NULL, 0);
	hearFor(&peer, RST);
	CHECK(reported(&listenerOwner) == 0);
}

static void listenerOpensAgain(void)
{
	Owner listenerOwner = { 0 }, owner = { 0 }, other = { 0 };
	Peer peer, next;
	Listener* listener;
	SocketError error;
	Connection* connection = acceptOne(&peer, &owner);
	ListenOptions options = { .address = *IP_ANY_TYPE, .port = 80, .backlog = 4 };
	listener = listenOn(80, 4, &listenerOwner);
	CHECK(listenerOpen(board, &options, &other, &error) == NULL);
	CHECK(error == SOCKET_IN_USE);
	next = connectPeer(80);
	CHECK(reported(&listenerOwner) == EVENT_ACCEPT);
	listenerClose(listener);
	hearFor(&next, RST);
	/* The connection that the first listener accepted lives on. */
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	readExpecting(connection, HELLO, HELLO_BYTES);
	/* And one in TIME_WAIT does not forbid the port, either. */
	connectionEnd(connection);
	ignore();
	peer.ack++;
	send(&peer, FIN | ACK, NULL, 0);
	connectionClose(connection);
	listener = listenOn(80, 4, &listenerOwner);
	CHECK(listenerPort(listener) == 80);
	listenerClose(listener);
	ignore();
}

static void backlogIsBounded(void)
{
	Owner listenerOwner = { 0 }, owner = { 0 };
	Listener* listener = listenOn(80, 2, &listenerOwner);
	Peer first = connectPeer(80), second = connectPeer(80), third = knock(80);
	CHECK(!heard(&third));
	CHECK(listenerWaiting(listener) == 2);
	CHECK(listenerAccept(listener, &owner));
	third.seq--;
	send(&third, SYN, NULL, 0);
	CHECK(hear(&third).flags == (SYN | ACK));
	send(&third, ACK, NULL, 0);
	CHECK(listenerWaiting(listener) == 2);
	CHECK(listenerDropped(listener) == 0);
	send(&second, RST | ACK, NULL, 0);
	CHECK(!heard(&first));
	ignore();
}

static void tooManyConnections(void)
{
	Owner listenerOwner = { 0 }, owners[CONNECTIONS_MAX] = { { 0 } };
	Listener* listener = listenOn(80, 4, &listenerOwner);
	Connection* connections[CONNECTIONS_MAX];
	Peer peer;
	ConnectOptions options = { .port = 80 };
	SocketError error;
	int i;
	for (i = 0; i < CONNECTIONS_MAX; i++) {
		connectPeer(80);
		connections[i] = listenerAccept(listener, &owners[i]);
		CHECK(connections[i]);
	}
	CHECK(reported(&listenerOwner) == EVENT_ACCEPT);
	peer = connectPeer(80);
	hearFor(&peer, RST);
	CHECK(reported(&listenerOwner) == 0);
	CHECK(listenerDropped(listener) == 1);
	CHECK(ipaddr_aton("10.0.0.1", &options.address));
	CHECK(connectionOpen(board, &options, &owners[0], &error) == NULL);
	CHECK(error == SOCKET_MEMORY);
	connectionReset(connections[0]);
	peer = connectPeer(80);
	CHECK(reported(&listenerOwner) == EVENT_ACCEPT);
	ignore();
}

static void synWithoutMemory(void)
{
	Owner listenerOwner = { 0 };
	Listener* listener = listenOn(80, 4, &listenerOwner);
	Peer peer;
	limitControlBlocks(1, 1);
	peer = knock(80);
	CHECK(!heard(&peer));
	CHECK(listenerDropped(listener) == 0);
	limitControlBlocks(2, 1);
	peer.seq--;
	send(&peer, SYN, NULL, 0);
	CHECK(hear(&peer).flags == (SYN | ACK));
	send(&peer, ACK, NULL, 0);
	CHECK(listenerWaiting(listener) == 1);
	ignore();
}

static void waitsForAnOwner(void)
{
	Owner owner = { 0 }, next = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	connectionSetOwner(connection, NULL);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	send(&peer, FIN | ACK, NULL, 0);
	CHECK(reported(&owner) == 0);
	connectionSetOwner(connection, &next);
	CHECK(reported(&next) == (EVENT_READABLE | EVENT_WRITABLE));
	readExpecting(connection, HELLO, HELLO_BYTES);
	CHECK(reported(&next) == EVENT_END);
	connectionSetOwner(connection, &owner);
	CHECK(reported(&owner) == (EVENT_WRITABLE | EVENT_END));
	connectionReset(connection);
	/* And of nothing that the owner before has dealt with. */
	connection = acceptOne(&peer, &owner);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	readExpecting(connection, HELLO, HELLO_BYTES);
	connectionSetOwner(connection, &next);
	CHECK(reported(&next) == EVENT_WRITABLE && owner.events == 0);
	connectionClose(connection);
	ignore();
}

const Case ACCEPT_CASES[] = {
	{ "bytes and FIN that are received before accept are kept", bytesAndFinBeforeAccept },
	{ "a client that resets before it is accepted leaves the queue", resetBeforeAccept },
	{ "a listener closed while its news is queued reports nothing any more", listenerClosedWhileNewsIsQueued },
	{ "a listener closed over clients resets those that are still connected", listenerClosedOverResetClient },
	{ "a listener closed during a handshake resets the client", listenerClosedDuringHandshake },
	{ "a port can be listened on again, beside connections that it had", listenerOpensAgain },
	{ "a full backlog leaves a SYN without answer, and takes it later", backlogIsBounded },
	{ "a client beyond the number of connections is reset, and counted", tooManyConnections },
	{ "a client whose SYN finds no control block sends it again, and is not counted", synWithoutMemory },
	{ "an owner gets the bytes received before it was set", waitsForAnOwner },
	{ NULL, NULL },
};
