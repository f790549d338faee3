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
	while (at < end && state < found)
		state = next[state + columns[bytes[at++]]];
	return (at - start) << 16 | state;
}
