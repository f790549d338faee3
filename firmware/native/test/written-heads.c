#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "head.h"
#include "stack.h"

/*
 * Calls the functions of writer.c as standard input says, a line for each call; bytes are hexadecimal, behind an x:
 *
 *   texts <at> <bytes of the buffer> <five texts>
 *   bytes <at> <bytes of the buffer> <from> <start> <stop>
 *   value <at> <bytes of the buffer> <before> <from> <words> <field> <behind>
 *   fields <at> <bytes of the buffer> <from> <start> <stop> <words> <names> <indexes>
 *
 * Prints <result> <buffer>. All memory has exactly the bytes that are given; the buffer is full of FF before.
 */

extern uint32_t putTexts(uint8_t* to, uint32_t at, uint32_t end, char* one, char* two, char* three, char* four, char* five);
extern uint32_t putBytes(uint8_t* to, uint32_t at, uint32_t end, uint8_t* from, uint32_t start, uint32_t stop);
extern uint32_t putValue(uint8_t* to, uint32_t at, uint32_t end, char* before, uint8_t* from, uint16_t* words, uint32_t field, char* behind);
extern uint32_t putFields(uint8_t* to, uint32_t at, uint32_t end, uint8_t* from, uint32_t start, uint32_t stop, uint16_t* words, uint32_t names, uint32_t indexes);

enum { ARGUMENTS_MAX = 8 };

/** lwIP, which is linked but not started, asks for it. */
uint32_t nowMs(void)
{
	return 0;
}

static void* allocated[ARGUMENTS_MAX];
static int count;

/** The next word of the line as bytes, with a NUL behind them. */
static void* next(int nul)
{
	const char* text = strtok(NULL, " \n") + 1;
	size_t length = strlen(text) / 2, i;
	char* bytes = malloc(length + nul);
	for (i = 0; i < length; i++) {
		char digits[3] = { text[2 * i], text[2 * i + 1], 0 };
		bytes[i] = (char)strtoul(digits, NULL, 16);
	}
	if (nul) bytes[length] = 0;
	allocated[count++] = bytes;
	return bytes;
}

static char* nextText(void)
{
	return next(1);
}

static void* nextBytes(void)
{
	return next(0);
}

static uint32_t nextNumber(void)
{
	return (uint32_t)strtoul(strtok(NULL, " \n"), NULL, 10);
}

static uint32_t call(const char* name, uint8_t* to, uint32_t at, uint32_t end)
{
	if (!strcmp(name, "texts")) {
		char* texts[5];
		int i;
		for (i = 0; i < 5; i++) texts[i] = nextText();
		return putTexts(to, at, end, texts[0], texts[1], texts[2], texts[3], texts[4]);
	}
	if (!strcmp(name, "value")) {
		char* before = nextText();
		uint8_t* from = nextBytes();
		uint16_t* words = nextBytes();
		uint32_t field = nextNumber();
		return putValue(to, at, end, before, from, words, field, nextText());
	}
	uint8_t* from = nextBytes();
	uint32_t start = nextNumber();
	uint32_t stop = nextNumber();
	if (!strcmp(name, "bytes")) return putBytes(to, at, end, from, start, stop);
	uint16_t* words = nextBytes();
	uint32_t names = nextNumber();
	return putFields(to, at, end, from, start, stop, words, names, nextNumber());
}

int main(void)
{
	char* line = NULL;
	size_t room = 0;
	while (getline(&line, &room, stdin) > 0) {
		const char* name = strtok(line, " ");
		uint32_t at = nextNumber();
		uint32_t end = nextNumber();
		uint8_t* to = malloc(end);
		uint32_t i;
		memset(to, 0xff, end);
		printf("%" PRIu32 " ", call(name, to, at, end));
		for (i = 0; i < end; i++) printf("%02x", to[i]);
		printf("\n");
		free(to);
		while (count > 0) free(allocated[--count]);
	}
	free(line);
	return 0;
}
