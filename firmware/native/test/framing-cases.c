#include <string.h>
#include "pipe-script.h"
#include "stack.h"

/*
 * Cases: pipes that take content out of one framing and frame it anew.
 */

#define BODY "5;a=\"b\"\r\nhello\r\n00003\r\n wo\r\n0;c\r\nTrailer: x\r\n\r\n"
#define BEHIND "GET"
#define CONTENT "hello wo"
#define FRAMED "8\r\nhello wo\r\n0\r\n\r\n"
#define LAST "0\r\n\r\n"
enum { BYTES_MAX = 8000 };

/** The bytes that a peer has received and acknowledged. */
typedef struct {
	uint8_t bytes[BYTES_MAX];
	unsigned count;
} Got;

static void get(Peer* peer, Got* got)
{
	while (heard(peer)) {
		Segment segment = hear(peer);
		CHECK(got->count + segment.length <= BYTES_MAX);
		memcpy(got->bytes + got->count, segment.data, segment.length);
		got->count += (unsigned)segment.length;
		if (segment.length > 0) send(peer, ACK, NULL, 0);
	}
}

static bool isText(const Got* got, const char* text)
{
	return got->count == strlen(text) && memcmp(got->bytes, text, got->count) == 0;
}

/** Takes the content out of chunks, in place; they end with the last byte, or not at all. */
static void unframe(Got* got, bool ends)
{
	Decoding decoding = CHUNKED.start(BYTES_MAX);
	unsigned at = 0, count = 0;
	while (at < got->count && decoding.outcome == DECODING_RUNS) {
		if (decoding.content == 0) at += CHUNKED.skip(&decoding, got->bytes + at, got->count - at);
		for (; decoding.content > 0 && at < got->count; decoding.content--) got->bytes[count++] = got->bytes[at++];
	}
	CHECK(at == got->count);
	CHECK(decoding.outcome == (ends ? DECODING_DONE : DECODING_RUNS));
	CHECK(decoding.content == 0);
	got->count = count;
}

static void say(Line* line, const char* text)
{
	send(&line->client, PSH | ACK, text, strlen(text));
}

static void startFramed(Line* line, const Framing* from, const Framing* to, uint64_t bytesMax)
{
	startWith(line, (PipeOptions){ .bytesMax = bytesMax, .fromFraming = from, .toFraming = to });
}

/** In one piece, and wherever it is cut. */
static void chunksAreFramedAnew(void)
{
	static const char text[] = BODY BEHIND;
	enum { TEXT_BYTES = sizeof(text) - 1 };
	unsigned cut;
	for (cut = 0; cut < TEXT_BYTES; cut++) {
		Line* line = newLine();
		Got got = { .count = 0 };
		startFramed(line, &CHUNKED, &CHUNKED, PIPE_TO_THE_END);
		if (cut > 0) send(&line->client, PSH | ACK, text, cut);
		send(&line->client, PSH | ACK, text + cut, TEXT_BYTES - cut);
		get(&line->backend, &got);
		if (cut == 0) CHECK(isText(&got, FRAMED));
		unframe(&got, true);
		CHECK(isText(&got, CONTENT));
		CHECK(reported(&line->clientOwner) & EVENT_PIPE);
		CHECK(statusOf(line).outcome == PIPE_DONE && statusOf(line).passed == strlen(CONTENT));
		pipeStop(line->from);
		readExpecting(line->from, BEHIND, (unsigned)strlen(BEHIND));
		closeLine(line);
	}
}

static void chunksBecomePlain(void)
{
	Line* line = newLine();
	startFramed(line, &CHUNKED, NULL, PIPE_TO_THE_END);
	say(line, BODY BEHIND);
	backendGets(line, CONTENT, (unsigned)strlen(CONTENT));
	CHECK(!heard(&line->backend));
	CHECK(statusOf(line).outcome == PIPE_DONE);
	CHECK(connectionReadable(line->from) == strlen(BEHIND));
	closeLine(line);
}

static void lengthBecomesChunks(void)
{
	Line* line = newLine();
	Got got = { .count = 0 };
	startFramed(line, NULL, &CHUNKED, 8);
	say(line, "hello");
	get(&line->backend, &got);
	CHECK(isText(&got, "5\r\nhello\r\n"));
	CHECK(reported(&line->clientOwner) == EVENT_PIPE);
	say(line, " wo" BEHIND);
	get(&line->backend, &got);
	CHECK(isText(&got, "5\r\nhello\r\n3\r\n wo\r\n" LAST));
	CHECK(reported(&line->clientOwner) == (EVENT_PIPE | EVENT_READABLE));
	CHECK(statusOf(line).outcome == PIPE_DONE);
	CHECK(connectionReadable(line->from) == strlen(BEHIND));
	closeLine(line);
}

/** FIN is the end of a body that has no other one. */
static void endBecomesLastChunk(void)
{
	Line* line = newLine();
	Got got = { .count = 0 };
	startFramed(line, NULL, &CHUNKED, PIPE_TO_THE_END);
	say(line, "hello");
	get(&line->backend, &got);
	CHECK(isText(&got, "5\r\nhello\r\n"));
	send(&line->client, FIN | ACK, NULL, 0);
	get(&line->backend, &got);
	CHECK(isText(&got, "5\r\nhello\r\n" LAST));
	CHECK(reported(&line->clientOwner) == (EVENT_PIPE | EVENT_END));
	CHECK(statusOf(line).outcome == PIPE_END);
	closeLine(line);
}

static void lastChunkWaitsForRoom(void)
{
	Line* line = newLine();
	Got got = { .count = 0 };
	unsigned i;
	startFramed(line, NULL, &CHUNKED, PIPE_TO_THE_END);
	/* No more than 8 pieces are under way to a peer that acknowledges nothing. */
	connectionSetNodelay(line->to, true);
	for (i = 0; i < 8; i++) say(line, "hello");
	send(&line->client, FIN | ACK, NULL, 0);
	CHECK(statusOf(line).outcome == PIPE_RUNS);
	CHECK(statusOf(line).waitsFor == PIPE_WAITS_FOR_TO);
	get(&line->backend, &got);
	CHECK(statusOf(line).outcome == PIPE_END);
	unframe(&got, true);
	CHECK(got.count == 8 * HELLO_BYTES);
	closeLine(line);
}

/** A body that is cut off has no last chunk: the backend must not take it for whole. */
static void cutBodiesHaveNoEnd(void)
{
	static const struct {
		const Framing* from;
		uint64_t bytesMax;
		const char* text;
		uint8_t flags;
		PipeOutcome outcome;
	} CUTS[] = {
		{ NULL, PIPE_TO_THE_END, "hello", RST | ACK, PIPE_FROM_ERROR },
		{ NULL, 8, "hello", RST | ACK, PIPE_FROM_ERROR },
		{ NULL, 8, "hello", FIN | ACK, PIPE_END },
		{ &CHUNKED, PIPE_TO_THE_END, "8\r\nhello", FIN | ACK, PIPE_END },
		{ &CHUNKED, PIPE_TO_THE_END, "5\r\nhello\r\n", FIN | ACK, PIPE_END },
		{ &CHUNKED, PIPE_TO_THE_END, "5\r\nhello\r\n0\r\nA: b\r\n", FIN | ACK, PIPE_END },
		{ &CHUNKED, PIPE_TO_THE_END, "5\r\nhello\r\n0\r\n\r", RST | ACK, PIPE_FROM_ERROR },
	};
	unsigned i;
	for (i = 0; i < sizeof(CUTS) / sizeof(CUTS[0]); i++) {
		Line* line = newLine();
		Got got = { .count = 0 };
		startFramed(line, CUTS[i].from, &CHUNKED, CUTS[i].bytesMax);
		say(line, CUTS[i].text);
		send(&line->client, CUTS[i].flags, NULL, 0);
		get(&line->backend, &got);
		CHECK(isText(&got, "5\r\nhello\r\n"));
		CHECK(statusOf(line).outcome == CUTS[i].outcome);
		closeLine(line);
	}
}

static void faultEndsThePipe(void)
{
	Line* line = newLine();
	Got got = { .count = 0 };
	startFramed(line, &CHUNKED, &CHUNKED, PIPE_TO_THE_END);
	say(line, "5\r\nhello\r\n3\nabc\r\n" LAST);
	get(&line->backend, &got);
	CHECK(isText(&got, "5\r\nhello\r\n"));
	CHECK(reported(&line->clientOwner) == (EVENT_PIPE | EVENT_READABLE));
	CHECK(statusOf(line).outcome == PIPE_BAD_FRAMING && statusOf(line).passed == 5);
	readExpecting(line->from, "\nabc\r\n" LAST, 11);
	closeLine(line);
}

static void contentIsBounded(void)
{
	Line* line = newLine();
	Got got = { .count = 0 };
	startFramed(line, &CHUNKED, &CHUNKED, 7);
	say(line, BODY);
	get(&line->backend, &got);
	CHECK(isText(&got, "5\r\nhello\r\n"));
	CHECK(statusOf(line).outcome == PIPE_TOO_LARGE);
	closeLine(line);
	line = newLine();
	startFramed(line, &CHUNKED, &CHUNKED, 8);
	say(line, BODY);
	CHECK(statusOf(line).outcome == PIPE_DONE);
	closeLine(line);
	line = newLine();
	startFramed(line, &CHUNKED, &CHUNKED, 0);
	say(line, LAST);
	CHECK(statusOf(line).outcome == PIPE_DONE && statusOf(line).passed == 0);
	backendGets(line, LAST, (unsigned)strlen(LAST));
	closeLine(line);
}

/** The keyword lies in two chunks. Another pipe goes on behind it, within the second one. */
static void keywordInChunks(void)
{
	Search* search = searchForEnd(NULL);
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END, .fromFraming = &CHUNKED, .toFraming = &CHUNKED, .search = search };
	Line* line = newLine();
	PipeStatus status;
	Got got = { .count = 0 };
	startWith(line, options);
	say(line, "3\r\n.EN\r\n4\r\nD.ab\r\n" LAST);
	get(&line->backend, &got);
	CHECK(isText(&got, "4\r\n.END\r\n"));
	status = statusOf(line);
	CHECK(status.outcome == PIPE_FOUND && status.passed == 4);
	options.search = NULL;
	options.decoding = &status.decoding;
	startWith(line, options);
	get(&line->backend, &got);
	CHECK(isText(&got, "4\r\n.END\r\n3\r\n.ab\r\n" LAST));
	CHECK(statusOf(line).outcome == PIPE_DONE && statusOf(line).passed == 3);
	closeLine(line);
	searchRelease(search);
}

/** Whichever allocation fails, the content passes once, and later. */
static void framedOnceWhenThereIsMemory(void)
{
	int failing;
	for (failing = 1; failing < 8; failing++) {
		Search* search = searchForEnd(NULL);
		Line* line = newLine();
		Got got = { .count = 0 };
		startWith(line, (PipeOptions){ .bytesMax = PIPE_TO_THE_END, .fromFraming = &CHUNKED, .toFraming = &CHUNKED, .search = search });
		say(line, "3\r\n.EN");
		get(&line->backend, &got);
		/* The packet itself finds memory. */
		failAllocations(failing, 1);
		say(line, "\r\n5;d\r\nN wo.\r\n0\r\nT:\r\n\r\n");
		failAllocations(0, 0);
		pass(1000);
		get(&line->backend, &got);
		pass(1000);
		get(&line->backend, &got);
		unframe(&got, true);
		CHECK(isText(&got, ".ENN wo."));
		CHECK(statusOf(line).outcome == PIPE_DONE && statusOf(line).passed == 8);
		closeLine(line);
		searchRelease(search);
	}
}

/** The smallest frames are larger than the window; with one of 2 or 3 bytes content and last chunk do not fit into lwIP's queue together. */
static void framesToTinyWindow(void)
{
	PipeOptions options = { .bytesMax = PIPE_TO_THE_END, .fromFraming = &CHUNKED, .toFraming = &CHUNKED };
	uint16_t window;
	for (window = 1; window <= 16; window++) {
		Owner owner = { 0 }, other = { 0 };
		Peer peer, backend;
		Connection* to = acceptWithWindow(&peer, &owner, window);
		Connection* from = openEstablished(&backend, &other);
		Got got = { .count = 0 };
		PipeStatus status;
		int i;
		CHECK(pipeStart(from, to, &options) == SOCKET_OK);
		send(&backend, PSH | ACK, BODY, strlen(BODY));
		/* All is there, so a reset changes nothing. */
		if (window % 2 == 0) send(&backend, RST | ACK, NULL, 0);
		for (i = 0; i < 100; i++) {
			get(&peer, &got);
			pass(300);
		}
		CHECK(pipeStatus(from, &status) && status.outcome == PIPE_DONE);
		unframe(&got, true);
		CHECK(isText(&got, CONTENT));
		connectionReset(from);
		connectionReset(to);
		ignore();
	}
}

/** Frames are not cut small because little room is left. */
static void slowReceiverGetsLargeFrames(void)
{
	Line* line = newLine();
	const uint8_t* bytes = pattern();
	Got got = { .count = 0 };
	enum { TOTAL = 4 * MSS };
	startFramed(line, NULL, &CHUNKED, TOTAL);
	send(&line->client, ACK, bytes, MSS);
	send(&line->client, ACK, bytes + MSS, MSS);
	CHECK(statusOf(line).waitsFor == PIPE_WAITS_FOR_TO);
	CHECK(statusOf(line).heldBytes > MSS);
	get(&line->backend, &got);
	while (heard(&line->client)) hear(&line->client);
	send(&line->client, ACK, bytes + 2 * MSS, MSS);
	send(&line->client, ACK, bytes + 3 * MSS, MSS);
	get(&line->backend, &got);
	CHECK(statusOf(line).outcome == PIPE_DONE);
	/* At most two frames for a segment: one that is full, and the rest. */
	CHECK(got.count <= TOTAL + 8 * 7 + strlen(LAST));
	unframe(&got, true);
	CHECK(got.count == TOTAL && memcmp(got.bytes, bytes, TOTAL) == 0);
	closeLine(line);
}

/** Delimiters alone are no content. */
static void firstByteOfContent(void)
{
	Line* line = newLine();
	startFramed(line, &CHUNKED, &CHUNKED, PIPE_TO_THE_END);
	say(line, "5;a=b\r\n");
	CHECK(reported(&line->clientOwner) == 0);
	CHECK(statusOf(line).waitsFor == PIPE_WAITS_FOR_FROM);
	CHECK(statusOf(line).heldBytes == 0);
	say(line, "h");
	CHECK(reported(&line->clientOwner) == EVENT_PIPE);
	CHECK(statusOf(line).passed == 1);
	closeLine(line);
}

const Case FRAMING_CASES[] = {
	{ "chunks are framed anew without extensions and trailers, wherever the stream is cut", chunksAreFramedAnew },
	{ "chunks become plain bytes", chunksBecomePlain },
	{ "a body of a known length becomes chunks", lengthBecomesChunks },
	{ "a body that ends with its stream ends with a last chunk", endBecomesLastChunk },
	{ "the last chunk waits for room", lastChunkWaitsForRoom },
	{ "a body that is cut off has no last chunk", cutBodiesHaveNoEnd },
	{ "a fault in the chunks ends the pipe behind the content before it", faultEndsThePipe },
	{ "the content of chunks is bounded, and its bytes alone are counted", contentIsBounded },
	{ "a keyword is found across chunks, and the next pipe goes on behind it", keywordInChunks },
	{ "whichever allocation fails, content is framed once", framedOnceWhenThereIsMemory },
	{ "chunks pass to a peer with a tiny window", framesToTinyWindow },
	{ "a slow receiver gets no small chunks", slowReceiverGetsLargeFrames },
	{ "the first byte that is reported is one of the content", firstByteOfContent },
	{ NULL, NULL },
};
