#include "lwip/netif.h"
#include "peer-script.h"
#include "stack.h"

/*
 * Cases: what becomes of a connection that the board opens.
 */

static void connectTimesOut(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = openConnection(&peer, &owner);
	pass(200000);
	ignore();
	CHECK(reported(&owner) == EVENT_ERROR);
	CHECK(connectionError(connection) == SOCKET_TIMEOUT);
	CHECK(connectionWrite(connection, HELLO, HELLO_BYTES) == -1);
	connectionClose(connection);
}

static void connectIsRefused(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = openConnection(&peer, &owner);
	send(&peer, RST | ACK, NULL, 0);
	CHECK(reported(&owner) == EVENT_ERROR);
	CHECK(connectionError(connection) == SOCKET_REFUSED);
	connectionClose(connection);
}

static void noRouteIsTold(void)
{
	Owner owner = { 0 };
	ConnectOptions options = { .port = 80 };
	SocketError error;
	netif_set_default(NULL);
	CHECK(ipaddr_aton("192.0.2.1", &options.address));
	CHECK(connectionOpen(board, &options, &owner, &error) == NULL);
	CHECK(error == SOCKET_UNREACHABLE);
	CHECK(controlBlocks() == 0);
}

static void closedWhileConnecting(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = openConnection(&peer, &owner);
	connectionClose(connection);
	CHECK(controlBlocks() == 0);
	send(&peer, SYN | ACK, NULL, 0);
	hearFor(&peer, RST);
	CHECK(reported(&owner) == 0);
}

static void endBeforeConnected(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = openConnection(&peer, &owner);
	connectionEnd(connection);
	CHECK(!heard(&peer));
	send(&peer, SYN | ACK, NULL, 0);
	hearFor(&peer, FIN);
	send(&peer, ACK, NULL, 0);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == EVENT_READABLE);
	readExpecting(connection, HELLO, HELLO_BYTES);
	connectionClose(connection);
	ignore();
}

const Case CONNECT_CASES[] = {
	{ "a connect without an answer ends with a time-out", connectTimesOut },
	{ "a connect that is reset is refused", connectIsRefused },
	{ "an address without a route is refused at once, and leaves no control block", noRouteIsTold },
	{ "a connection closed while it connects is forgotten", closedWhileConnecting },
	{ "a FIN asked for before the connection is established follows, and the answer is read", endBeforeConnected },
	{ NULL, NULL },
};
