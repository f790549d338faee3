#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pipe-script.h"

/*
 * Passes streams through a pipe as standard input asks for, a line each; bytes are hexadecimal:
 *
 *   any <found> <count> <start> <columns> <next>       tables for behind a control byte
 *   search <found> <count> <start> <columns> <next>    tables for the streams that follow, with those of `any` before it
 *   plain                                              no search for those that follow
 *   pipe <bytes; -1: to the end> <from> <to> <end> <stream>   1: chunked. The peer's end: 0 none, 1 FIN, 2 RST
 *     prints: <outcome> <bytes passed> <keyword or -1> <1: binary> <1: the end was framed> <content> <rest at the sender>
 *
 * A stream comes whole, byte by byte, and in two parts, cut at every byte. That all ways have one result is checked here.
 */

enum { BYTES_MAX = 600 };

typedef struct {
	PipeStatus status;
	bool ended;
	unsigned count;
	unsigned restCount;
	uint8_t content[4 * BYTES_MAX];
	uint8_t rest[BYTES_MAX];
} Result;

static Search* search;
static Search* inAny;

static unsigned readHex(const char* text, uint8_t* bytes, unsigned bytesMax)
{
	unsigned count = 0, byte;
	for (; sscanf(text, "%2x", &byte) == 1; text += 2) {
		CHECK(count < bytesMax);
		bytes[count++] = (uint8_t)byte;
	}
	return count;
}

static void printHex(const uint8_t* bytes, unsigned count)
{
	unsigned i;
	printf(" ");
	for (i = 0; i < count; i++) printf("%02x", bytes[i]);
}

static Search* readTables(const char* line)
{
	static char columns[513], next[262145];
	static uint8_t words[131072];
	unsigned found, count, start, i;
	Search* tables;
	CHECK(sscanf(line, "%*s %u %u %u %512s %262144s", &found, &count, &start, columns, next) == 5);
	tables = searchNew((uint16_t)found, (uint16_t)count);
	tables->start = (uint16_t)start;
	CHECK(readHex(columns, tables->columns, 256) == 256);
	CHECK(readHex(next, words, sizeof(words)) >= 2 * found);
	for (i = 0; i < found; i++) tables->next[i] = (uint16_t)(words[2 * i] | words[2 * i + 1] << 8);
	return tables;
}

static void hearAll(Line* line, Result* result)
{
	while (heard(&line->backend)) {
		Segment segment = hear(&line->backend);
		CHECK(result->count + segment.length <= sizeof(result->content));
		memcpy(result->content + result->count, segment.data, segment.length);
		result->count += (unsigned)segment.length;
		if (segment.length > 0) send(&line->backend, ACK, NULL, 0);
	}
	while (heard(&line->client)) hear(&line->client);
	ignore();
}

/** Takes the content out of what was framed; each frame is whole. */
static void unframe(Result* result)
{
	Decoding decoding = CHUNKED.start(sizeof(result->content));
	unsigned at = 0, count = 0;
	while (at < result->count && decoding.outcome == DECODING_RUNS) {
		if (decoding.content == 0) at += CHUNKED.skip(&decoding, result->content + at, result->count - at);
		for (; decoding.content > 0 && at < result->count; decoding.content--) result->content[count++] = result->content[at++];
	}
	CHECK(at == result->count && decoding.content == 0);
	result->count = count;
	result->ended = decoding.outcome == DECODING_DONE;
}

/** In parts of so many bytes, behind a first one. */
static void passParts(const PipeOptions* options, int end, const uint8_t* stream, unsigned count, unsigned first, unsigned part, Result* result)
{
	Line* line = newLine();
	unsigned at = 0, next = first;
	memset(result, 0, sizeof(*result));
	startWith(line, *options);
	while (at < count) {
		if (next > count - at) next = count - at;
		if (next > 0) send(&line->client, PSH | ACK, stream + at, next);
		at += next;
		next = part;
		hearAll(line, result);
	}
	if (end > 0) send(&line->client, end == 1 ? FIN | ACK : RST | ACK, NULL, 0);
	hearAll(line, result);
	/* An acknowledgement that lwIP delays, and what waits behind it. */
	pass(500);
	hearAll(line, result);
	result->status = statusOf(line);
	if (options->toFraming) unframe(result);
	result->restCount = connectionRead(line->from, result->rest, sizeof(result->rest));
	closeLine(line);
}

static void checkSame(const Result* one, const Result* other)
{
	CHECK(one->status.outcome == other->status.outcome);
	CHECK(one->status.passed == other->status.passed);
	CHECK(one->status.keyword == other->status.keyword);
	CHECK(one->status.binary == other->status.binary);
	CHECK(one->ended == other->ended);
	CHECK(one->count == other->count && memcmp(one->content, other->content, one->count) == 0);
	CHECK(one->restCount == other->restCount && memcmp(one->rest, other->rest, one->restCount) == 0);
}

static void passStream(const char* line)
{
	static char text[2 * BYTES_MAX + 1];
	static Result whole, parts;
	uint8_t stream[BYTES_MAX];
	int64_t bytes;
	int from, to, end;
	unsigned count, cut;
	PipeOptions options = { .search = search, .searchPlace = search ? search->start : 0 };
	text[0] = 0;
	CHECK(sscanf(line, "%*s %" SCNd64 " %d %d %d %1200s", &bytes, &from, &to, &end, text) >= 4);
	count = readHex(text, stream, sizeof(stream));
	options.bytesMax = bytes < 0 ? PIPE_TO_THE_END : (uint64_t)bytes;
	if (from) options.fromFraming = &CHUNKED;
	if (to) options.toFraming = &CHUNKED;
	passParts(&options, end, stream, count, count, count, &whole);
	passParts(&options, end, stream, count, 1, 1, &parts);
	checkSame(&whole, &parts);
	for (cut = 1; cut < count; cut++) {
		passParts(&options, end, stream, count, cut, count, &parts);
		checkSame(&whole, &parts);
	}
	printf("%d %" PRIu64 " %d %d %d", whole.status.outcome, whole.status.passed,
		whole.status.outcome == PIPE_FOUND ? whole.status.keyword : -1, whole.status.binary, whole.ended);
	printHex(whole.content, whole.count);
	printHex(whole.rest, whole.restCount);
	printf("\n");
}

int main(void)
{
	static char line[300000];
	startBoard(CONNECTIONS_MAX);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "pipe ", 5)) passStream(line);
		else if (!strncmp(line, "any ", 4)) inAny = readTables(line);
		else {
			searchRelease(search);
			search = NULL;
			if (!strncmp(line, "search ", 7)) {
				search = readTables(line);
				CHECK(inAny == NULL || searchCheck(inAny) == NULL);
				search->inAny = inAny;
				inAny = NULL;
				CHECK(searchCheck(search) == NULL);
			}
		}
	}
	searchRelease(search);
	stopBoard();
	return 0;
}
