#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "handles.h"
#include "sockets.h"

/*
 * `TCP` and `Listener` of the program, as thin as the chip's: each holds its callbacks outside of the
 * heap and asks the board for the rest. Reading and writing copy from and to the program's view, so
 * that nothing is allocated that is not allocated on the chip.
 */

/* Of xsmc.h, which would take the macros of xs.h away. */
extern xsIntegerValue _xsmcGetBuffer(xsMachine* the, xsSlot* slot, void** data, xsUnsignedValue* count, xsBooleanValue writable);
enum { TO_READ, TO_WRITE };

/** What the chip's constructors look at, and in this order. */
static const char* const OPTION_NAMES[] = {
	"format", "onReadable", "onWritable", "onError", "from", "address", "host", "port", "nodelay",
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
	if (length < 0 || (size_t)length >= room) xsRangeError("%s: too long to be told", name);
	return (size_t)length + 1;
}

/** Makes the object of `new` with the board's consent; what the board refuses leaves nothing behind. */
static void construct(xsMachine* the, const char* word)
{
	char question[HEAD_MAX];
	Native* native;
	Native* from = NULL;
	size_t length;
	int i;
	xsVars(2);
	if (xsToInteger(xsArgc) < 1 || xsTypeOf(xsArg(0)) != xsReferenceType) xsTypeError("no options");
	native = newNative(the);
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
		}
		answer = ask(the, question, length - 1, NULL, 0);
		freeFrame(&answer);
	}
	xsCatch {
		releaseNative(native);
		xsThrow(xsException);
	}
	if (from) dropNative(the, from);
	xsVar(1) = xsGet(xsTarget, xsID("prototype"));
	xsResult = xsNewHostInstance(xsVar(1));
	for (i = 0; i < CALLBACKS; i++) {
		if (xsHas(xsArg(0), xsID(CALLBACK_NAMES[i])))
			native->callbacks[i] = xsGet(xsArg(0), xsID(CALLBACK_NAMES[i]));
	}
	adopt(the, native, &xsResult);
	if (xsHas(xsArg(0), xsID("target"))) {
		xsVar(0) = xsGet(xsArg(0), xsID("target"));
		xsSet(xsResult, xsID("target"), xsVar(0));
	}
}

/* TCP */

static void tcp(xsMachine* the)
{
	construct(the, "new");
}

static void tcpRead(xsMachine* the)
{
	Native* native = nativeOf(the);
	char question[HEAD_MAX];
	size_t length = head(question, "read", native->handle);
	Frame answer;
	xsBooleanValue into = xsToInteger(xsArgc) > 0 && xsTypeOf(xsArg(0)) == xsReferenceType;
	void* to;
	xsUnsignedValue count;
	if (into) {
		_xsmcGetBuffer(the, &xsArg(0), &to, &count, TO_WRITE);
		length += (size_t)sprintf(question + length, "%u", count);
	}
	else if (xsToInteger(xsArgc) > 0)
		length += (size_t)sprintf(question + length, "%d", xsToInteger(xsArg(0)));
	else length += (size_t)sprintf(question + length, "all");
	answer = ask(the, question, length, NULL, 0);
	if (answer.length == 0) xsResult = xsUndefined;	/* nothing waits; zero bytes are never read */
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
	Native* native = nativeOf(the);
	char question[HEAD_MAX];
	size_t length = head(question, "write", native->handle);
	void* from;
	xsUnsignedValue count;
	Frame answer;
	_xsmcGetBuffer(the, &xsArg(0), &from, &count, TO_READ);
	answer = ask(the, question, length, from, count);
	numberResult(the, &answer);
}

static void get(xsMachine* the, const char* name)
{
	Native* native = nativeOf(the);
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

static void tcpAddress(xsMachine* the) { get(the, "remoteAddress"); }
static void tcpPort(xsMachine* the) { get(the, "remotePort"); }
static void getFormat(xsMachine* the) { get(the, "format"); }
static void listenerPort(xsMachine* the) { get(the, "port"); }

static void setFormat(xsMachine* the)
{
	Native* native = nativeOf(the);
	char question[HEAD_MAX];
	size_t length = head(question, "format", native->handle);
	Frame answer;
	length += (size_t)snprintf(question + length, HEAD_MAX - length, "%s", xsToString(xsArg(0)));
	answer = ask(the, question, length, NULL, 0);
	freeFrame(&answer);
}

static void closeNative(xsMachine* the)
{
	Native* native = xsGetHostData(xsThis);
	char question[HEAD_MAX];
	Frame answer;
	if (!native) return;
	answer = ask(the, question, head(question, "close", native->handle) - 1, NULL, 0);
	freeFrame(&answer);
	dropNative(the, native);
}

/* Listener */

static void listener(xsMachine* the)
{
	construct(the, "listen");
}

static void listenerRead(xsMachine* the)
{
	Native* native = nativeOf(the);
	Native* accepted = newNative(the);
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

void deliverEvent(xsMachine* the, const char* text)
{
	int handle, event, count;
	Native* native;
	if (sscanf(text, "%d %d %d", &handle, &event, &count) != 3 || event < 0 || event >= CALLBACKS)
		xsUnknownError("xs: no event: %s", text);
	native = nativeAt(handle);
	if (!native) xsUnknownError("xs: an event for a socket that is closed");
	if (event == ERROR) xsCallFunction0(native->callbacks[event], native->self);
	else xsCallFunction1(native->callbacks[event], native->self, xsInteger(count));
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
	method(the, &xsVar(0), "close", closeNative, 0);
	getter(the, &xsVar(0), "remoteAddress", tcpAddress);
	getter(the, &xsVar(0), "remotePort", tcpPort);
	getter(the, &xsVar(0), "format", getFormat);
	setter(the, &xsVar(0), "format", setFormat);

	xsVar(0) = xsNewHostObject(NULL);
	xsVar(1) = xsNewHostConstructor(listener, 1, xsVar(0));
	xsDefine(xsGlobal, xsID("Listener"), xsVar(1), xsDontEnum);
	method(the, &xsVar(0), "read", listenerRead, 0);
	method(the, &xsVar(0), "close", closeNative, 0);
	getter(the, &xsVar(0), "port", listenerPort);
	getter(the, &xsVar(0), "format", getFormat);
	setter(the, &xsVar(0), "format", setFormat);
}
