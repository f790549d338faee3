#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a test program's input, which are written as hexadecimal digits. */

/** Replaces the digits by the bytes; returns their number. */
static uint32_t fromHexadecimal(char* text)
{
	uint32_t i, count = (uint32_t)strlen(text) / 2;
	for (i = 0; i < count; i++) {
		char digits[3] = { text[2 * i], text[2 * i + 1], 0 };
		text[i] = (char)strtoul(digits, NULL, 16);
	}
	return count;
}
