#include "peer-script.h"
#include "stack.h"

/*
 * Cases: memory that runs out, at each of the places where it is needed.
 */

/** A whole life, in which one allocation may fail. Did it come to its end? */
static bool live(void)
{
	Owner listenerOwner = { 0 }, owner = { 0 };
	ListenOptions listen = { .address = *IP_ANY_TYPE, .port = 80, .backlog = 4 };
	ConnectOptions connect = { .port = 8080 };
	SocketError error;
	Connection* connection;
	Connection* accepted = NULL;
	Listener* listener = listenerOpen(board, &listen, &listenerOwner, &error);
	CHECK(listener || error == SOCKET_MEMORY);
	CHECK(ipaddr_aton("10.0.0.1", &connect.address));
	connection = connectionOpen(board, &connect, &owner, &error);
	CHECK(connection || error == SOCKET_MEMORY);
	if (listener) {
		Peer peer = knock(80);
		if (heard(&peer) && hear(&peer).flags == (SYN | ACK)) {
			send(&peer, ACK, NULL, 0);
			send(&peer, PSH | ACK, HELLO, HELLO_BYTES);
		}
		accepted = listenerAccept(listener, &owner);
		listenerClose(listener);
	}
	bool whole = connection && accepted;
	if (accepted) {
		uint8_t buffer[HELLO_BYTES];
		whole = whole && connectionRead(accepted, buffer, sizeof(buffer)) == HELLO_BYTES;
		whole = whole && connectionWrite(accepted, pattern(), WINDOW) == WINDOW;
		connectionEnd(accepted);
		connectionClose(accepted);
	}
	if (connection) connectionClose(connection);
	forgetAll();
	serve();
	return whole;
}

static void everyAllocationFails(void)
{
	enum { MORE_THAN_A_LIFE_TAKES = 60 };
	int blocks = stackBlocks();
	int n;
	for (n = 0; n < MORE_THAN_A_LIFE_TAKES; n++) {
		failAllocations(n, 1);
		live();
		CHECK(stackBlocks() == blocks);
	}
	failAllocations(0, 0);
	CHECK(live());
}

const Case MEMORY_CASES[] = {
	{ "whichever allocation fails, it is reported or made good, and nothing is left", everyAllocationFails },
	{ NULL, NULL },
};
