#ifndef HOT_POTATO_HEAD_H
#define HOT_POTATO_HEAD_H

#include <stdint.h>

/*
 * The words of 16 bits in which a parsed head is described: src/http1/head-layout.ts has the same list and explains it. Positions
 * are in the head's bytes, ends are exclusive.
 */

enum {
	/* By name (src/http1/field-names.ts): 0, or 1 + index of the first known field | 1 + index of the last << 8. */
	HEAD_COUNT = 32,
	HEAD_LINES,
	HEAD_MEMBERS,
	HEAD_PARSED,
	HEAD_START,
	HEAD_METHOD,
	HEAD_TARGET_START,
	HEAD_TARGET_END,
	HEAD_PATH_END,
	HEAD_STATUS,
	HEAD_MINOR,
	HEAD_FIELDS_START,
	HEAD_FORM,
	HEAD_BODY_LOW,
	HEAD_BODY_HIGH,
	HEAD_BYTES_MAX,
	HEAD_LINES_MAX,
	HEAD_IS_REQUEST,
	HEAD_RECORDS
};

/** A known field, from HEAD_RECORDS on. */
enum { FIELD_NAME, FIELD_LINE_START, FIELD_LINE_END, FIELD_VALUE_START, FIELD_VALUE_END, FIELD_WORDS };

enum { HEAD_FIELDS_MAX = 32, HEAD_WORDS = HEAD_RECORDS + HEAD_FIELDS_MAX * FIELD_WORDS };

/** Bits of HEAD_FORM. */
enum {
	FORM_HTTP_1_1 = 1, FORM_NORMAL_PATH = 2, FORM_PLAIN_HOST = 4,
	FORM_CLOSE = 8, FORM_KEEP_ALIVE = 16, FORM_UPGRADE = 32, FORM_OTHER_OPTION = 64, FORM_BODY_BYTES = 128
};

/** Outcomes; any other is the status of an error. */
enum { HEAD_GOES_ON = 0, HEAD_COMPLETE = 1, HEAD_OUTCOME_BITS = 16 };

/**
 * Reads on in a head: `from` of its first `end` bytes have been read before. The result is the bytes of the head so far and, from
 * HEAD_OUTCOME_BITS on, the outcome. `words` are HEAD_WORDS, of which those from HEAD_BYTES_MAX to HEAD_IS_REQUEST were set before the
 * first call; the function keeps nothing else between calls. Whatever they and the bytes are, it reads and writes nothing behind them.
 */
extern uint32_t readHead(uint8_t* bytes, uint32_t from, uint32_t end, uint16_t* words);

#endif
