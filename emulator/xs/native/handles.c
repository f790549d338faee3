#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "handles.h"

const char* const CALLBACK_NAMES[CALLBACKS] = { "onReadable", "onWritable", "onError", "onEnd" };

enum { HANDLES_MAX = 8192 };	/* more than any board has */

static Native* natives[HANDLES_MAX];

static CommandServer* serve;

static void markNative(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	Native* native = data;
	int i;
	for (i = 0; i < CALLBACKS; i++) (*markRoot)(the, &native->callbacks[i]);
}

static const xsHostHooks HOOKS = { NULL, markNative, NULL };

Native* newNative(xsMachine* the, Kind kind)
{
	int handle = 0, i;
	Native* native;
	while (handle < HANDLES_MAX && natives[handle]) handle++;
	if (handle == HANDLES_MAX) xsRangeError("xs: more than %d sockets", HANDLES_MAX);
	native = calloc(1, sizeof(Native));
	if (!native) xsUnknownError("xs: no memory for a socket");
	native->handle = handle;
	native->kind = kind;
	for (i = 0; i < CALLBACKS; i++) native->callbacks[i] = xsUndefined;
	natives[handle] = native;
	return native;
}

void adopt(xsMachine* the, Native* native, xsSlot* self)
{
	xsSetHostData(*self, native);
	xsSetHostHooks(*self, &HOOKS);
	native->self = *self;
	fxRemember(the, &native->self);
}

void releaseNative(Native* native)
{
	natives[native->handle] = NULL;
	free(native);
}

void dropNative(xsMachine* the, Native* native)
{
	xsSetHostData(native->self, NULL);
	fxForget(the, &native->self);
	releaseNative(native);
}

Native* nativeAt(int handle)
{
	return handle >= 0 && handle < HANDLES_MAX ? natives[handle] : NULL;
}

Native* nativeOf(xsMachine* the, Kind kind)
{
	Native* native = xsGetHostData(xsThis);
	if (!native || native->kind != kind) xsSyntaxError("C: xsGetHostData: invalid host data");
	return native;
}

/* Asking */

static void throwAnswer(xsMachine* the, Frame* answer)
{
	char kind[32], message[512];
	size_t length = strlen(answer->bytes);
	snprintf(kind, sizeof(kind), "%s", answer->bytes);
	snprintf(message, sizeof(message), "%s", length < answer->length ? answer->bytes + length + 1 : "");
	freeFrame(answer);
	if (!strcmp(kind, "SyntaxError")) xsSyntaxError("%s", message);
	if (!strcmp(kind, "RangeError")) xsRangeError("%s", message);
	if (!strcmp(kind, "TypeError")) xsTypeError("%s", message);
	xsUnknownError("%s", message);
}

void serveWith(CommandServer* given)
{
	serve = given;
}

Frame ask(xsMachine* the, const void* head, size_t headLength, const void* body, size_t bodyLength)
{
	sendFrame('?', head, headLength, body, bodyLength);
	for (;;) {
		Frame frame = receiveFrame();
		if (frame.kind == '/') return frame;
		if (frame.kind == '^') throwAnswer(the, &frame);
		(*serve)(the, frame.kind, frame.bytes, frame.length);
		freeFrame(&frame);
	}
}

void numberResult(xsMachine* the, Frame* answer)
{
	if (answer->bytes[0] == '-' && answer->length == 1) xsResult = xsUndefined;
	else xsResult = xsInteger(atoi(answer->bytes));
	freeFrame(answer);
}

size_t head(char* buffer, const char* word, int handle)
{
	return (size_t)sprintf(buffer, "%s%c%d", word, 0, handle) + 1;
}
