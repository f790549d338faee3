#include <string.h>
#include "xsmc.h"
#include "mc.xs.h"
#include "binding-tcp.h"
#include "port.h"

/*
 * Pipes of TCP objects, and the class Search; binding.h tells what they do.
 */

/* Search */

static const xsHostHooks SEARCH_HOOKS = { xs_native_search_destructor, NULL, NULL };

void xs_native_search_destructor(void* data)
{
	/* A pipe may have a reference, and lwIP's task give it up. */
	portLock();
	searchRelease(data);
	portUnlock();
}

/** A property that is an integer of 16 bits. */
static uint16_t wordOf(xsMachine* the, xsSlot* keywords, xsIdentifier id, const char* name)
{
	xsNumberValue value;
	xsmcGet(xsVar(0), *keywords, id);
	value = xsmcToNumber(xsVar(0));
	if (!(value >= 0 && value <= UINT16_MAX) || value != (uint16_t)value) xsRangeError("invalid %s", name);
	return (uint16_t)value;
}

/** Copies the first bytes of a property that is a typed array. */
static void copyTable(xsMachine* the, xsSlot* keywords, xsIdentifier id, const char* name, void* into, xsIntegerValue bytes)
{
	xsIntegerValue from;
	xsmcGet(xsVar(0), *keywords, id);
	if (xsmcTypeOf(xsVar(0)) != xsReferenceType) xsTypeError("invalid %s", name);
	xsmcGet(xsVar(1), xsVar(0), xsID_byteOffset);
	from = xsmcToInteger(xsVar(1));
	xsmcGet(xsVar(1), xsVar(0), xsID_byteLength);
	if (xsmcToInteger(xsVar(1)) < bytes) xsRangeError("invalid %s", name);
	xsmcGet(xsVar(1), xsVar(0), xsID_buffer);
	if (!xsmcIsInstanceOf(xsVar(1), xsArrayBufferPrototype)) xsTypeError("invalid %s", name);
	/* Throws where that is not within the buffer. */
	xsmcGetArrayBufferData(xsVar(1), from, into, bytes);
}

static Search* newSearch(xsMachine* the, xsSlot* keywords)
{
	uint16_t found = wordOf(the, keywords, xsID_found, "found");
	uint16_t count = wordOf(the, keywords, xsID_count, "count");
	Search* search;
	if (found == 0) xsRangeError("invalid found");
	if (found + count > UINT16_MAX) xsRangeError("invalid count");
	search = searchNew(found, count);
	if (search == NULL) xsRangeError("no memory");
	return search;
}

static void fillSearch(xsMachine* the, xsSlot* keywords, Search* search)
{
	search->start = wordOf(the, keywords, xsID_start, "start");
	copyTable(the, keywords, xsID_columns, "columns", search->columns, sizeof(search->columns));
	copyTable(the, keywords, xsID_next, "next", search->next, search->found * (xsIntegerValue)sizeof(search->next[0]));
}

static void checkSearch(xsMachine* the, Search* search)
{
	const char* wrong = searchCheck(search);
	if (wrong) xsRangeError("invalid %s", wrong);
}

void xs_native_search_constructor(xsMachine* the)
{
	Search* search;
	if (xsmcArgc == 0) xsTypeError("no keywords");
	xsmcVars(3);
	search = newSearch(the, &xsArg(0));
	/* Freed with the object, and usable with the hooks only: what throws meanwhile leaves nothing behind. */
	fxSetHostData(the, &xsThis, search);
	fxSetHostDestructor(the, &xsThis, xs_native_search_destructor);
	fillSearch(the, &xsArg(0), search);
	xsmcGet(xsVar(2), xsArg(0), xsID_inAny);
	if (xsmcTypeOf(xsVar(2)) != xsUndefinedType) {
		search->inAny = newSearch(the, &xsVar(2));
		fillSearch(the, &xsVar(2), search->inAny);
		checkSearch(the, search->inAny);
	}
	checkSearch(the, search);
	fxSetHostHooks(the, &xsThis, &SEARCH_HOOKS);
}

/* Options of a pipe: properties of the second argument */

/** False: there is no such option. It is in xsVar(0) then. */
static bool hasOption(xsMachine* the, xsIdentifier id)
{
	xsmcGet(xsVar(0), xsArg(1), id);
	return xsmcTypeOf(xsVar(0)) != xsUndefinedType;
}

/** The largest integer up to which a number has them all. */
#define INTEGER_MAX 9007199254740991.0

static uint64_t bytesOf(xsMachine* the)
{
	xsNumberValue bytes = xsmcToNumber(xsVar(0));
	if (!(bytes >= 0 && bytes <= INTEGER_MAX) || bytes != (xsNumberValue)(uint64_t)bytes) xsRangeError("invalid bytes");
	return (uint64_t)bytes;
}

static const Framing* framingOf(xsMachine* the, const char* key)
{
	const char* name = xsmcToString(xsVar(0));
	unsigned i;
	for (i = 0; FRAMINGS[i]; i++) {
		if (!strcmp(name, FRAMINGS[i]->name)) return FRAMINGS[i];
	}
	xsRangeError("invalid %s", key);
	return NULL;
}

static Search* searchOf(xsMachine* the)
{
	return hostDataNamed(the, &xsVar(0), &SEARCH_HOOKS, "search");
}

/** Each option may call the program, which may close any socket. The object of `search` stays in xsVar(1). */
static PipeOptions optionsOf(xsMachine* the)
{
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END };
	SearchPlace place;
	if (hasOption(the, xsID_bytes)) options.bytesMax = bytesOf(the);
	if (hasOption(the, xsID_fromFraming)) options.fromFraming = framingOf(the, "fromFraming");
	if (hasOption(the, xsID_toFraming)) options.toFraming = framingOf(the, "toFraming");
	if (hasOption(the, xsID_search)) {
		options.search = searchOf(the);
		options.searchPlace = options.search->start;
		xsVar(1) = xsVar(0);
	}
	if (hasOption(the, xsID_state)) {
		options.searchPlace = xsmcToInteger(xsVar(0));
		if (options.search == NULL || !searchPlaceOf(options.search, options.searchPlace, &place)) xsRangeError("invalid state");
	}
	if (options.bytesMax == 0 && !options.fromFraming) xsRangeError("invalid bytes");
	return options;
}

/* Methods */

void xs_native_tcp_pipe(xsMachine* the)
{
	PipeOptions options;
	TcpRecord* from;
	const TcpRecord* to;
	if (xsmcArgc < 2) xsTypeError("invalid options");
	xsmcVars(2);
	options = optionsOf(the);
	from = tcpOf(the, &xsThis);
	to = tcpNamed(the, &xsArg(0), "to");
	if (to->connection == NULL || to == from) xsUnknownError("invalid to");
	if (from->connection == NULL) xsUnknownError("invalid");
	switch (pipeStart(from->connection, to->connection, &options)) {
	case SOCKET_OK: break;
	case SOCKET_MEMORY: xsRangeError("no memory"); break;
	case SOCKET_IN_USE: xsUnknownError("in use"); break;
	default: xsUnknownError("invalid");
	}
	from->pipe = (PipeNews){ .number = (uint8_t)(from->pipe.number + 1) };
}

void xs_native_tcp_unpipe(xsMachine* the)
{
	TcpRecord* tcp = tcpOf(the, &xsThis);
	if (tcp->connection) pipeStop(tcp->connection);
}

/** False: there was no pipe from here. */
static bool statusOf(xsMachine* the, PipeStatus* status)
{
	TcpRecord* tcp = tcpOf(the, &xsThis);
	return tcp->connection && pipeStatus(tcp->connection, status);
}

void xs_native_tcp_get_passed(xsMachine* the)
{
	PipeStatus status;
	if (!statusOf(the, &status)) return;
	if (status.passed <= INT32_MAX) xsmcSetInteger(xsResult, (xsIntegerValue)status.passed);
	else xsmcSetNumber(xsResult, (xsNumberValue)status.passed);
}

void xs_native_tcp_get_waitsFor(xsMachine* the)
{
	PipeStatus status;
	if (statusOf(the, &status)) xsmcSetInteger(xsResult, status.waitsFor);
}

void xs_native_tcp_get_heldBytes(xsMachine* the)
{
	PipeStatus status;
	if (statusOf(the, &status)) xsmcSetInteger(xsResult, (xsIntegerValue)status.heldBytes);
}

void xs_native_tcp_get_found(xsMachine* the)
{
	PipeStatus status;
	if (statusOf(the, &status) && status.outcome == PIPE_FOUND) xsmcSetInteger(xsResult, status.keyword);
}

void xs_native_tcp_get_searchState(xsMachine* the)
{
	PipeStatus status;
	if (statusOf(the, &status) && status.searchPlace >= 0) xsmcSetInteger(xsResult, status.searchPlace);
}

/* News */

/** Indexes of PIPE_EVENTS (src/net): the outcomes from PIPE_DONE on, and behind the last one these. */
enum { PIPED_FIRST = PIPE_TOO_LARGE - PIPE_DONE + 1, PIPED_BINARY, PIPED_NOTHING = -1 };

static int nextEvent(PipeNews* news, const PipeStatus* status)
{
	if (status->outcome == PIPE_STOPPED) return PIPED_NOTHING;
	if (status->passed > 0 && !news->first) {
		news->first = true;
		return PIPED_FIRST;
	}
	if (status->binary && !news->binary) {
		news->binary = true;
		return PIPED_BINARY;
	}
	if (status->outcome == PIPE_RUNS || news->outcome) return PIPED_NOTHING;
	news->outcome = true;
	return status->outcome - PIPE_DONE;
}

unsigned deliverPipe(xsMachine* the, TcpRecord* tcp, unsigned events)
{
	const uint8_t number = tcp->pipe.number;
	PipeStatus status;
	int event;
	while (tcp->connection && pipeStatus(tcp->connection, &status)) {
		event = nextEvent(&tcp->pipe, &status);
		if (event == PIPED_NOTHING) return events;
		callWithCount(the, &tcp->record, ON_PIPED, (unsigned)event);
		/* Another pipe that the callback has begun has news of its own, that of bytes that it leaves included. */
		if (tcp->pipe.number != number) return events & ~(unsigned)EVENT_READABLE;
	}
	return events;
}
