#include <stdint.h>
#include <string.h>
#include "head.h"

/*
 * The functions of src/http1/writing.ts, which explains them, as machine code for the chip and for every engine that is built with it. XS
 * takes 2 instructions of byte code for each byte that `set` copies and 11 for one of a text, and 4 slots for the view of a part.
 */

static uint32_t put(uint8_t* to, uint32_t at, uint32_t end, const void* from, uint32_t count)
{
	if (at <= end && count <= end - at) memcpy(to + at, from, count);
	return at + count;
}

uint32_t putTexts(uint8_t* to, uint32_t at, uint32_t end, char* one, char* two, char* three, char* four, char* five)
{
	at = put(to, at, end, one, strlen(one));
	at = put(to, at, end, two, strlen(two));
	at = put(to, at, end, three, strlen(three));
	at = put(to, at, end, four, strlen(four));
	return put(to, at, end, five, strlen(five));
}

uint32_t putBytes(uint8_t* to, uint32_t at, uint32_t end, uint8_t* from, uint32_t start, uint32_t stop)
{
	return put(to, at, end, from + start, stop - start);
}

uint32_t putValue(uint8_t* to, uint32_t at, uint32_t end, char* before, uint8_t* from, uint16_t* words, uint32_t field, char* behind)
{
	const uint16_t* record = words + HEAD_RECORDS + field * FIELD_WORDS;
	at = put(to, at, end, before, strlen(before));
	at = put(to, at, end, from + record[FIELD_VALUE_START], record[FIELD_VALUE_END] - record[FIELD_VALUE_START]);
	return put(to, at, end, behind, strlen(behind));
}

uint32_t putFields(uint8_t* to, uint32_t at, uint32_t end, uint8_t* from, uint32_t start, uint32_t stop, uint16_t* words, uint32_t names, uint32_t indexes)
{
	const uint16_t* record = words + HEAD_RECORDS;
	uint32_t count = words[HEAD_COUNT];
	for (; count > 0; count--, record += FIELD_WORDS, indexes >>= 1) {
		if (((names >> record[FIELD_NAME] | indexes) & 1) == 0) continue;
		if (record[FIELD_LINE_START] < start || record[FIELD_LINE_END] > stop) continue;
		at = put(to, at, end, from + start, record[FIELD_LINE_START] - start);
		start = record[FIELD_LINE_END];
	}
	return put(to, at, end, from + start, stop - start);
}
