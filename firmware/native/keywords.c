#include <stdint.h>

/*
 * The loop of `Scan.next` (src/net/keywords.ts) as machine code, for the chip and for every engine
 * that is built with it: a byte costs a few cycles here, and 26 instructions of XS there.
 *
 * Goes through the bytes from `start` to `end` until a state of `found` or above. The result is that
 * state, or the last one, and in the upper 16 bits how many bytes were looked at.
 */
uint32_t findKeyword(uint8_t* bytes, uint32_t start, uint32_t end, uint8_t* columns, uint16_t* next, uint32_t state, uint32_t found)
{
	uint32_t at = start;
	while (at < end && state < found) {
		/* Bytes that are in no keyword lead from state 0 to state 0. */
		if (state == 0)
			while (end - at >= 4 && columns[bytes[at]] == 0 && columns[bytes[at + 1]] == 0 && columns[bytes[at + 2]] == 0 && columns[bytes[at + 3]] == 0)
				at += 4;
		if (at < end) state = next[state + columns[bytes[at++]]];
	}
	return (at - start) << 16 | state;
}
