#include <stdint.h>
#include "handles.h"
#include "sockets.h"

/* The firmware's C that writes heads (firmware/native/writer.c), as the SDK's FFI hands it to the program on the chip. */

extern uint32_t putTexts(uint8_t* to, uint32_t at, uint32_t end, char* one, char* two, char* three, char* four, char* five);
extern uint32_t putBytes(uint8_t* to, uint32_t at, uint32_t end, uint8_t* from, uint32_t start, uint32_t stop);
extern uint32_t putValue(uint8_t* to, uint32_t at, uint32_t end, char* before, uint8_t* from, uint16_t* words, uint32_t field, char* behind);
extern uint32_t putFields(uint8_t* to, uint32_t at, uint32_t end, uint8_t* from, uint32_t start, uint32_t stop, uint16_t* words, uint32_t names, uint32_t indexes);

/* Nothing here allocates: what is given are texts, buffers and whole numbers. */

static void* buffer(xsMachine* the, int place)
{
	return xsToArrayBuffer(xsArg(place));
}

static char* text(xsMachine* the, int place)
{
	return xsToString(xsArg(place));
}

static uint32_t number(xsMachine* the, int place)
{
	return (uint32_t)xsToInteger(xsArg(place));
}

static void texts(xsMachine* the)
{
	xsResult = xsInteger((xsIntegerValue)putTexts(buffer(the, 0), number(the, 1), number(the, 2),
		text(the, 3), text(the, 4), text(the, 5), text(the, 6), text(the, 7)));
}

static void bytes(xsMachine* the)
{
	xsResult = xsInteger((xsIntegerValue)putBytes(buffer(the, 0), number(the, 1), number(the, 2),
		buffer(the, 3), number(the, 4), number(the, 5)));
}

static void value(xsMachine* the)
{
	xsResult = xsInteger((xsIntegerValue)putValue(buffer(the, 0), number(the, 1), number(the, 2), text(the, 3),
		buffer(the, 4), buffer(the, 5), number(the, 6), text(the, 7)));
}

static void fields(xsMachine* the)
{
	xsResult = xsInteger((xsIntegerValue)putFields(buffer(the, 0), number(the, 1), number(the, 2),
		buffer(the, 3), number(the, 4), number(the, 5), buffer(the, 6), number(the, 7), number(the, 8)));
}

void installWriter(xsMachine* the)
{
	method(the, &xsGlobal, "putTexts", texts, 8);
	method(the, &xsGlobal, "putBytes", bytes, 6);
	method(the, &xsGlobal, "putValue", value, 8);
	method(the, &xsGlobal, "putFields", fields, 9);
}
