#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "handles.h"
#include "xsmc.h"
#include "../../../firmware/native/binding.h"
#include "../../xs/native/sockets.h"
#include "peer.h"
#include "stack.h"
#include "world.h"

/*
 * A board with the firmware's own sockets over lwIP: `TCP` and `Listener` of the program are those of binding.c, at one end of
 * the wire, and the peer's lwIP is at the other. It takes the place of emulator/xs/native/sockets.c in the engine's process.
 *
 * What Node says to it, as words with blanks between, and the answer, as the request `network`:
 *
 *   boot                    power on: the program has no sockets, and no network       -
 *   join, leave             the network is up, or down                                  -
 *   run                     what happens until the board's time, or until callbacks were called   -
 *   trace                   from then on each packet is a line on standard error         -
 *   listen [<port>]         a server of the peer, on a free port or on this one          its port
 *   unlisten <port>         it accepts no more                                           -
 *   accepted <port> <index> a connection of that server                                  its number, or -1
 *   connect <port>          a client of the peer                                         its number
 *   send <number> <hex>     bytes                                                        -
 *   finish, reset, close, hold, resume, nodelay <number>   see peer.h                     -
 *   peer <number>           ending, port, lengths of its segments; a NUL; its bytes
 *   report                  from then on each change of a peer's connection is reported  -
 *   state                   TCP objects that are not closed; control blocks of connections; blocks of memory of the board's lwIP
 *
 * And what it says:
 *
 *   due <ms>                the next `run` is to come in so many milliseconds, if it has not come before
 *   peer <number> <port of its server, or 0> <own port> <ending> <1: established> <bytes to be acknowledged>
 *                           then the bytes that came since the last report
 */

/** AddressSanitizer calls this for its options. The process ends with its board: memory of XS and of the world is not freed. */
extern const char* __asan_default_options(void);
const char* __asan_default_options(void) { return "detect_leaks=0"; }

static xsMachine* machine;
static xsSlot tcpPrototype;
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

static void boot(xsMachine* the)
{
	if (!started) {
		startWorld(1, (uint32_t)boardMs);
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

static void answerText(const char* text, const void* bytes, size_t length)
{
	char head[HEAD_MAX];
	int headLength = snprintf(head, sizeof(head), "network%c%s%c", 0, text, 0);
	Frame answer = ask(machine, head, (size_t)headLength, bytes, length);
	freeFrame(&answer);
}

static void answerNumber(int number)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", number);
	answerText(text, NULL, 0);
}

static int digit(char hex)
{
	return hex <= '9' ? hex - '0' : hex - 'a' + 10;
}

static void sendHex(int connection, const char* hex)
{
	size_t length = strlen(hex) / 2, i;
	uint8_t* bytes = malloc(length + 1);
	if (!bytes) abort();
	for (i = 0; i < length; i++) bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
	peerSend(connection, bytes, length);
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
	answerText(text, bytes, length);
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
	if (is(text, "boot")) boot(the);
	else if (is(text, "join")) plugStack(true);
	else if (is(text, "leave")) plugStack(false);
	else if (is(text, "run")) run(the);
	else if (is(text, "trace")) traceWorld(true);
	else if (is(text, "listen")) answerNumber(peerListen((uint16_t)first));
	else if (is(text, "unlisten")) peerUnlisten((uint16_t)first);
	else if (is(text, "report")) reporting = true;
	else if (is(text, "accepted")) answerNumber(peerAccepted((uint16_t)first, atoi(second + 1)));
	else if (is(text, "connect")) answerNumber(peerConnect((uint16_t)first));
	else if (is(text, "send")) sendHex(first, second + 1);
	else if (is(text, "finish")) peerFinish(first);
	else if (is(text, "reset")) peerReset(first);
	else if (is(text, "close")) peerClose(first);
	else if (is(text, "hold")) peerHold(first, true);
	else if (is(text, "resume")) peerHold(first, false);
	else if (is(text, "nodelay")) peerNodelay(first);
	else if (is(text, "peer")) answerPeer(first);
	else if (is(text, "state")) {
		char numbers[32];
		snprintf(numbers, sizeof(numbers), "%d %d %d", bindingObjects(), connectionBlocks(), stackBlocks());
		answerText(numbers, NULL, 0);
	}
	else xsUnknownError("lwip: no such command: %s", text);
	if (!running) reportPeers();
}

/* Classes, as the chip's modules make them */

/** The object of `new`, on which a constructor of binding.c works. */
static void makeThis(xsMachine* the)
{
	machine = the;
	xsmcVars(1);
	xsmcGet(xsVar(0), xsTarget, xsID("prototype"));
	xsmcSetNewHostInstance(xsThis, xsVar(0));
	xsResult = xsThis;
}

static void tcp(xsMachine* the)
{
	makeThis(the);
	xs_native_tcp_constructor(the);
}

static void listener(xsMachine* the)
{
	makeThis(the);
	xs_native_listener_constructor(the);
}

static void listenerRead(xsMachine* the)
{
	readListener(the, &tcpPrototype);
}

static void listenerFormat(xsMachine* the)
{
	xsmcSetString(xsResult, "socket/tcp");
}

static void setListenerFormat(xsMachine* the)
{
	if (xsmcTypeOf(xsArg(0)) != xsStringType || strcmp(xsmcToString(xsArg(0)), "socket/tcp")) xsRangeError("");
}

static void define(xsMachine* the, xsSlot* on, const char* name, xsCallback callback, xsAttribute attribute)
{
	xsResult = xsNewHostFunction(callback, attribute == xsIsSetter);
	xsmcDefine(*on, xsID(name), xsResult, attribute | xsDontEnum);
}

/** A class of the program, with its prototype in xsVar(0). */
static void defineClass(xsMachine* the, const char* name, xsCallback constructor)
{
	xsVar(0) = xsNewHostObject(NULL);
	xsVar(1) = xsNewHostConstructor(constructor, 1, xsVar(0));
	xsmcDefine(xsGlobal, xsID(name), xsVar(1), xsDontEnum);
}

void installSockets(xsMachine* the)
{
	xsmcVars(2);
	defineClass(the, "TCP", tcp);
	tcpPrototype = xsVar(0);
	fxRemember(the, &tcpPrototype);
	method(the, &xsVar(0), "read", xs_native_tcp_read, 1);
	method(the, &xsVar(0), "write", xs_native_tcp_write, 1);
	method(the, &xsVar(0), "end", xs_native_tcp_end, 0);
	method(the, &xsVar(0), "close", xs_native_tcp_close, 0);
	define(the, &xsVar(0), "remoteAddress", xs_native_tcp_get_remoteAddress, xsIsGetter);
	define(the, &xsVar(0), "remotePort", xs_native_tcp_get_remotePort, xsIsGetter);
	define(the, &xsVar(0), "format", xs_native_tcp_get_format, xsIsGetter);
	define(the, &xsVar(0), "format", xs_native_tcp_set_format, xsIsSetter);

	defineClass(the, "Listener", listener);
	method(the, &xsVar(0), "read", listenerRead, 0);
	method(the, &xsVar(0), "close", xs_native_listener_close, 0);
	define(the, &xsVar(0), "port", xs_native_listener_get_port, xsIsGetter);
	define(the, &xsVar(0), "format", listenerFormat, xsIsGetter);
	define(the, &xsVar(0), "format", setListenerFormat, xsIsSetter);
}
