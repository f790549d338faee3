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

/**
 * Searches until an outcome or `end`; returns where it stopped. This runs for each byte, so the tables stay in registers,
 * and bytes that are in no keyword take the short way.
 */
static const uint8_t* searchUntilFound(const Search* search, uint16_t* searchState, const uint8_t* at, const uint8_t* end)
{
	const uint8_t* const columns = search->columns;
	const uint16_t* const next = search->next;
	const unsigned found = search->found;
	unsigned state = *searchState;
	while (at < end && state < found) {
		if (state == 0) {
			while (at < end && columns[*at] == 0) at++;
			if (at == end) break;
		}
		state = next[state + columns[*at++]];
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
