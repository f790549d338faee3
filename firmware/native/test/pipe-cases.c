#include <string.h>
#include "pipe-script.h"
#include "stack.h"

/*
 * Cases: bytes that pass from one connection to another without the application.
 */

static uint16_t lastWindow(Peer* peer)
{
	uint16_t window = hear(peer).window;
	while (heard(peer)) window = hear(peer).window;
	return window;
}

static void bytesPass(void)
{
	Line* line = newLine();
	const uint8_t* bytes = pattern();
	unsigned at, count;
	start(line, PIPE_TO_THE_END, NULL);
	CHECK(reported(&line->clientOwner) == 0);
	for (at = 0; at < 3 * WINDOW; at += count) {
		count = 3 * WINDOW - at < 700 ? 3 * WINDOW - at : 700;
		send(&line->client, PSH | ACK, bytes + at, count);
		backendGets(line, bytes + at, count);
		/* The first byte, and nothing after it. */
		CHECK(reported(&line->clientOwner) == (at == 0 ? EVENT_PIPE : 0));
		CHECK(reported(&line->backendOwner) == 0);
		while (heard(&line->client)) hear(&line->client);
	}
	CHECK(statusOf(line).passed == 3 * WINDOW);
	CHECK(statusOf(line).waitsFor == PIPE_WAITS_FOR_FROM);
	CHECK(statusOf(line).heldBytes == 0);
	send(&line->client, FIN | ACK, NULL, 0);
	CHECK(reported(&line->clientOwner) == (EVENT_PIPE | EVENT_END));
	CHECK(statusOf(line).outcome == PIPE_END);
	closeLine(line);
}

static void waitingBytesPass(void)
{
	Line* line = newLine();
	send(&line->client, PSH | ACK, HELLO, HELLO_BYTES);
	start(line, PIPE_TO_THE_END, NULL);
	backendGets(line, (const uint8_t*)HELLO, HELLO_BYTES);
	CHECK(reported(&line->clientOwner) == EVENT_PIPE);
	closeLine(line);
}

/** The receiver's window is the sender's window. */
static void slowReceiverSlowsSender(void)
{
	Line* line = newLine();
	const uint8_t* bytes = pattern();
	start(line, PIPE_TO_THE_END, NULL);
	send(&line->client, ACK, bytes, MSS);
	send(&line->client, ACK, bytes + MSS, MSS);
	while (heard(&line->client)) hear(&line->client);
	send(&line->client, ACK, bytes + 2 * MSS, MSS);
	send(&line->client, ACK, bytes + 3 * MSS, MSS);
	pass(500);
	CHECK(statusOf(line).waitsFor == PIPE_WAITS_FOR_TO);
	CHECK(statusOf(line).passed == 2 * MSS);
	CHECK(statusOf(line).heldBytes == 4 * MSS);
	CHECK(lastWindow(&line->client) == 0);
	backendGets(line, bytes, 2 * MSS);
	CHECK(lastWindow(&line->client) >= MSS);
	backendGets(line, bytes + 2 * MSS, 2 * MSS);
	CHECK(statusOf(line).passed == 4 * MSS);
	closeLine(line);
}

static void lengthIsKept(void)
{
	Line* line = newLine();
	const uint8_t* bytes = pattern();
	start(line, 1000, NULL);
	send(&line->client, PSH | ACK, bytes, 600);
	send(&line->client, PSH | ACK, bytes + 600, 600);
	backendGets(line, bytes, 1000);
	CHECK(!heard(&line->backend));
	/* The connections are free again. */
	CHECK(reported(&line->clientOwner) == (EVENT_PIPE | EVENT_READABLE));
	CHECK(reported(&line->backendOwner) == EVENT_WRITABLE);
	CHECK(statusOf(line).outcome == PIPE_DONE && statusOf(line).passed == 1000);
	readExpecting(line->from, bytes + 1000, 200);
	closeLine(line);
}

/** Wherever the stream is cut. */
static void keywordEndsThePipe(void)
{
	static const uint8_t text[] = "one ENEND two";
	enum { TEXT_BYTES = sizeof(text) - 1, UP_TO_END = 9 };
	Search* search = searchForEnd(NULL);
	unsigned cut;
	for (cut = 1; cut < TEXT_BYTES; cut++) {
		Line* line = newLine();
		start(line, PIPE_TO_THE_END, search);
		send(&line->client, PSH | ACK, text, cut);
		send(&line->client, PSH | ACK, text + cut, TEXT_BYTES - cut);
		backendGets(line, text, UP_TO_END);
		CHECK(!heard(&line->backend));
		CHECK(reported(&line->clientOwner) & EVENT_PIPE);
		CHECK(statusOf(line).outcome == PIPE_FOUND && statusOf(line).keyword == 0);
		CHECK(statusOf(line).passed == UP_TO_END);
		pipeStop(line->from);
		readExpecting(line->from, text + UP_TO_END, TEXT_BYTES - UP_TO_END);
		closeLine(line);
	}
	searchRelease(search);
}

static void controlByteEndsTheSearch(void)
{
	static const uint8_t text[] = "EN\0END";
	enum { TEXT_BYTES = sizeof(text) - 1 };
	Search* search = searchForEnd(NULL);
	Line* line = newLine();
	start(line, PIPE_TO_THE_END, search);
	send(&line->client, PSH | ACK, text, 1);
	CHECK(reported(&line->clientOwner) == EVENT_PIPE);
	send(&line->client, PSH | ACK, text + 1, TEXT_BYTES - 1);
	backendGets(line, text, TEXT_BYTES);
	CHECK(reported(&line->clientOwner) == EVENT_PIPE);
	CHECK(statusOf(line).binary && statusOf(line).searchPlace < 0);
	CHECK(statusOf(line).outcome == PIPE_RUNS);
	closeLine(line);
	searchRelease(search);
}

static void otherTablesAfterControlByte(void)
{
	static const uint8_t text[] = "EN\0END more";
	Search* search = searchForEnd(searchForEnd(NULL));
	Line* line = newLine();
	start(line, PIPE_TO_THE_END, search);
	send(&line->client, PSH | ACK, text, sizeof(text) - 1);
	backendGets(line, text, 6);
	CHECK(!heard(&line->backend));
	CHECK(reported(&line->clientOwner) == (EVENT_PIPE | EVENT_READABLE));
	CHECK(statusOf(line).outcome == PIPE_FOUND && !statusOf(line).binary);
	closeLine(line);
	searchRelease(search);
}

static void searchGoesOnBehindKeyword(void)
{
	static const uint8_t text[] = "END.END";
	Search* search = searchForEnd(NULL);
	Line* line = newLine();
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END, .search = search };
	start(line, PIPE_TO_THE_END, search);
	send(&line->client, PSH | ACK, text, 7);
	CHECK(statusOf(line).outcome == PIPE_FOUND && statusOf(line).passed == 3);
	options.searchPlace = search->found;
	CHECK(pipeStart(line->from, line->to, &options) == SOCKET_INVALID);
	options.searchPlace = statusOf(line).searchPlace;
	CHECK(pipeStart(line->from, line->to, &options) == SOCKET_OK);
	CHECK(statusOf(line).outcome == PIPE_FOUND && statusOf(line).passed == 4);
	backendGets(line, text, 7);
	closeLine(line);
	searchRelease(search);
}

static void searchGoesOnInAnotherPipe(void)
{
	static const uint8_t text[] = "12END";
	Search* search = searchForEnd(NULL);
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END };
	Line* line = newLine();
	start(line, 4, search);
	send(&line->client, PSH | ACK, text, 5);
	CHECK(statusOf(line).outcome == PIPE_DONE);
	options.search = search;
	options.searchPlace = statusOf(line).searchPlace;
	CHECK(pipeStart(line->from, line->to, &options) == SOCKET_OK);
	backendGets(line, text, 5);
	CHECK(statusOf(line).outcome == PIPE_FOUND);
	closeLine(line);
	searchRelease(search);
}

/** Bytes received before the reset are passed, and the reset is reported. */
static void senderResets(void)
{
	Line* line = newLine();
	start(line, PIPE_TO_THE_END, NULL);
	send(&line->client, PSH | ACK, HELLO, HELLO_BYTES);
	send(&line->client, RST | ACK, NULL, 0);
	backendGets(line, (const uint8_t*)HELLO, HELLO_BYTES);
	CHECK(reported(&line->clientOwner) == (EVENT_PIPE | EVENT_ERROR));
	CHECK(statusOf(line).outcome == PIPE_FROM_ERROR);
	CHECK(connectionError(line->from) == SOCKET_RESET);
	CHECK(connectionWritable(line->to) > 0);
	closeLine(line);
}

/** Bytes that it did not take can be read by another receiver. */
static void receiverResets(void)
{
	Line* line = newLine();
	start(line, PIPE_TO_THE_END, NULL);
	send(&line->backend, RST | ACK, NULL, 0);
	CHECK(reported(&line->clientOwner) == EVENT_PIPE);
	CHECK(reported(&line->backendOwner) == EVENT_ERROR);
	CHECK(statusOf(line).outcome == PIPE_TO_ERROR);
	send(&line->client, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(reported(&line->clientOwner) == EVENT_READABLE);
	readExpecting(line->from, HELLO, HELLO_BYTES);
	CHECK(connectionWrite(line->from, HELLO, HELLO_BYTES) == HELLO_BYTES);
	closeLine(line);
}

static void receiverIsClosed(void)
{
	Line* line = newLine();
	start(line, PIPE_TO_THE_END, NULL);
	connectionClose(line->to);
	CHECK(reported(&line->clientOwner) == EVENT_PIPE);
	CHECK(statusOf(line).outcome == PIPE_TO_ERROR);
	send(&line->client, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(reported(&line->clientOwner) == EVENT_READABLE);
	connectionClose(line->from);
	ignore();
}

static void senderIsClosed(void)
{
	Line* line = newLine();
	start(line, PIPE_TO_THE_END, NULL);
	send(&line->client, PSH | ACK, HELLO, HELLO_BYTES);
	connectionClose(line->from);
	backendGets(line, (const uint8_t*)HELLO, HELLO_BYTES);
	CHECK(reported(&line->backendOwner) == EVENT_WRITABLE);
	CHECK(connectionWrite(line->to, HELLO, HELLO_BYTES) == HELLO_BYTES);
	connectionClose(line->to);
	ignore();
}

static void receiverConnectsLater(void)
{
	Owner owner = { 0 }, other = { 0 };
	Peer client, backend;
	Connection* from = acceptOne(&client, &owner);
	Connection* to = openConnection(&backend, &other);
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END };
	CHECK(pipeStart(from, to, &options) == SOCKET_OK);
	send(&client, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(reported(&owner) == 0);
	send(&backend, SYN | ACK, NULL, 0);
	CHECK(hearFor(&backend, PSH).length == HELLO_BYTES);
	CHECK(reported(&owner) == EVENT_PIPE);
	connectionReset(from);
	connectionReset(to);
	ignore();
}

/** Each connection is the end of a pipe both ways, and one end's FIN leaves the other way open. */
static void bothWays(void)
{
	Line* line = newLine();
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END };
	start(line, PIPE_TO_THE_END, NULL);
	CHECK(pipeStart(line->to, line->from, &options) == SOCKET_OK);
	send(&line->client, FIN | PSH | ACK, HELLO, HELLO_BYTES);
	backendGets(line, (const uint8_t*)HELLO, HELLO_BYTES);
	CHECK(reported(&line->clientOwner) == (EVENT_PIPE | EVENT_END));
	connectionEnd(line->to);
	hearFor(&line->backend, FIN);
	while (heard(&line->client)) hear(&line->client);
	reported(&line->backendOwner);
	send(&line->backend, FIN | PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(hear(&line->client).length == HELLO_BYTES);
	CHECK(reported(&line->backendOwner) == (EVENT_PIPE | EVENT_END));
	closeLine(line);
}

static void searchedAgainWhenThereIsMemory(void)
{
	static const uint8_t text[] = "an END.";
	Search* search = searchForEnd(NULL);
	Line* line = newLine();
	start(line, PIPE_TO_THE_END, search);
	/* The packet itself finds memory, what is sent does not. */
	failAllocations(1, 1000);
	send(&line->client, PSH | ACK, text, sizeof(text) - 1);
	CHECK(statusOf(line).passed == 0);
	CHECK(statusOf(line).outcome == PIPE_RUNS);
	failAllocations(0, 0);
	pass(1000);
	while (heard(&line->backend) && hear(&line->backend).length == 0) continue;
	CHECK(statusOf(line).passed == 6);
	CHECK(statusOf(line).outcome == PIPE_FOUND);
	closeLine(line);
	searchRelease(search);
}

/** Bytes and FIN may have passed before the connection has an owner. */
static void ownerComesAfterThePipe(void)
{
	Line* line = newLine();
	connectionSetOwner(line->from, NULL);
	start(line, PIPE_TO_THE_END, NULL);
	send(&line->client, FIN | PSH | ACK, HELLO, HELLO_BYTES);
	backendGets(line, (const uint8_t*)HELLO, HELLO_BYTES);
	connectionSetOwner(line->from, &line->clientOwner);
	CHECK(reported(&line->clientOwner) == (EVENT_PIPE | EVENT_END | EVENT_WRITABLE));
	CHECK(statusOf(line).outcome == PIPE_END);
	/* Bytes that the pipe is to move are not the next owner's. */
	pipeStop(line->from);
	closeLine(line);
	line = newLine();
	start(line, PIPE_TO_THE_END, NULL);
	line->backend.window = 0;
	send(&line->client, PSH | ACK, pattern(), MSS);
	send(&line->client, PSH | ACK, pattern(), MSS);
	send(&line->client, PSH | ACK, pattern(), MSS);
	CHECK(statusOf(line).waitsFor == PIPE_WAITS_FOR_TO);
	connectionSetOwner(line->from, &line->clientOwner);
	CHECK(reported(&line->clientOwner) == (EVENT_PIPE | EVENT_WRITABLE));
	closeLine(line);
}

static void onePipeAtATime(void)
{
	Line* line = newLine();
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END };
	PipeStatus status;
	start(line, PIPE_TO_THE_END, NULL);
	CHECK(pipeStart(line->from, line->to, &options) == SOCKET_IN_USE);
	CHECK(pipeStart(line->from, line->from, &options) == SOCKET_INVALID);
	CHECK(!pipeStatus(line->to, &status));
	pipeStop(line->from);
	CHECK(pipeStatus(line->from, &status) && status.outcome == PIPE_STOPPED);
	send(&line->client, PSH | ACK, HELLO, HELLO_BYTES);
	CHECK(reported(&line->clientOwner) == EVENT_READABLE);
	readExpecting(line->from, HELLO, HELLO_BYTES);
	failAllocations(0, 1);
	CHECK(pipeStart(line->from, line->to, &options) == SOCKET_MEMORY);
	closeLine(line);
}

/** Bytes of a pipe are neither read nor written by hand; a side that is closed frees the other. */
static void pipedIsNotReadByHand(void)
{
	Line* line = newLine();
	start(line, PIPE_TO_THE_END, NULL);
	line->backend.window = 0;
	send(&line->backend, ACK, NULL, 0);
	send(&line->client, PSH | ACK, pattern(), MSS);
	send(&line->client, PSH | ACK, pattern() + MSS, MSS);
	send(&line->client, PSH | ACK, pattern() + 2 * MSS, MSS);
	CHECK(statusOf(line).heldBytes == 3 * MSS);
	CHECK(connectionReadable(line->from) == 0 && connectionRead(line->from, (uint8_t[1]){ 0 }, 1) == 0);
	CHECK(connectionWritable(line->to) == 0 && connectionWrite(line->to, HELLO, 1) == 0);
	CHECK(connectionUnread(line->from, HELLO, 1) == SOCKET_IN_USE);
	CHECK(connectionWritable(line->from) > 0);
	closeLine(line);
	line = newLine();
	start(line, PIPE_TO_THE_END, NULL);
	reported(&line->backendOwner);
	connectionReset(line->from);
	CHECK(reported(&line->backendOwner) == EVENT_WRITABLE);
	CHECK(connectionWrite(line->to, HELLO, HELLO_BYTES) == HELLO_BYTES);
	connectionReset(line->to);
	ignore();
}

/** The owner learns exactly what was passed, and nothing of the pipe afterwards. */
static void pipeIsStopped(void)
{
	static const uint8_t text[] = "1234EN";
	Search* search = searchForEnd(NULL);
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END, .search = search };
	Line* line = newLine();
	start(line, PIPE_TO_THE_END, search);
	send(&line->client, PSH | ACK, text, 6);
	pipeStop(line->from);
	CHECK(reported(&line->clientOwner) == 0);
	CHECK(reported(&line->backendOwner) == EVENT_WRITABLE);
	CHECK(statusOf(line).outcome == PIPE_STOPPED && statusOf(line).passed == 6);
	send(&line->client, PSH | ACK, "D5", 2);
	CHECK(reported(&line->clientOwner) == EVENT_READABLE);
	pipeStop(line->from);
	CHECK(reported(&line->clientOwner) == 0);
	CHECK(statusOf(line).passed == 6);
	options.searchPlace = statusOf(line).searchPlace;
	startWith(line, options);
	CHECK(statusOf(line).outcome == PIPE_FOUND && statusOf(line).passed == 1);
	closeLine(line);
	searchRelease(search);
}

/** The owner of the tables may give them up. */
static void pipeKeepsItsTables(void)
{
	Search* search = searchForEnd(searchForEnd(NULL));
	Line* line = newLine();
	start(line, PIPE_TO_THE_END, search);
	searchRelease(search);
	send(&line->client, PSH | ACK, "EN\0E", 4);
	send(&line->client, PSH | ACK, "ND", 2);
	CHECK(statusOf(line).outcome == PIPE_FOUND && statusOf(line).passed == 6);
	closeLine(line);
	/* A pipe that has not ended gives them up, too. */
	search = searchForEnd(NULL);
	line = newLine();
	start(line, PIPE_TO_THE_END, search);
	searchRelease(search);
	closeLine(line);
}

static void searchGoesOnInOtherTables(void)
{
	static const uint8_t text[] = "a\0EN";
	Search* search = searchForEnd(searchForEnd(NULL));
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END, .search = search };
	SearchPlace place;
	Line* line = newLine();
	start(line, 4, search);
	send(&line->client, PSH | ACK, text, 4);
	CHECK(statusOf(line).outcome == PIPE_DONE);
	options.searchPlace = statusOf(line).searchPlace;
	CHECK(searchPlaceOf(search, options.searchPlace, &place) && place.tables == search->inAny);
	startWith(line, options);
	send(&line->client, PSH | ACK, "D", 1);
	CHECK(statusOf(line).outcome == PIPE_FOUND && statusOf(line).passed == 1);
	closeLine(line);
	searchRelease(search);
}

static const char* faultWith(void (*spoil)(Search*))
{
	Search* search = searchForEnd(NULL);
	const char* fault;
	spoil(search);
	fault = searchCheck(search);
	searchRelease(search);
	return fault;
}

static void spoilColumns(Search* search) { search->columns[200] = 5; }
static void spoilNextBetweenRows(Search* search) { search->next[1] = 1; }
static void spoilNextBehindOutcomes(Search* search) { search->next[1] = search->found + search->count + 1; }
static void spoilNextOfColumn0(Search* search) { search->next[0] = search->found; }
static void spoilStart(Search* search) { search->start = search->found; }
static void spoilStartWithinRow(Search* search) { search->start = 1; }
static void spoilInAny(Search* search) { search->inAny = searchForEnd(searchForEnd(NULL)); }

static bool isName(const char* one, const char* other)
{
	return one && !strcmp(one, other);
}

/** No stream can lead out of tables that are taken. */
static void wrongTablesAreRefused(void)
{
	CHECK(isName(faultWith(spoilColumns), "columns"));
	CHECK(isName(faultWith(spoilNextBetweenRows), "next"));
	CHECK(isName(faultWith(spoilNextBehindOutcomes), "next"));
	CHECK(isName(faultWith(spoilNextOfColumn0), "next"));
	CHECK(isName(faultWith(spoilStart), "start"));
	CHECK(isName(faultWith(spoilStartWithinRow), "start"));
	CHECK(isName(faultWith(spoilInAny), "inAny"));
}

static void wrongPlacesAreRefused(void)
{
	Search* search = searchForEnd(NULL);
	Line* line = newLine();
	static const int32_t WRONG[] = { -1, 1, INT32_MIN, INT32_MAX, 0x10000, 0x20000 };
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END, .search = search };
	unsigned i;
	for (i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		options.searchPlace = WRONG[i];
		CHECK(pipeStart(line->from, line->to, &options) == SOCKET_INVALID);
	}
	options.searchPlace = search->found;
	CHECK(pipeStart(line->from, line->to, &options) == SOCKET_INVALID);
	options.bytesMax = 0;
	options.search = NULL;
	CHECK(pipeStart(line->from, line->to, &options) == SOCKET_INVALID);
	closeLine(line);
	searchRelease(search);
}

/** The state after some bytes, one table step for each; from a pipe's place in state 0. */
static unsigned stepsTo(const Search* search, const uint8_t* bytes, unsigned count, unsigned* at)
{
	unsigned state = 0;
	for (*at = 0; *at < count && state < search->found; (*at)++) state = search->next[state + search->columns[bytes[*at]]];
	return state;
}

/** Several bytes are searched at once; that finds what one table step for each byte finds, wherever words begin and end. */
static void searchedByWords(void)
{
	/* Bytes that begin the keyword or belong to it, that are controls or near to such, above ASCII, and at the ends of each range. */
	static const uint8_t LETTERS[] = "EEENNDDa .zE\r\n\t\x1f !~\x7f\x80\x81\x9f\xa0\xc4\xff\xfe" "DN";
	enum { BYTES = 64, TRIES = 20000 };
	Search* search = searchForEnd(NULL);
	uint32_t lot = 1;
	unsigned i, try;
	for (i = 0; i < 32; i++) if (i != '\t' && i != '\r' && i != '\n') search->columns[i] = search->columns[0];
	search->columns[0x7f] = search->columns[0];
	CHECK(searchCheck(search) == NULL && search->byWords);
	for (try = 0; try < TRIES; try++) {
		uint8_t bytes[BYTES];
		SearchPlace place = { .tables = search };
		/* Most tries have few letters, so that words without any are among them. */
		const unsigned letters = try % 4 == 0 ? sizeof(LETTERS) - 1 : 1 + try % 9;
		const unsigned from = try % 16, count = (lot >> 8) % (BYTES - from);
		unsigned at, found, state;
		uint16_t keyword = 7;
		SearchResult result;
		for (i = 0; i < BYTES; i++) {
			lot = lot * 1664525 + 1013904223;
			bytes[i] = (lot >> 28) < 14 ? 'a' : LETTERS[(lot >> 8) % letters];
		}
		if (try % 3 == 0 && count > 8) memcpy(bytes + from + (lot >> 8) % (count - 3), "END", 3);
		state = stepsTo(search, bytes + from, count, &at);
		found = count;
		result = searchBytes(&place, bytes + from, &found, &keyword);
		if (state < search->found) CHECK(result == SEARCH_GOES_ON && place.state == state);
		else if (state == search->found) CHECK(result == SEARCH_FOUND && found == at && keyword == 0);
		else CHECK(result == SEARCH_BINARY && place.tables == NULL);
	}
	searchRelease(search);
}

static void wordsNeedOneFirstByte(void)
{
	Search* search = searchForEnd(NULL);
	search->columns['e'] = search->columns['E'];
	CHECK(searchCheck(search) == NULL && !search->byWords);
	searchRelease(search);
}

/** Bytes that were put back are passed first, and searched. */
static void pipePassesBytesPutBack(void)
{
	uint8_t head[4];
	Search* search = searchForEnd(NULL);
	Line* line = newLine();
	send(&line->client, PSH | ACK, "GET EN", 6);
	CHECK(connectionRead(line->from, head, 4) == 4);
	CHECK(connectionRead(line->from, head, 2) == 2);
	CHECK(connectionUnread(line->from, head, 2) == SOCKET_OK);
	send(&line->client, FIN | PSH | ACK, ".D", 2);
	start(line, PIPE_TO_THE_END, search);
	backendGets(line, (const uint8_t*)"EN.D", 4);
	CHECK(statusOf(line).outcome == PIPE_END && statusOf(line).passed == 4);
	closeLine(line);
	searchRelease(search);
}

const Case PIPE_CASES[] = {
	{ "a pipe passes every byte, and reports the first one and the end", bytesPass },
	{ "a pipe passes what waited before it began", waitingBytesPass },
	{ "a receiver that does not read slows the sender down", slowReceiverSlowsSender },
	{ "a pipe passes as many bytes as were asked for, and leaves the rest", lengthIsKept },
	{ "a keyword ends a pipe behind its last byte, wherever the stream is cut", keywordEndsThePipe },
	{ "a control byte ends the search for text", controlByteEndsTheSearch },
	{ "behind a control byte the other tables are searched", otherTablesAfterControlByte },
	{ "a search goes on in the next pipe", searchGoesOnInAnotherPipe },
	{ "a search goes on behind a keyword", searchGoesOnBehindKeyword },
	{ "a sender that resets ends the pipe behind its last byte", senderResets },
	{ "a receiver that resets ends the pipe, and the sender stays readable and writable", receiverResets },
	{ "a receiver that is closed ends the pipe", receiverIsClosed },
	{ "a sender that is closed ends the pipe, and the receiver goes on", senderIsClosed },
	{ "a pipe waits for a receiver that is not connected yet", receiverConnectsLater },
	{ "two pipes between two connections end one by one", bothWays },
	{ "bytes for which there was no memory are searched once", searchedAgainWhenThereIsMemory },
	{ "an owner that is set after the pipe gets its outcome", ownerComesAfterThePipe },
	{ "a connection is at the end of one pipe each way", onePipeAtATime },
	{ "what is piped is not read or written by hand, and a side that is closed frees the other", pipedIsNotReadByHand },
	{ "a pipe that is stopped says what it has passed, and nothing more", pipeIsStopped },
	{ "a pipe keeps its tables as long as it runs", pipeKeepsItsTables },
	{ "a search behind a control byte goes on in the next pipe", searchGoesOnInOtherTables },
	{ "tables that a stream could lead out of are refused", wrongTablesAreRefused },
	{ "a pipe without content, and a place outside the tables, are refused", wrongPlacesAreRefused },
	{ "a search of several bytes at once finds what one of each byte finds", searchedByWords },
	{ "keywords that begin with different bytes are searched byte by byte", wordsNeedOneFirstByte },
	{ "a pipe passes and searches bytes that were put back", pipePassesBytesPutBack },
	{ NULL, NULL },
};
