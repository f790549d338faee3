#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <unistd.h>
#include "handles.h"
#include "sockets.h"
#include "internals.h"
#include "processor.h"

/*
 * One XS machine behind a pipe: a board's processor. Each command is answered when it is
 * done; meanwhile it sends requests to the board (handles.h).
 *
 *   E <script>          runs it
 *   Z <stack slots> [<slots> <chunk bytes> <slots of a step> <chunk bytes of a step>]
 *                       freezes all that exists: intrinsics, and what the scripts made; then the stack has
 *                       as many slots as on the chip, and the heap has that size, and grows in steps
 *                       while the board has memory
 *   A <reason>          calls the program's hook `abort(reason, exception)` with the last exception
 *   J <json>            calls the program's `command(json)`; the answer is what it returns
 *   C <handle> <event> <count>   calls a socket's callback
 *   T                   the alarm rings
 *   G                   collects the garbage
 *   F                   figures: computrons, slots, chunk bytes, collections, most slots, most chunk bytes,
 *                       most slots of the stack
 *   D                   resets the greatest depth of the stack
 *   P <0 or 1>          starts or stops counting by function
 *   Q                   those counts: lines of computrons, slots, chunk bytes and function
 *   B <folder>          makes a copy of this process and its machine, with pipes in that folder
 *
 * Arguments: slots and chunk bytes of the heap at the start; until `Z` limits it, it grows as it must.
 */

enum { KILOBYTE = 1024 };

static const xsCreation SIZES = {
	0,	/* chunk bytes at the start: argument */
	16 * KILOBYTE,	/* chunk bytes by which it grows */
	0,	/* slots at the start: argument */
	512,	/* slots by which it grows */
	4096,	/* stack slots, until `Z`: the chip does not parse */
	8000, 4000,	/* keys, and by how many they grow */
	1993, 127,	/* name and symbol tables */
	2048 * KILOBYTE, 1993,	/* the parser's */
};

/** The last exception, kept until command `A` passes it to the program's abort hook. */
static xsSlot thrown;

static int collections;
static int depth;
static xsSlot canary;

static void counted(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	collections++;
}

/** Lives for ever, and is marked once in each collection. */
static const xsHostHooks CANARY = { NULL, counted, NULL };

static char* report;
static size_t reportLength, reportRoom;

static void addLine(const char* line)
{
	size_t length = strlen(line);
	if (reportLength + length + 1 > reportRoom) {
		reportRoom = 2 * (reportRoom + length + 1);
		report = realloc(report, reportRoom);
		if (!report) exit(1);
	}
	memcpy(report + reportLength, line, length);
	reportLength += length;
	report[reportLength++] = '\n';
}

/** Says what was thrown, with its stack where there is one. */
static void sendException(xsMachine* the, xsSlot* exception)
{
	xsStringValue text;
	xsVar(0) = *exception;
	xsVar(1) = xsUndefined;
	if (xsTypeOf(xsVar(0)) == xsReferenceType && xsIsInstanceOf(xsVar(0), xsErrorPrototype))
		xsVar(1) = xsGet(xsVar(0), xsID("stack"));
	if (xsTypeOf(xsVar(1)) == xsUndefinedType) xsVar(1) = xsVar(0);
	text = xsToString(xsVar(1));
	sendFrame('!', NULL, 0, text, strlen(text));
}

static void freeze(xsMachine* the, const char* sizes)
{
	HeapGiven heap;
	int stackSlots;
	int count = sscanf(sizes, "%d %d %d %d %d", &stackSlots, &heap.slots, &heap.chunkBytes, &heap.slotsStep, &heap.chunkBytesStep);
	if (count != 1 && count != 5) xsUnknownError("xs: no sizes: %s", sizes);
	freezeEverything(the);
	if (count == 5) giveHeap(the, heap);
	giveStack(the, stackSlots);
}

static void run(xsMachine* the, const char kind, char* bytes, size_t length)
{
	switch (kind) {
	case 'E': runScript(the, bytes, length); break;
	case 'Z':
		freeze(the, bytes);
		break;
	case 'D': forgetStack(the); break;
	case 'A':
		xsVar(0) = xsStringBuffer(bytes, (xsIntegerValue)length);
		xsCall2(xsGlobal, xsID("abort"), xsVar(0), thrown);
		xsVar(0) = xsUndefined;
		break;
	case 'J':
		xsVar(0) = xsStringBuffer(bytes, (xsIntegerValue)length);
		xsResult = xsCall1(xsGlobal, xsID("command"), xsVar(0));
		xsVar(0) = xsUndefined;
		break;
	case 'C': deliverEvent(the, bytes); break;
	case 'T': ringAlarm(the); break;
	case 'G': xsCollectGarbage(); break;
	case 'F': case 'Q': break;
	case 'P': profile(the, bytes[0] == '1'); break;
	default: xsUnknownError("xs: no such command: %c", kind);
	}
}

static void serve(xsMachine* machine, char kind, char* bytes, size_t length)
{
	depth++;
	xsBeginHost(machine);
	{
		int threw = 0;
		xsVars(2);
		xsTry {
			run(the, kind, bytes, length);
		}
		xsCatch {
			threw = 1;
			thrown = xsException;
			sendException(the, &xsException);
			xsException = xsUndefined;
		}
		if (!threw) {
			/* Promise jobs are the main loop's: never inside a call. */
			if (depth == 1) xsRunLoop(the);
			if (kind == 'F') {
				char text[128];
				Figures figures = figuresOf(the);
				int count = snprintf(text, sizeof(text), "%u %d %d %d %d %d %d", figures.computrons, figures.slots,
					figures.chunkBytes, collections, figures.slotsMax, figures.chunkBytesMax, figures.stackSlotsMax);
				sendFrame('.', NULL, 0, text, (size_t)count);
			}
			else if (kind == 'Q') {
				reportLength = 0;
				reportProfile(the, addLine);
				sendFrame('.', NULL, 0, report, reportLength);
			}
			else if (kind == 'J' && xsTypeOf(xsResult) != xsUndefinedType) {
				xsStringValue text = xsToString(xsResult);
				sendFrame('.', NULL, 0, text, strlen(text));
			}
			else sendFrame('.', NULL, 0, NULL, 0);
		}
	}
	xsEndHost(machine);
	depth--;
}

/** The copy answers; this process does not. */
static void copy(const char* folder)
{
	static const char REFUSED[] = "XS: the process cannot be copied";
	pid_t child = fork();
	if (child == 0) movePipes(folder);
	else if (child < 0) sendFrame('!', NULL, 0, REFUSED, sizeof(REFUSED) - 1);
}

/** Says why the machine cannot go on, in the chip's words. */
static int aborted(int status)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "XS abort: %s",
		status == xsNotEnoughMemoryExit ? "memory full" :
		status == xsStackOverflowExit ? "JavaScript stack overflow" :
		status == xsNoMoreKeysExit ? "not enough keys" :
		status == xsUnhandledExceptionExit ? "unhandled exception" :
		"fatal");
	sendFrame('X', NULL, 0, text, (size_t)length);
	return 1;
}

static xsBooleanValue unlimited(xsMachine* the, xsUnsignedValue computrons)
{
	return 1;
}

int main(int argc, char* argv[])
{
	xsCreation sizes = SIZES;
	xsMachine* machine;
	if (argc != 3) {
		fprintf(stderr, "xs <slots> <chunk bytes>\n");
		return 2;
	}
	sizes.initialHeapCount = atoi(argv[1]);
	sizes.initialChunkSize = atoi(argv[2]);
	serveWith(serve);
	signal(SIGCHLD, SIG_IGN);	/* copies are not waited for */
	shareProcessor();
	atexit(freeProcessor);
	xsInitializeSharedCluster();
	machine = xsCreateMachine(&sizes, "xs", NULL);
	if (!machine) return 1;
	/* A machine that cannot go on (no memory, no stack) leaves by the jump that this sets. */
	xsBeginMetering(machine, unlimited, 0);
	{
		xsBeginHost(machine);
		installSockets(the);
		installKeywords(the);
		installLines(the);
		installWriter(the);
		xsEndHost(machine);
	}
	{
		xsBeginHost(machine);
		installBoard(the);
		thrown = xsUndefined;
		fxRemember(the, &thrown);
		canary = xsNewHostObject(NULL);
		xsSetHostData(canary, &canary);
		xsSetHostHooks(canary, &CANARY);
		fxRemember(the, &canary);
		xsEndHost(machine);
		restHere(machine);
		for (;;) {
			Frame frame = receiveFrame();
			if (frame.kind == 'B') copy(frame.bytes);
			else serve(machine, frame.kind, frame.bytes, frame.length);
			freeFrame(&frame);
		}
	}
	xsEndMetering(machine);
	return aborted(machine->abortStatus);
}
