#include "peer-script.h"

/*
 * Cases: what is reported to the application, and by how many messages.
 */

static void closedWhileNewsIsQueued(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(messages() == 1);
	connectionClose(connection);
	hearFor(&peer, RST);
	send(&peer, RST | ACK, NULL, 0);
	CHECK(reported(&owner) == 0);
	connection = acceptOne(&peer, &owner);
	send(&peer, RST | ACK, NULL, 0);
	CHECK(messages() == 1);
	connectionReset(connection);
	CHECK(reported(&owner) == 0);
	ignore();
}

static void manyEventsOneMessage(void)
{
	Owner owner = { 0 }, other = { 0 };
	Peer peer, second;
	Connection* connection = acceptOne(&peer, &owner);
	Connection* next = acceptOne(&second, &other);
	int i;
	for (i = 0; i < 200; i++) {
		send(&peer, PSH | ACK, HELLO, 1);
		send(&second, PSH | ACK, HELLO, 1);
		ignore();
	}
	CHECK(messages() == 1);
	serve();
	CHECK(owner.events == EVENT_READABLE && other.events == EVENT_READABLE);
	CHECK(messages() == 0);
	connectionReset(connection);
	connectionReset(next);
	ignore();
}

/** Events during a round are reported by another message, also those after the round's last event. */
static void noWakeUpIsLost(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	unsigned events;
	send(&peer, PSH | ACK, HELLO, 1);
	CHECK(socketsNext(board, &events) == &owner && events == EVENT_READABLE);
	send(&peer, PSH | ACK, HELLO, 1);
	CHECK(messages() == 1);
	CHECK(socketsNext(board, &events) == NULL);
	CHECK(messages() == 2);
	CHECK(socketsNext(board, &events) == &owner && events == EVENT_READABLE);
	CHECK(socketsNext(board, &events) == NULL);
	send(&peer, PSH | ACK, HELLO, 1);
	CHECK(messages() == 3);
	CHECK(socketsNext(board, &events) == &owner);
	CHECK(socketsNext(board, &events) == NULL);
	CHECK(messages() == 3);
	connectionReset(connection);
	ignore();
}

/** Two sockets that keep each other busy do not hold up the application's other messages. */
static void aRoundEnds(void)
{
	Owner owner = { 0 }, other = { 0 };
	Peer peer, second;
	Connection* connection = acceptOne(&peer, &owner);
	Connection* next = acceptOne(&second, &other);
	unsigned events, reportCount = 0;
	send(&peer, PSH | ACK, HELLO, 1);
	send(&second, PSH | ACK, HELLO, 1);
	while (socketsNext(board, &events) && ++reportCount < 10) {
		send(&peer, PSH | ACK, HELLO, 1);
		send(&second, PSH | ACK, HELLO, 1);
	}
	CHECK(reportCount == 2);
	connectionReset(connection);
	connectionReset(next);
	ignore();
}

static void messageThatCannotBePosted(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	takeMessages(false);
	send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(messages() == 0);
	takeMessages(true);
	pass(1000);
	CHECK(messages() == 1);
	CHECK(reported(&owner) == EVENT_READABLE);
	connectionReset(connection);
	ignore();
}

/** lwIP has freed the control block, so that it is not polled. */
static void lastMessageCannotBePosted(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	takeMessages(false);
	send(&peer, RST | ACK, NULL, 0);
	pass(1000);
	CHECK(messages() == 0);
	takeMessages(true);
	pass(1000);
	CHECK(messages() == 1);
	CHECK(reported(&owner) == EVENT_ERROR);
	connectionClose(connection);
	/* The sockets may be stopped before. */
	acceptOne(&peer, &owner);
	takeMessages(false);
	send(&peer, RST | ACK, NULL, 0);
	ignore();
}

static void peerIsKnownAfterReset(void)
{
	Owner owner = { 0 };
	Peer peer;
	Connection* connection = acceptOne(&peer, &owner);
	ip_addr_t address, expected;
	uint16_t port;
	send(&peer, RST | ACK, NULL, 0);
	connectionRemote(connection, &address, &port);
	CHECK(ipaddr_aton("10.0.0.1", &expected));
	CHECK(ip_addr_cmp(&address, &expected) && port == peer.port);
	connectionLocal(connection, &address, &port);
	CHECK(port == 0);
	connectionSetNodelay(connection, true);
	connectionSetKeepalive(connection, 1000);
	connectionClose(connection);
}

const Case NEWS_CASES[] = {
	{ "a connection closed while its news is queued reports nothing any more", closedWhileNewsIsQueued },
	{ "two hundred events are one message", manyEventsOneMessage },
	{ "no wake-up is lost while a message is served", noWakeUpIsLost },
	{ "a round of news ends, whatever comes meanwhile", aRoundEnds },
	{ "a message that cannot be posted is posted later", messageThatCannotBePosted },
	{ "the news of a lost connection is posted later when it cannot be posted", lastMessageCannotBePosted },
	{ "the peer's address is known after a reset", peerIsKnownAfterReset },
	{ NULL, NULL },
};
