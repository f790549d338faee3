#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "handles.h"
#include "sockets.h"

/*
 * `TCP`, `Listener` and `UDP` of the program, as thin as the chip's: each holds its callbacks outside of the
 * heap and asks the board for the rest. Reading and writing copy from and to the program's view, so
 * that nothing is allocated that is not allocated on the chip.
 */

/* Declared in xsmc.h, which would undefine the macros of xs.h. */
extern xsIntegerValue _xsmcGetBuffer(xsMachine* the, xsSlot* slot, void** data, xsUnsignedValue* count, xsBooleanValue writable);
enum { TO_READ, TO_WRITE };

/** The options that the chip's constructors read, in their order. */
static const char* const OPTION_NAMES[] = {
	"format", "onReadable", "onWritable", "onError", "onEnd", "from", "address", "host", "port", "nodelay",
	"keepalive", "timeToLive",
};
enum { OPTIONS = sizeof(OPTION_NAMES) / sizeof(OPTION_NAMES[0]) };

static xsSlot tcpPrototype;

/** Writes what an option is: the board judges it. */
static size_t writeOption(xsMachine* the, char* to, size_t room, const char* name, xsSlot* value)
{
	int length = 0;
	switch (xsTypeOf(*value)) {
	case xsUndefinedType: length = snprintf(to, room, "%s=u", name); break;
	case xsNullType: length = snprintf(to, room, "%s=z", name); break;
	case xsBooleanType: length = snprintf(to, room, "%s=b%d", name, xsToBoolean(*value)); break;
	case xsIntegerType:
	case xsNumberType: length = snprintf(to, room, "%s=d%.17g", name, xsToNumber(*value)); break;
	case xsStringType:
	case xsStringXType: length = snprintf(to, room, "%s=s%s", name, xsToString(*value)); break;
	case xsSymbolType: length = snprintf(to, room, "%s=y", name); break;
	case xsReferenceType:
		if (xsIsInstanceOf(*value, xsFunctionPrototype)) length = snprintf(to, room, "%s=f", name);
		else if (xsIsInstanceOf(*value, tcpPrototype)) {
			Native* native = xsGetHostData(*value);
			length = snprintf(to, room, "%s=t%d", name, native ? native->handle : -1);
		}
		else length = snprintf(to, room, "%s=o", name);
		break;
	default: length = snprintf(to, room, "%s=o", name); break;
	}
	if (length < 0 || (size_t)length >= room) xsRangeError("%s: too long to be sent", name);
	return (size_t)length + 1;
}

static xsBooleanValue isNumber(const char* format)
{
	return !strcmp(format, "number");
}

/** Makes a TCP without a connection, as `new TCP` does. */
static void bare(xsMachine* the)
{
	char question[HEAD_MAX];
	Native* native = newNative(the, TCP);
	Frame answer = ask(the, question, head(question, "bare", native->handle) - 1, NULL, 0);
	freeFrame(&answer);
	xsResult = xsNewHostInstance(tcpPrototype);
	adopt(the, native, &xsResult);
}

/** Closes an object that has its data. */
static void closeObject(xsMachine* the, xsSlot object, xsBooleanValue reset)
{
	Native* native = xsGetHostData(object);
	char question[HEAD_MAX];
	size_t length;
	Frame answer;
	if (!native) return;
	length = head(question, "close", native->handle);
	length += (size_t)sprintf(question + length, "%d", reset);
	answer = ask(the, question, length, NULL, 0);
	freeFrame(&answer);
	dropNative(the, native);
}

/** A subclass may have a setter, which may close the object. What throws leaves no socket that the program cannot close. */
static void copyTarget(xsMachine* the)
{
	if (!xsHas(xsArg(0), xsID("target"))) return;
	xsTry {
		xsVar(0) = xsGet(xsArg(0), xsID("target"));
		xsSet(xsResult, xsID("target"), xsVar(0));
	}
	xsCatch {
		closeObject(the, xsResult, 0);
		xsThrow(xsException);
	}
}

/** Constructs the object of `new` after the board has accepted the options; if it refuses, nothing is allocated. */
static void construct(xsMachine* the, const char* word, Kind kind)
{
	char question[HEAD_MAX];
	Native* native;
	Native* from = NULL;
	xsBooleanValue numbers = 0;
	size_t length;
	int i;
	xsVars(2);
	if (kind == TCP && xsToInteger(xsArgc) == 0) {
		bare(the);
		return;
	}
	if (xsToInteger(xsArgc) < 1 || xsTypeOf(xsArg(0)) != xsReferenceType) xsTypeError("no options");
	native = newNative(the, kind);
	xsTry {
		Frame answer;
		length = head(question, word, native->handle);
		for (i = 0; i < OPTIONS; i++) {
			xsIdentifier id = xsID(OPTION_NAMES[i]);
			if (!xsHas(xsArg(0), id)) continue;
			xsVar(0) = xsGet(xsArg(0), id);
			length += writeOption(the, question + length, HEAD_MAX - length, OPTION_NAMES[i], &xsVar(0));
			if (!strcmp(OPTION_NAMES[i], "from") && xsTypeOf(xsVar(0)) == xsReferenceType && xsIsInstanceOf(xsVar(0), tcpPrototype))
				from = xsGetHostData(xsVar(0));
			if (!strcmp(OPTION_NAMES[i], "format") && xsTest(xsVar(0))) numbers = isNumber(xsToString(xsVar(0)));
		}
		answer = ask(the, question, length - 1, NULL, 0);
		freeFrame(&answer);
	}
	xsCatch {
		releaseNative(native);
		xsThrow(xsException);
	}
	native->numbers = numbers;
	if (from) dropNative(the, from);
	xsVar(1) = xsGet(xsTarget, xsID("prototype"));
	xsResult = xsNewHostInstance(xsVar(1));
	for (i = 0; i < CALLBACKS; i++) {
		if (xsHas(xsArg(0), xsID(CALLBACK_NAMES[i])))
			native->callbacks[i] = xsGet(xsArg(0), xsID(CALLBACK_NAMES[i]));
	}
	adopt(the, native, &xsResult);
	copyTarget(the);
}

/* TCP */

static void tcp(xsMachine* the)
{
	construct(the, "new", TCP);
}

static void tcpRead(xsMachine* the)
{
	Native* native = nativeOf(the, TCP);
	char question[HEAD_MAX];
	size_t length = head(question, "read", native->handle);
	Frame answer;
	xsBooleanValue given = !native->numbers && xsToInteger(xsArgc) > 0;
	xsBooleanValue into = given && xsTypeOf(xsArg(0)) == xsReferenceType;
	void* to;
	xsUnsignedValue count;
	if (into) {
		_xsmcGetBuffer(the, &xsArg(0), &to, &count, TO_WRITE);
		length += (size_t)sprintf(question + length, "%u", count);
	}
	else if (given)
		length += (size_t)sprintf(question + length, "%d", xsToInteger(xsArg(0)));
	else length += (size_t)sprintf(question + length, "all");
	answer = ask(the, question, length, NULL, 0);
	if (answer.length == 0) xsResult = xsUndefined;	/* nothing waits; zero bytes are never read */
	else if (native->numbers) xsResult = xsInteger((unsigned char)answer.bytes[0]);
	else if (into) {
		_xsmcGetBuffer(the, &xsArg(0), &to, &count, TO_WRITE);	/* asking may have moved it */
		memcpy(to, answer.bytes, answer.length);
		xsResult = xsInteger((xsIntegerValue)answer.length);
	}
	else xsResult = xsArrayBuffer(answer.bytes, (xsIntegerValue)answer.length);
	freeFrame(&answer);
}

static void tcpWrite(xsMachine* the)
{
	Native* native = nativeOf(the, TCP);
	char question[HEAD_MAX];
	size_t length;
	unsigned char byte;
	void* from = &byte;
	xsUnsignedValue count = 1;
	Frame answer;
	if (native->numbers) {
		byte = (unsigned char)xsToInteger(xsArg(0));
		native = nativeOf(the, TCP);	/* the conversion may have closed the socket */
	}
	length = head(question, "write", native->handle);
	if (!native->numbers) _xsmcGetBuffer(the, &xsArg(0), &from, &count, TO_READ);
	answer = ask(the, question, length, from, count);
	numberResult(the, &answer);
}

static void get(xsMachine* the, const char* name, Kind kind)
{
	Native* native = nativeOf(the, kind);
	char question[HEAD_MAX];
	size_t length = head(question, "get", native->handle);
	Frame answer;
	length += (size_t)sprintf(question + length, "%s", name);
	answer = ask(the, question, length, NULL, 0);
	if (answer.bytes[0] == '"') xsResult = xsStringBuffer(answer.bytes + 1, (xsIntegerValue)answer.length - 1);
	else {
		numberResult(the, &answer);
		return;
	}
	freeFrame(&answer);
}

static void tcpAddress(xsMachine* the) { get(the, "remoteAddress", TCP); }
static void tcpPort(xsMachine* the) { get(the, "remotePort", TCP); }
static void tcpFormat(xsMachine* the) { get(the, "format", TCP); }
static void listenerPort(xsMachine* the) { get(the, "port", LISTENER); }

static void setTcpFormat(xsMachine* the)
{
	char question[HEAD_MAX];
	const char* format;
	Native* native;
	size_t length;
	Frame answer;
	nativeOf(the, TCP);
	xsVars(1);
	xsVar(0) = xsString(xsToString(xsArg(0)));
	native = nativeOf(the, TCP);	/* the conversion may have closed the socket */
	length = head(question, "format", native->handle);
	length += (size_t)snprintf(question + length, HEAD_MAX - length, "%s", xsToString(xsVar(0)));
	answer = ask(the, question, length, NULL, 0);
	format = xsToString(xsVar(0));
	native->numbers = isNumber(format);
	freeFrame(&answer);
}

static void closeNative(xsMachine* the, Kind kind, xsBooleanValue reset)
{
	if (!xsGetHostData(xsThis)) return;
	nativeOf(the, kind);
	closeObject(the, xsThis, reset);
}

static void tcpClose(xsMachine* the) { closeNative(the, TCP, xsToInteger(xsArgc) > 0 && xsTest(xsArg(0))); }

static void tcpEnd(xsMachine* the)
{
	Native* native = nativeOf(the, TCP);
	char question[HEAD_MAX];
	Frame answer = ask(the, question, head(question, "end", native->handle) - 1, NULL, 0);
	freeFrame(&answer);
}

static void tcpUnread(xsMachine* the)
{
	Native* native = nativeOf(the, TCP);
	char question[HEAD_MAX];
	void* from;
	xsUnsignedValue count;
	Frame answer;
	_xsmcGetBuffer(the, &xsArg(0), &from, &count, TO_READ);
	answer = ask(the, question, head(question, "unread", native->handle), from, count);
	xsResult = xsBoolean(answer.bytes[0] == '1');
	freeFrame(&answer);
}

/* Listener */

static const char LISTENER_FORMAT[] = "socket/tcp";

static void listenerClose(xsMachine* the) { closeNative(the, LISTENER, 0); }

/** The SDK's is JavaScript, which asks nothing of its receiver (listener.js). */
static void listenerFormat(xsMachine* the)
{
	xsResult = xsString(LISTENER_FORMAT);
}

static void setListenerFormat(xsMachine* the)
{
	if (xsTypeOf(xsArg(0)) != xsStringType || strcmp(xsToString(xsArg(0)), LISTENER_FORMAT)) xsRangeError("");
}

static void listener(xsMachine* the)
{
	construct(the, "listen", LISTENER);
}

static void listenerRead(xsMachine* the)
{
	Native* native = nativeOf(the, LISTENER);
	Native* accepted = newNative(the, TCP);
	char question[HEAD_MAX];
	size_t length = head(question, "accept", native->handle);
	Frame answer;
	length += (size_t)sprintf(question + length, "%d", accepted->handle);
	xsTry {
		answer = ask(the, question, length, NULL, 0);
	}
	xsCatch {
		releaseNative(accepted);
		xsThrow(xsException);
	}
	if (answer.bytes[0] == '-') {
		releaseNative(accepted);
		xsResult = xsUndefined;
	}
	else {
		xsResult = xsNewHostInstance(tcpPrototype);
		adopt(the, accepted, &xsResult);
	}
	freeFrame(&answer);
}

/* UDP */

static const char UDP_FORMAT[] = "buffer";

static void udp(xsMachine* the)
{
	construct(the, "udp", UDP);
}

static void udpRead(xsMachine* the)
{
	Native* native = nativeOf(the, UDP);
	char question[HEAD_MAX];
	size_t addressLength, headLength;
	Frame answer = ask(the, question, head(question, "receive", native->handle) - 1, NULL, 0);
	if (answer.length == 0) {
		freeFrame(&answer);
		return;
	}
	xsVars(1);
	addressLength = strlen(answer.bytes) + 1;
	headLength = addressLength + strlen(answer.bytes + addressLength) + 1;
	xsResult = xsArrayBuffer(answer.bytes + headLength, (xsIntegerValue)(answer.length - headLength));
	xsVar(0) = xsInteger(atoi(answer.bytes + addressLength));
	xsSet(xsResult, xsID("port"), xsVar(0));
	xsVar(0) = xsString(answer.bytes);
	xsSet(xsResult, xsID("address"), xsVar(0));
	freeFrame(&answer);
}

/** Adds an argument that is an address to a question for a socket. */
static size_t withAddress(xsMachine* the, char* question, const char* word, xsSlot* value, xsSlot* port)
{
	char* address = xsToString(*value);	/* conversions may close the socket: first they, then nativeOf */
	xsIntegerValue number = 0;
	Native* native;
	size_t length;
	if (strlen(address) > HEAD_MAX / 2) xsRangeError("invalid IP address");
	if (port) {
		number = xsToInteger(*port);
		address = xsToString(*value);	/* the conversion may have moved it */
	}
	native = nativeOf(the, UDP);
	length = head(question, word, native->handle);
	length += (size_t)sprintf(question + length, "%s", address);
	if (port) length += (size_t)sprintf(question + length, "%c%d%c", 0, number, 0);
	return length;
}

static void udpWrite(xsMachine* the)
{
	char question[HEAD_MAX];
	size_t length = withAddress(the, question, "send", &xsArg(1), &xsArg(2));
	void* from;
	xsUnsignedValue count;
	Frame answer;
	_xsmcGetBuffer(the, &xsArg(0), &from, &count, TO_READ);
	answer = ask(the, question, length, from, count);
	freeFrame(&answer);
}

static void askGroup(xsMachine* the, const char* word)
{
	char question[HEAD_MAX];
	Frame answer = ask(the, question, withAddress(the, question, word, &xsArg(0), NULL), NULL, 0);
	freeFrame(&answer);
}

static void udpAdd(xsMachine* the) { askGroup(the, "join"); }
static void udpRemove(xsMachine* the) { askGroup(the, "leave"); }
static void udpClose(xsMachine* the) { closeNative(the, UDP, 0); }
static void udpPort(xsMachine* the) { get(the, "port", UDP); }
static void udpDropped(xsMachine* the) { get(the, "dropped", UDP); }

static void udpFormat(xsMachine* the)
{
	xsResult = xsString(UDP_FORMAT);
}

static void setUdpFormat(xsMachine* the)
{
	if (xsTypeOf(xsArg(0)) != xsStringType || strcmp(xsToString(xsArg(0)), UDP_FORMAT)) xsRangeError("");
}

void deliverEvent(xsMachine* the, const char* text)
{
	int handle, event;
	char argument[32];
	Native* native;
	if (sscanf(text, "%d %d %31s", &handle, &event, argument) != 3 || event < 0 || event >= CALLBACKS)
		xsUnknownError("xs: no event: %s", text);
	native = nativeAt(handle);
	if (!native) xsUnknownError("xs: an event for a socket that is closed");
	if (!strcmp(argument, "-")) xsCallFunction0(native->callbacks[event], native->self);
	else if (event == ERROR) xsCallFunction1(native->callbacks[event], native->self, xsString(argument));
	else xsCallFunction1(native->callbacks[event], native->self, xsInteger(atoi(argument)));
}

static void getter(xsMachine* the, xsSlot* on, const char* name, xsCallback callback)
{
	xsResult = xsNewHostFunction(callback, 0);
	xsDefine(*on, xsID(name), xsResult, xsIsGetter | xsDontEnum);
}

static void setter(xsMachine* the, xsSlot* on, const char* name, xsCallback callback)
{
	xsResult = xsNewHostFunction(callback, 1);
	xsDefine(*on, xsID(name), xsResult, xsIsSetter | xsDontEnum);
}

void installSockets(xsMachine* the)
{
	xsVars(2);
	xsVar(0) = xsNewHostObject(NULL);
	xsVar(1) = xsNewHostConstructor(tcp, 1, xsVar(0));
	xsDefine(xsGlobal, xsID("TCP"), xsVar(1), xsDontEnum);
	tcpPrototype = xsVar(0);
	fxRemember(the, &tcpPrototype);
	method(the, &xsVar(0), "read", tcpRead, 1);
	method(the, &xsVar(0), "write", tcpWrite, 1);
	method(the, &xsVar(0), "close", tcpClose, 1);
	method(the, &xsVar(0), "end", tcpEnd, 0);
	method(the, &xsVar(0), "unread", tcpUnread, 1);
	getter(the, &xsVar(0), "remoteAddress", tcpAddress);
	getter(the, &xsVar(0), "remotePort", tcpPort);
	getter(the, &xsVar(0), "format", tcpFormat);
	setter(the, &xsVar(0), "format", setTcpFormat);

	xsVar(0) = xsNewHostObject(NULL);
	xsVar(1) = xsNewHostConstructor(listener, 1, xsVar(0));
	xsDefine(xsGlobal, xsID("Listener"), xsVar(1), xsDontEnum);
	method(the, &xsVar(0), "read", listenerRead, 0);
	method(the, &xsVar(0), "close", listenerClose, 0);
	getter(the, &xsVar(0), "port", listenerPort);
	getter(the, &xsVar(0), "format", listenerFormat);
	setter(the, &xsVar(0), "format", setListenerFormat);

	xsVar(0) = xsNewHostObject(NULL);
	xsVar(1) = xsNewHostConstructor(udp, 1, xsVar(0));
	xsDefine(xsGlobal, xsID("UDP"), xsVar(1), xsDontEnum);
	method(the, &xsVar(0), "read", udpRead, 0);
	method(the, &xsVar(0), "write", udpWrite, 3);
	method(the, &xsVar(0), "add", udpAdd, 1);
	method(the, &xsVar(0), "remove", udpRemove, 1);
	method(the, &xsVar(0), "close", udpClose, 0);
	getter(the, &xsVar(0), "port", udpPort);
	getter(the, &xsVar(0), "dropped", udpDropped);
	getter(the, &xsVar(0), "format", udpFormat);
	setter(the, &xsVar(0), "format", setUdpFormat);
}
