#include <stdint.h>
#include "handles.h"
#include "sockets.h"

/* The ring of log lines (firmware/native/lines.c), as the SDK's FFI hands it to the program on the chip. */

extern void writeLine(uint32_t* ring, uint32_t order, char* format,
	char* a, char* b, char* c, char* d, char* e, char* f, char* g,
	double n0, double n1, double n2, double n3, double n4, double n5, double n6, double n7, double n8, double n9, double n10, double n11);
extern uint32_t readLines(uint32_t* notice, uint32_t* board, uint32_t* requests, uint8_t* into, uint32_t at, uint32_t bytesMax, uint32_t flags);

enum { TEXTS = 8, FIRST_TEXT = 2, FIRST_NUMBER = FIRST_TEXT + TEXTS, ARGUMENTS = FIRST_NUMBER + 12 };

static void writeTo(xsMachine* the)
{
	char* t[TEXTS];
	double n[ARGUMENTS - FIRST_NUMBER];
	for (int i = 0; i < TEXTS; i++)
		t[i] = xsToString(xsArg(FIRST_TEXT + i));
	for (int i = FIRST_NUMBER; i < ARGUMENTS; i++)
		n[i - FIRST_NUMBER] = xsToNumber(xsArg(i));
	writeLine(xsToArrayBuffer(xsArg(0)), (uint32_t)xsToNumber(xsArg(1)), t[0],
		t[1], t[2], t[3], t[4], t[5], t[6], t[7],
		n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11]);
}

static uint32_t number(xsMachine* the, int place)
{
	return (uint32_t)xsToNumber(xsArg(place));
}

static void readNext(xsMachine* the)
{
	xsResult = xsInteger(readLines(xsToArrayBuffer(xsArg(0)), xsToArrayBuffer(xsArg(1)), xsToArrayBuffer(xsArg(2)),
		xsToArrayBuffer(xsArg(3)), number(the, 4), number(the, 5), number(the, 6)));
}

void installLines(xsMachine* the)
{
	method(the, &xsGlobal, "writeLine", writeTo, ARGUMENTS);
	method(the, &xsGlobal, "readLines", readNext, 7);
}
