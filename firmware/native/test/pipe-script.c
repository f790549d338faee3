#include <string.h>
#include "pipe-script.h"

Line* newLine(void)
{
	static Line line;
	memset(&line, 0, sizeof(line));
	line.from = acceptOne(&line.client, &line.clientOwner);
	line.to = openEstablished(&line.backend, &line.backendOwner);
	return &line;
}

void startWith(Line* line, PipeOptions options)
{
	CHECK(pipeStart(line->from, line->to, &options) == SOCKET_OK);
}

void start(Line* line, uint64_t bytesMax, Search* search)
{
	startWith(line, (PipeOptions){ .bytesMax = bytesMax, .search = search });
}

PipeStatus statusOf(Line* line)
{
	PipeStatus status;
	CHECK(pipeStatus(line->from, &status));
	return status;
}

void closeLine(Line* line)
{
	connectionReset(line->from);
	connectionReset(line->to);
	ignore();
}

void backendGets(Line* line, const void* bytes, unsigned count)
{
	unsigned at = 0;
	while (at < count) {
		Segment segment = hear(&line->backend);
		CHECK(segment.length <= count - at);
		CHECK(memcmp(segment.data, (const uint8_t*)bytes + at, segment.length) == 0);
		at += (unsigned)segment.length;
		send(&line->backend, ACK, NULL, 0);
	}
}

/* A table for the keyword END: rows for the states "", E, EN; columns for another byte, E, N, D, a control byte */
enum { OTHER, E, N, D, CONTROL, COLUMNS };
enum { ROWS = 3, FOUND_END = ROWS * COLUMNS, FOUND_CONTROL };

static const uint16_t NEXT[ROWS * COLUMNS] = {
	0, COLUMNS, 0, 0, FOUND_CONTROL,
	0, COLUMNS, 2 * COLUMNS, 0, FOUND_CONTROL,
	0, COLUMNS, 0, FOUND_END, FOUND_CONTROL,
};

Search* searchForEnd(Search* inAny)
{
	Search* search = searchNew(FOUND_END, 1);
	search->columns['E'] = E;
	search->columns['N'] = N;
	search->columns['D'] = D;
	search->columns[0] = CONTROL;
	memcpy(search->next, NEXT, sizeof(NEXT));
	search->inAny = inAny;
	CHECK(searchCheck(search) == NULL);
	return search;
}
