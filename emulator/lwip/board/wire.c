#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "board.h"
#include "handles.h"
#include "xsmc.h"
#include "../../../firmware/native/binding.h"
#include "../../xs/native/sockets.h"
#include "lwip/ip_addr.h"
#include "peer.h"
#include "stack.h"
#include "world.h"
#ifdef COUNTED
#include <valgrind/callgrind.h>
#endif

/*
 * The network of a board in virtual time: its lwIP at one end of a wire, and the peer's at the other.
 *
 * What Node says to it, as words with blanks between, and the answer, as the request `network`:
 *
 *   boot <seed>             power on: the program has no sockets, and no network. The seed is that of the world: the first one of a process -
 *   join, leave             the network is up, or down                                  -
 *   readdress <address>     the board has another address                              -
 *   run                     what happens until the board's time, or until callbacks were called   -
 *   trace                   from then on each packet is a line on standard error         -
 *   listen [<port>]         a server of the peer, on a free port or on this one          its port
 *   unlisten <port>         it accepts no more                                           -
 *   accepted <port> <index> a connection of that server                                  its number, or -1
 *   address <address>       one more address of the peer                                 -
 *   connect <port> [<address>]   a client of the peer, from this address of the peer     its number
 *   send <number> <hex>     bytes                                                        -
 *   finish, reset, close, hold, resume, nodelay <number>   see peer.h                     -
 *   peer <number>           ending, port, lengths of its segments; a NUL; its bytes
 *   echo <port>             a server that sends each datagram back                       -
 *   bind, unbind <port>     datagrams to this port of the peer are reported              -
 *   datagram <port> <address> <port> <hex>   sends one from that port of the peer          -
 *   weather <address> <0: to the peer, 1: to the board> <delay min> <delay max> <loss> <duplicates> <reordered> <by ms> <resets>
 *                           of the packets from or to that address of the peer; see world.h    -
 *   limit <bytes>           lwIP of the board gets no more memory than that             -
 *   blocks <count>          the board has so many control blocks, listeners included     -
 *   held                    bytes of memory that it has                                  bytes
 *   hash                    of all packets so far                                        16 hexadecimal digits
 *   report                  from then on each change of a peer's connection is reported  -
 *   count                   callgrind writes what it has counted so far to a file, and counts from 0
 *   state                   TCP objects that are not closed; control blocks of connections; blocks of memory of the board's lwIP
 *
 * And what it says:
 *
 *   due <ms>                the next `run` is to come in so many milliseconds, if it has not come before
 *   peer <number> <port of its server, or 0> <own port> <ending> <1: established> <bytes to be acknowledged>
 *                           then the bytes that came since the last report
 *   datagram <port> <address> <port>   received at that port of the peer; then its bytes
 */

static xsMachine* machine;
static bool started, running, posted, reporting;

/* Tells Node when the next `run` is due: at once if callbacks wait, else at the next event of the world. */
static void tellDue(void)
{
	char question[64];
	Frame answer;
	uint32_t waitMs = posted ? 0 : worldWaitMs();
	int length = sprintf(question, "due%c%u", 0, (unsigned)waitMs);
	answer = ask(machine, question, (size_t)length, NULL, 0);
	freeFrame(&answer);
}

/** A packet is on the wire, earlier than what was to be next. */
static void sooner(void)
{
	if (!running) tellDue();
}

bool portPost(xsMachine* the)
{
	(void)the;
	posted = true;
	sooner();
	return true;
}

/** While the world runs its time is that of its events; what the program does meanwhile takes no time. */
static uint32_t clockOfBoard(uint32_t eventMs)
{
	return running ? eventMs : (uint32_t)boardMs;
}

static const char* const ENDINGS[] = { "none", "finished", "reset" };

static void reportPeers(void)
{
	int number;
	while (reporting && (number = peerChanged()) >= 0) {
		char question[HEAD_MAX];
		const uint8_t* bytes;
		size_t length = peerReceived(number, &bytes);
		int headLength = snprintf(question, sizeof(question), "peer%c%d %u %u %s %d %lu%c", 0, number, peerServer(number), peerPort(number),
			ENDINGS[peerEnding(number)], peerConnected(number), (unsigned long)peerUnsent(number), 0);
		Frame answer = ask(machine, question, (size_t)headLength, bytes, length);
		freeFrame(&answer);
		peerForget(number);
	}
}

static void reportDatagrams(void)
{
	PeerDatagram* datagram;
	while ((datagram = peerReceivedDatagram()) != NULL) {
		char question[64];
		char address[IP4ADDR_STRLEN_MAX];
		ip4_addr_t from = { datagram->from };
		Frame answer;
		int length = snprintf(question, sizeof(question), "datagram%c%u %s %u%c", 0, datagram->port,
			ip4addr_ntoa_r(&from, address, sizeof(address)), datagram->fromPort, 0);
		answer = ask(machine, question, (size_t)length, datagram->bytes, datagram->length);
		freeFrame(&answer);
		free(datagram);
	}
}

static void run(xsMachine* the)
{
	running = true;
	while (!posted && stepWorld((uint32_t)boardMs)) continue;
	if (posted) {
		posted = false;
		bindingDeliver(the);
	}
	running = false;
	tellDue();
}

static void boot(xsMachine* the, const char* seed)
{
	if (!started) {
		startWorld(strtoull(seed, NULL, 10), (uint32_t)boardMs);
		onSooner(sooner);
		onLoop(sooner);
		setWorldClock(clockOfBoard);
		started = true;
	}
	running = true;	/* nothing of what follows reaches the wire */
	plugStack(false);
	bindingStop(the);
	forgetConnections();
	running = posted = false;
	tellDue();
}

/* Commands */

static void answerNumber(int number)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", number);
	answerText(machine, text, NULL, 0);
}

static int digit(char hex)
{
	return hex <= '9' ? hex - '0' : hex - 'a' + 10;
}

/** The bytes that a text says, to be freed. */
static uint8_t* bytesOf(const char* hex, size_t* length)
{
	size_t i;
	uint8_t* bytes;
	*length = strlen(hex) / 2;
	bytes = malloc(*length + 1);
	if (!bytes) abort();
	for (i = 0; i < *length; i++) bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
	return bytes;
}

static void sendHex(int connection, const char* hex)
{
	size_t length;
	uint8_t* bytes = bytesOf(hex, &length);
	peerSend(connection, bytes, length);
	free(bytes);
}

static void sendDatagram(xsMachine* the, const char* text)
{
	char address[IP4ADDR_STRLEN_MAX];
	unsigned port, toPort;
	int at = 0;
	size_t length;
	uint8_t* bytes;
	if (sscanf(text, "%u %15s %u %n", &port, address, &toPort, &at) != 3) xsUnknownError("lwip: no datagram: %s", text);
	bytes = bytesOf(text + at, &length);
	peerSendDatagram((uint16_t)port, ipaddr_addr(address), (uint16_t)toPort, bytes, length);
	free(bytes);
}

static void answerPeer(int connection)
{
	char text[HEAD_MAX - 16];
	const uint32_t* lengths;
	const uint8_t* bytes;
	int count = peerPieces(connection, &lengths);
	size_t length = (size_t)snprintf(text, sizeof(text), "%s %u", ENDINGS[peerEnding(connection)], peerPort(connection));
	int i;
	for (i = 0; i < count && length < sizeof(text) - 16; i++)
		length += (size_t)sprintf(text + length, " %u", (unsigned)lengths[i]);
	length = peerReceived(connection, &bytes);
	answerText(machine, text, bytes, length);
}

static void setWeatherBy(xsMachine* the, const char* text)
{
	char address[IP4ADDR_STRLEN_MAX];
	int way;
	Weather given;
	int read = sscanf(text, "%15s %d %u %u %u %u %u %u %u", address, &way, &given.delayMinMs, &given.delayMaxMs,
		&given.lossPermille, &given.duplicatePermille, &given.reorderPermille, &given.reorderMs, &given.resetPermille);
	if (read != 9) xsUnknownError("lwip: no weather: %s", text);
	setWeatherOf(ipaddr_addr(address), way ? TO_BOARD : TO_PEER, &given);
}

static void answerHash(xsMachine* the)
{
	char text[17];
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)worldHash());
	answerText(the, text, NULL, 0);
}

static void count(xsMachine* the)
{
#ifdef COUNTED
	(void)the;
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_DUMP_STATS;
#else
	xsUnknownError("lwip: this program was not built for callgrind");
#endif
}

static bool is(const char* text, const char* word)
{
	return !strncmp(text, word, strlen(word));
}

void deliverEvent(xsMachine* the, const char* text)
{
	const char* rest = strchr(text, ' ');
	int first = rest ? atoi(rest + 1) : 0;
	const char* second = rest ? strchr(rest + 1, ' ') : NULL;
	machine = the;
	if (is(text, "boot")) boot(the, rest + 1);
	else if (is(text, "join")) plugStack(true);
	else if (is(text, "leave")) plugStack(false);
	else if (is(text, "readdress")) readdressStack(ipaddr_addr(rest + 1));
	else if (is(text, "run")) run(the);
	else if (is(text, "trace")) traceWorld(true);
	else if (is(text, "listen")) answerNumber(peerListen((uint16_t)first));
	else if (is(text, "unlisten")) peerUnlisten((uint16_t)first);
	else if (is(text, "echo")) peerEcho((uint16_t)first);
	else if (is(text, "bind")) peerBind((uint16_t)first);
	else if (is(text, "unbind")) peerUnbind((uint16_t)first);
	else if (is(text, "datagram")) sendDatagram(the, rest + 1);
	else if (is(text, "report")) reporting = true;
	else if (is(text, "accepted")) answerNumber(peerAccepted((uint16_t)first, atoi(second + 1)));
	else if (is(text, "connect")) answerNumber(peerConnect((uint16_t)first, second ? ipaddr_addr(second + 1) : 0));
	else if (is(text, "address")) peerAddAddress(ipaddr_addr(rest + 1));
	else if (is(text, "weather")) setWeatherBy(the, rest + 1);
	else if (is(text, "limit")) limitStackBytes((size_t)first);
	else if (is(text, "blocks")) limitControlBlocks(first, CONFIG_LWIP_MAX_LISTENING_TCP);
	else if (is(text, "held")) answerNumber((int)stackBytes());
	else if (is(text, "hash")) answerHash(the);
	else if (is(text, "send")) sendHex(first, second + 1);
	else if (is(text, "finish")) peerFinish(first);
	else if (is(text, "reset")) peerReset(first);
	else if (is(text, "close")) peerClose(first);
	else if (is(text, "hold")) peerHold(first, true);
	else if (is(text, "resume")) peerHold(first, false);
	else if (is(text, "nodelay")) peerNodelay(first);
	else if (is(text, "peer")) answerPeer(first);
	else if (is(text, "count")) count(the);
	else if (is(text, "state")) {
		char numbers[32];
		snprintf(numbers, sizeof(numbers), "%d %d %d", bindingObjects(), connectionBlocks(), stackBlocks());
		answerText(machine, numbers, NULL, 0);
	}
	else xsUnknownError("lwip: no such command: %s", text);
	if (running) return;
	reportPeers();
	reportDatagrams();
}
