#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "framing.h"
#include "hexadecimal.h"
#include "stack.h"

/*
 * Decodes and frames what standard input asks for, a line each; bytes are hexadecimal:
 *
 *   decode <bytes of content, at most> <stream>      prints: <outcome> <bytes used> <content>
 *   frame <1: the end of the body> <content>         prints: <frame>
 *
 * A stream is decoded whole, byte by byte, and in two parts, cut at every byte. That all ways have one result is checked here.
 */

typedef struct {
	unsigned outcome;
	size_t used;
	size_t count;
	uint8_t* content;
} Result;

/** lwIP, which is linked but not started, asks for it. */
uint32_t nowMs(void)
{
	return 0;
}

/** Streams that are longer are cut in two only where their last bytes are. */
enum { CUT_EVERYWHERE_BYTES_MAX = 1000, CUTS_AT_END = 40 };

/** As a pipe does it, and each part in memory of its own, of which no byte behind the end may be read. */
static void decodePart(Decoding* decoding, const uint8_t* stream, size_t count, Result* result)
{
	uint8_t* part = malloc(count);
	size_t at = 0;
	memcpy(part, stream, count);
	while (at < count && decoding->outcome == DECODING_RUNS) {
		size_t next = count - at < decoding->content ? count - at : decoding->content;
		if (next == 0) {
			at += CHUNKED.skip(decoding, part + at, (unsigned)(count - at));
			continue;
		}
		memcpy(result->content + result->count, part + at, next);
		result->count += next;
		decoding->content -= (uint32_t)next;
		at += next;
	}
	result->used += at;
	free(part);
}

static Result decodeCut(uint64_t contentBytesMax, const uint8_t* stream, size_t length, size_t cut)
{
	Result result = { .content = malloc(length + 1) };
	Decoding decoding = CHUNKED.start(contentBytesMax);
	decodePart(&decoding, stream, cut, &result);
	decodePart(&decoding, stream + cut, length - cut, &result);
	result.outcome = decoding.outcome;
	return result;
}

static Result decodeByteByByte(uint64_t contentBytesMax, const uint8_t* stream, size_t length)
{
	Result result = { .content = malloc(length + 1) };
	Decoding decoding = CHUNKED.start(contentBytesMax);
	size_t at;
	for (at = 0; at < length; at++) decodePart(&decoding, stream + at, 1, &result);
	result.outcome = decoding.outcome;
	return result;
}

/** Frees `other`. */
static void checkSame(const Result* whole, Result other, const char* how, size_t cut)
{
	bool same = other.outcome == whole->outcome && other.used == whole->used && other.count == whole->count;
	if (!same || memcmp(other.content, whole->content, whole->count)) {
		fprintf(stderr, "chunked-streams: %s (%zu) changes the result\n", how, cut);
		exit(1);
	}
	free(other.content);
}

static void printBytes(const uint8_t* bytes, size_t count)
{
	size_t i;
	for (i = 0; i < count; i++) printf("%02x", bytes[i]);
	printf("\n");
}

static void decode(uint64_t contentBytesMax, const uint8_t* stream, size_t length)
{
	Result whole = decodeCut(contentBytesMax, stream, length, 0);
	size_t cut = length > CUT_EVERYWHERE_BYTES_MAX ? length - CUTS_AT_END : 1;
	for (; cut < length; cut++) checkSame(&whole, decodeCut(contentBytesMax, stream, length, cut), "a cut", cut);
	checkSame(&whole, decodeByteByByte(contentBytesMax, stream, length), "each byte alone", 0);
	printf("%u %zu ", whole.outcome, whole.used);
	printBytes(whole.content, whole.count);
	free(whole.content);
}

static void frame(bool last, const uint8_t* content, size_t count)
{
	uint8_t* buffer = malloc(CHUNKED.bytesBefore + count + CHUNKED.bytesBehind);
	unsigned length;
	const uint8_t* first;
	memcpy(buffer + CHUNKED.bytesBefore, content, count);
	first = CHUNKED.frame(buffer, (unsigned)count, last, &length);
	printBytes(first, length);
	free(buffer);
}

int main(void)
{
	char* line = NULL;
	size_t room = 0, count;
	while (getline(&line, &room, stdin) > 0) {
		char* verb = strtok(line, " \n");
		char* number = strtok(NULL, " \n");
		char* bytes = strtok(NULL, " \n");
		char none[] = "";
		if (verb == NULL || number == NULL) return 2;
		if (bytes == NULL) bytes = none;
		count = fromHexadecimal(bytes);
		if (strcmp(verb, "decode") == 0) decode(strtoull(number, NULL, 10), (uint8_t*)bytes, count);
		else frame(atoi(number) == 1, (uint8_t*)bytes, count);
	}
	free(line);
	return 0;
}
