#include <stdint.h>
#include "handles.h"
#include "sockets.h"

/* The firmware's own C (firmware/native), as the SDK's FFI hands it to the program on the chip. */

extern uint32_t findKeyword(uint8_t* bytes, uint32_t start, uint32_t end, uint8_t* columns, uint16_t* next, uint32_t state, uint32_t found);
extern uint32_t readHead(uint8_t* bytes, uint32_t from, uint32_t end, uint16_t* words);

static uint32_t number(xsMachine* the, int place)
{
	return (uint32_t)xsToNumber(xsArg(place));
}

static void find(xsMachine* the)
{
	uint32_t result = findKeyword(xsToArrayBuffer(xsArg(0)), number(the, 1), number(the, 2),
		xsToArrayBuffer(xsArg(3)), xsToArrayBuffer(xsArg(4)), number(the, 5), number(the, 6));
	if (result <= INT32_MAX) xsResult = xsInteger((xsIntegerValue)result);
	else xsResult = xsNumber(result);
}

static void readHeadOf(xsMachine* the)
{
	uint32_t result = readHead(xsToArrayBuffer(xsArg(0)), number(the, 1), number(the, 2), xsToArrayBuffer(xsArg(3)));
	xsResult = xsInteger((xsIntegerValue)result);
}

void installKeywords(xsMachine* the)
{
	method(the, &xsGlobal, "findKeyword", find, 7);
	method(the, &xsGlobal, "readHead", readHeadOf, 4);
}
