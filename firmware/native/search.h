#ifndef HOT_POTATO_SEARCH_H
#define HOT_POTATO_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The keyword search of a pipe: the tables that the class Keywords of src/net/keywords.ts makes and explains, in memory of C, so that
 * lwIP's task can read them. It knows neither sockets nor lwIP.
 *
 * The state becomes `next[state + columns[byte]]` with each byte. From `found` on it is an outcome: `found` + the index of a
 * keyword, or `found` + `count` for a control byte, behind which `inAny` is searched, or nothing where that is NULL.
 */

typedef struct Search Search;
struct Search {
	uint16_t found;
	uint16_t count;
	/** The state at the beginning of a stream. */
	uint16_t start;
	/** One more than the largest of `columns`: the length of a row of `next`. */
	uint16_t columnCount;
	/** Belongs to this one; has no `inAny` itself. */
	Search* inAny;
	uint16_t references;
	/** The byte with which keywords begin, if it is a single one: then several bytes can be searched at once. */
	uint8_t first;
	bool byWords;
	uint8_t columns[256];
	/** `found` entries. */
	uint16_t next[];
};

/**
 * With one reference, and zeros for the caller to replace: columns, next, start, inAny. NULL: no memory. `found` is not 0, and `found` +
 * `count` fit into 16 bits.
 */
extern Search* searchNew(uint16_t found, uint16_t count);
/**
 * To be called once before the search: checks that no stream can lead out of the tables. The result is NULL, or the name of the field that is
 * wrong.
 */
extern const char* searchCheck(Search* search);
/* The caller has the lock, if two tasks have references. */
extern void searchHold(Search* search);
/** The last one frees the tables. */
extern void searchRelease(Search* search);

/** A place in the search of one stream. */
typedef struct {
	uint16_t state;
	/** The tables that are in use; NULL: nothing is searched (any more). */
	const Search* tables;
} SearchPlace;

/** The place as a number, which `searchPlaceOf` takes back; -1: nothing is searched. */
extern int32_t searchNumberOf(const Search* search, SearchPlace place);
/** False: no place of this search. */
extern bool searchPlaceOf(const Search* search, int32_t number, SearchPlace* place);

typedef enum { SEARCH_GOES_ON, SEARCH_FOUND, SEARCH_BINARY } SearchResult;

/**
 * Searches the next `*count` bytes of the stream.
 *
 * SEARCH_FOUND: `*count` is the number of bytes up to the last one of keyword number `*keyword`; the place is behind it. SEARCH_BINARY: a control
 * byte came, and nothing is searched any more.
 */
extern SearchResult searchBytes(SearchPlace* place, const uint8_t* bytes, unsigned* count, uint16_t* keyword);

#endif
