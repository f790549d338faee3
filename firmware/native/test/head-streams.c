#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "head.h"
#include "hexadecimal.h"
#include "stack.h"

/*
 * Reads the heads of standard input, a line each; bytes are hexadecimal:
 *
 *   <1: a request> <bytes, at most> <lines, at most> <head>      prints: <result> <words, but for zeros at the end>
 *
 * A head is read whole, byte by byte, and in two parts, cut at every byte. That all ways have one result is checked here.
 */

typedef struct {
	uint32_t result;
	uint16_t words[HEAD_WORDS];
} Outcome;

/** lwIP, which is linked but not started, asks for it. */
uint32_t nowMs(void)
{
	return 0;
}

/** The bytes up to `end` in memory of their own, of which no byte behind the end may be read; so are the words. */
static void readPart(Outcome* outcome, const uint8_t* head, uint32_t end)
{
	uint32_t from = outcome->result;
	uint8_t* bytes = malloc(end);
	uint16_t* words = malloc(sizeof(outcome->words));
	if (from >> HEAD_OUTCOME_BITS == HEAD_GOES_ON) {
		memcpy(bytes, head, end);
		memcpy(words, outcome->words, sizeof(outcome->words));
		outcome->result = readHead(bytes, from, end, words);
		memcpy(outcome->words, words, sizeof(outcome->words));
	}
	free(words);
	free(bytes);
}

static void checkSame(const Outcome* whole, const Outcome* other, const char* how, uint32_t cut)
{
	if (!memcmp(whole, other, sizeof(*whole))) return;
	fprintf(stderr, "head-streams: %s (%u) changes the result\n", how, cut);
	exit(1);
}

static void read(const Outcome* begin, const uint8_t* head, uint32_t length)
{
	Outcome whole = *begin, bytewise = *begin;
	uint32_t at, words = HEAD_WORDS;
	readPart(&whole, head, length);
	for (at = 1; at < length; at++) {
		Outcome inTwo = *begin;
		readPart(&inTwo, head, at);
		readPart(&inTwo, head, length);
		checkSame(&whole, &inTwo, "a cut", at);
	}
	for (at = 1; at <= length; at++) readPart(&bytewise, head, at);
	checkSame(&whole, &bytewise, "each byte alone", 0);
	printf("%u", whole.result);
	while (words > 0 && whole.words[words - 1] == 0) words--;
	for (at = 0; at < words; at++) printf(" %u", whole.words[at]);
	printf("\n");
}

int main(void)
{
	char* line = NULL;
	size_t room = 0;
	while (getline(&line, &room, stdin) > 0) {
		Outcome begin = { 0 };
		char* bytes;
		begin.words[HEAD_IS_REQUEST] = (uint16_t)strtoul(strtok(line, " \n"), NULL, 10);
		begin.words[HEAD_BYTES_MAX] = (uint16_t)strtoul(strtok(NULL, " \n"), NULL, 10);
		begin.words[HEAD_LINES_MAX] = (uint16_t)strtoul(strtok(NULL, " \n"), NULL, 10);
		bytes = strtok(NULL, " \n");
		read(&begin, (uint8_t*)bytes, fromHexadecimal(bytes));
	}
	free(line);
	return 0;
}
