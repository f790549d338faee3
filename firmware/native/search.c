#include <stdlib.h>
#include "search.h"

/* Tables */

/** Marks the number of a place in `inAny`: states fit into 16 bits. */
enum { IN_ANY = 0x10000 };

Search* searchNew(uint16_t found, uint16_t count)
{
	Search* search = calloc(1, sizeof(Search) + found * sizeof(search->next[0]));
	if (search == NULL) return NULL;
	search->found = found;
	search->count = count;
	search->references = 1;
	return search;
}

/** Is this the beginning of a row? */
static bool isState(const Search* search, unsigned value)
{
	return value < search->found && value % search->columnCount == 0;
}

/** The words of `searchWords` can be searched if keywords begin with at most one byte that is no control character, and that is ASCII. */
static void prepareWords(Search* search)
{
	unsigned byte, firsts = 0;
	for (byte = ' '; byte < sizeof(search->columns); byte++) {
		if (byte == 0x7f || search->next[search->columns[byte]] == 0) continue;
		firsts++;
		search->first = (uint8_t)byte;
	}
	search->byWords = firsts == 0 || (firsts == 1 && search->first < 0x80);
}

/**
 * Why no stream can lead out of `next`: it has `found` entries, in whole rows of `columnCount`. A state below `found` is the beginning of a
 * row, at first and, as each entry is one or an outcome, after each byte. A column is less than `columnCount`. So state +
 * column is within the row, and an outcome is never followed.
 */
const char* searchCheck(Search* search)
{
	unsigned i, outcomes = search->found + search->count;
	search->columnCount = 0;
	for (i = 0; i < sizeof(search->columns); i++) {
		if (search->columns[i] >= search->columnCount) search->columnCount = search->columns[i] + 1;
	}
	if (search->found % search->columnCount != 0) return "columns";
	for (i = 0; i < search->found; i++) {
		/* Column 0 is that of bytes in no keyword. */
		unsigned last = i % search->columnCount == 0 ? 0 : outcomes;
		if (search->next[i] > last || (search->next[i] < search->found && !isState(search, search->next[i]))) return "next";
	}
	if (!isState(search, search->start)) return "start";
	if (search->inAny && (search->inAny->inAny || search->inAny->count != search->count)) return "inAny";
	prepareWords(search);
	return NULL;
}

void searchHold(Search* search)
{
	search->references++;
}

void searchRelease(Search* search)
{
	if (search == NULL || --search->references > 0) return;
	searchRelease(search->inAny);
	free(search);
}

int32_t searchNumberOf(const Search* search, SearchPlace place)
{
	if (place.tables == NULL) return -1;
	return place.tables == search ? place.state : IN_ANY | place.state;
}

bool searchPlaceOf(const Search* search, int32_t number, SearchPlace* place)
{
	const Search* tables = number < IN_ANY ? search : search->inAny;
	if (number < 0 || number >= 2 * IN_ANY || tables == NULL || !isState(tables, number % IN_ANY)) return false;
	*place = (SearchPlace){ .state = (uint16_t)(number % IN_ANY), .tables = tables };
	return true;
}

/* Search */

/** As many bytes as a register has: 4 on the chip. */
typedef unsigned long __attribute__((may_alias)) Word;
enum { WORD_BYTES = sizeof(Word) };

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the first byte of a word is the lowest one here"
#endif

/** A word of which each byte is this one. */
#define EACH(byte) ((Word)-1 / 0xff * (byte))

/**
 * Flags the bytes at which the search cannot stay in state 0: control characters (less than a blank, DEL) and the first byte of
 * keywords, which is ASCII. The flag is the highest bit; behind a flagged byte another one may be flagged although it is neither. A byte above
 * ASCII has that bit itself, and none of the three sums counts for it.
 */
static inline Word flagsIn(Word word, Word first)
{
	return ((word - EACH(' ')) | (word + EACH(1)) | ((word ^ first) - EACH(1))) & ~word & EACH(0x80);
}

static inline Word wordAt(const uint8_t* at)
{
	return *(const Word*)(const void*)at;
}

/** The same for a word of which bytes before `at` have been searched. */
static inline Word flagsFrom(const uint8_t* at, const uint8_t* word, Word first)
{
	return flagsIn(wordAt(word), first) & (Word)-1 << 8 * (unsigned)(at - word);
}

static inline const uint8_t* wordOf(const uint8_t* at)
{
	return at - (uintptr_t)at % WORD_BYTES;
}

/**
 * From state 0, `at` before `end`: searches until another state remains at `end`, until an outcome, or to less than a word before `end`. Only
 * flagged bytes are looked up in the tables, and those behind them until the state is 0 again: in text most words have none. Words are
 * read within the piece, and where they are aligned. Not inlined: the loop over words then stays in registers (x86: 16 instructions a word).
 */
static __attribute__((noinline)) const uint8_t*
searchWords(const Search* search, unsigned* state, const uint8_t* begin, const uint8_t* at, const uint8_t* end)
{
	const uint8_t* const last = end - WORD_BYTES;
	const Word first = EACH((Word)search->first);
	const unsigned found = search->found;
	const uint8_t* word = wordOf(at);
	Word flags;
	if (word < begin || word > last) {
		*state = search->next[search->columns[*at]];
		return at + 1;
	}
	flags = flagsFrom(at, word, first);
	for (;;) {
		unsigned now;
		if (flags == 0) {
			do {
				word += WORD_BYTES;
				if (word > last) return word;
				flags = flagsIn(wordAt(word), first);
			} while (flags == 0);
		}
		at = word + __builtin_ctzl(flags) / 8;
		now = search->next[search->columns[*at++]];
		flags &= flags - 1;
		if (now == 0) continue;
		while (at < end && now < found) {
			now = search->next[now + search->columns[*at++]];
			if (now == 0) break;
		}
		if (now != 0) {
			*state = now;
			return at;
		}
		word = wordOf(at);
		if (word > last) return at;
		flags = flagsFrom(at, word, first);
	}
}

/** In state 0: skips bytes that are in no keyword, as far as one that is, or `end`. */
static const uint8_t* skipBytes(const uint8_t* columns, const uint8_t* at, const uint8_t* end)
{
	while (end - at >= 4 && columns[at[0]] == 0 && columns[at[1]] == 0 && columns[at[2]] == 0 && columns[at[3]] == 0) at += 4;
	while (at < end && columns[*at] == 0) at++;
	return at;
}

/** Searches until an outcome or `end`; returns where it stopped. This runs for each byte, so the tables stay in registers. */
static const uint8_t* searchUntilFound(const Search* search, uint16_t* searchState, const uint8_t* begin, const uint8_t* end)
{
	const uint8_t* const columns = search->columns;
	const uint16_t* const next = search->next;
	const unsigned found = search->found;
	const uint8_t* at = begin;
	unsigned state = *searchState;
	while (at < end && state < found) {
		if (state != 0) state = next[state + columns[*at++]];
		else if (search->byWords) at = searchWords(search, &state, begin, at, end);
		else {
			at = skipBytes(columns, at, end);
			if (at < end) state = next[columns[*at++]];
		}
	}
	*searchState = (uint16_t)state;
	return at;
}

SearchResult searchBytes(SearchPlace* place, const uint8_t* bytes, unsigned* count, uint16_t* keyword)
{
	const uint8_t* at = bytes;
	const uint8_t* const end = bytes + *count;
	while (place->tables) {
		const Search* search = place->tables;
		at = searchUntilFound(search, &place->state, at, end);
		if (place->state < search->found) return SEARCH_GOES_ON;
		if (place->state < search->found + search->count) {
			*keyword = (uint16_t)(place->state - search->found);
			*count = (unsigned)(at - bytes);
			place->state = 0; /* behind a keyword none has begun */
			return SEARCH_FOUND;
		}
		/* No keyword has a control byte, so none has begun. */
		*place = (SearchPlace){ .state = 0, .tables = search->inAny };
	}
	return SEARCH_BINARY;
}
