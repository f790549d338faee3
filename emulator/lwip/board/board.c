#include <stdio.h>
#include <string.h>
#include "board.h"
#include "handles.h"
#include "xsmc.h"
#include "../../../firmware/native/binding.h"
#include "../../../firmware/native/binding-udp.h"
#include "../../xs/native/sockets.h"

/*
 * A board with the firmware's own sockets over lwIP: `TCP`, `Listener` and `UDP` of the program are those of binding.h and binding-udp.h. It takes the
 * place of emulator/xs/native/sockets.c in the engine's process; a network is beside it: wire.c.
 */

/** AddressSanitizer calls this for its options. The process ends with its board: memory of XS and of lwIP is not freed. */
extern const char* __asan_default_options(void);
const char* __asan_default_options(void) { return "detect_leaks=0"; }

static xsSlot tcpPrototype;

void answerText(xsMachine* the, const char* text, const void* bytes, size_t length)
{
	char head[HEAD_MAX];
	int headLength = snprintf(head, sizeof(head), "network%c%s%c", 0, text, 0);
	Frame answer = ask(the, head, (size_t)headLength, bytes, length);
	freeFrame(&answer);
}

/* Classes, as the chip's modules make them */

/** The object of `new`, on which a constructor of binding.c works. */
static void makeThis(xsMachine* the)
{
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

static void search(xsMachine* the)
{
	makeThis(the);
	xs_native_search_constructor(the);
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

static void udp(xsMachine* the)
{
	makeThis(the);
	xs_native_udp_constructor(the);
}

static void udpFormat(xsMachine* the)
{
	xsmcSetString(xsResult, "buffer");
}

static void setUdpFormat(xsMachine* the)
{
	if (xsmcTypeOf(xsArg(0)) != xsStringType || strcmp(xsmcToString(xsArg(0)), "buffer")) xsRangeError("");
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
	method(the, &xsVar(0), "unread", xs_native_tcp_unread, 1);
	method(the, &xsVar(0), "pipe", xs_native_tcp_pipe, 2);
	method(the, &xsVar(0), "unpipe", xs_native_tcp_unpipe, 0);
	define(the, &xsVar(0), "readable", xs_native_tcp_get_readable, xsIsGetter);
	define(the, &xsVar(0), "writable", xs_native_tcp_get_writable, xsIsGetter);
	define(the, &xsVar(0), "passed", xs_native_tcp_get_passed, xsIsGetter);
	define(the, &xsVar(0), "waitsFor", xs_native_tcp_get_waitsFor, xsIsGetter);
	define(the, &xsVar(0), "heldBytes", xs_native_tcp_get_heldBytes, xsIsGetter);
	define(the, &xsVar(0), "found", xs_native_tcp_get_found, xsIsGetter);
	define(the, &xsVar(0), "searchState", xs_native_tcp_get_searchState, xsIsGetter);
	define(the, &xsVar(0), "format", xs_native_tcp_get_format, xsIsGetter);
	define(the, &xsVar(0), "format", xs_native_tcp_set_format, xsIsSetter);

	defineClass(the, "Search", search);

	defineClass(the, "Listener", listener);
	method(the, &xsVar(0), "read", listenerRead, 0);
	method(the, &xsVar(0), "close", xs_native_listener_close, 0);
	define(the, &xsVar(0), "port", xs_native_listener_get_port, xsIsGetter);
	define(the, &xsVar(0), "format", listenerFormat, xsIsGetter);
	define(the, &xsVar(0), "format", setListenerFormat, xsIsSetter);

	defineClass(the, "UDP", udp);
	method(the, &xsVar(0), "read", xs_native_udp_read, 0);
	method(the, &xsVar(0), "write", xs_native_udp_write, 3);
	method(the, &xsVar(0), "add", xs_native_udp_add, 1);
	method(the, &xsVar(0), "remove", xs_native_udp_remove, 1);
	method(the, &xsVar(0), "close", xs_native_udp_close, 0);
	define(the, &xsVar(0), "port", xs_native_udp_get_port, xsIsGetter);
	define(the, &xsVar(0), "dropped", xs_native_udp_get_dropped, xsIsGetter);
	define(the, &xsVar(0), "format", udpFormat, xsIsGetter);
	define(the, &xsVar(0), "format", setUdpFormat, xsIsSetter);
}
