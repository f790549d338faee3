#include <stdio.h>
#include <string.h>
#include "handles.h"
#include "internals.h"
#include "sockets.h"

/* Declared in xsmc.h, which would undefine the macros of xs.h. */
extern xsIntegerValue _xsmcGetBuffer(xsMachine* the, xsSlot* slot, void** data, xsUnsignedValue* count, xsBooleanValue writable);
enum { TO_READ };

static xsSlot alarmTask;

static void boardNow(xsMachine* the)
{
	xsResult = xsNumber(boardMs);
}

/** alarm(ms): calls what was given to onAlarm then; -1 takes it back. */
static void boardAlarm(xsMachine* the)
{
	char question[HEAD_MAX];
	int length = sprintf(question, "alarm%c%.17g", 0, xsToNumber(xsArg(0)));
	Frame answer = ask(the, question, (size_t)length, NULL, 0);
	freeFrame(&answer);
}

static void boardOnAlarm(xsMachine* the)
{
	alarmTask = xsArg(0);
}

static void boardLog(xsMachine* the)
{
	xsStringValue line = xsToString(xsArg(0));
	Frame answer = ask(the, "log", 4, line, strlen(line));
	freeFrame(&answer);
}

/** write(bytes): to the serial port, with nothing allocated, as on the chip. */
static void boardWrite(xsMachine* the)
{
	void* from;
	xsUnsignedValue count;
	Frame answer;
	_xsmcGetBuffer(the, &xsArg(0), &from, &count, TO_READ);
	answer = ask(the, "serial", 7, from, count);
	freeFrame(&answer);
}

static void boardAsk(xsMachine* the)
{
	xsStringValue text = xsToString(xsArg(0));
	Frame answer = ask(the, "ask", 4, text, strlen(text));
	xsResult = xsStringBuffer(answer.bytes, (xsIntegerValue)answer.length);
	freeFrame(&answer);
}

int takeMemory(void* machine, size_t bytes)
{
	char question[HEAD_MAX];
	int length = sprintf(question, "heap%c%lu", 0, (unsigned long)bytes);
	Frame answer = ask(machine, question, (size_t)length, NULL, 0);
	int taken = answer.bytes[0] == '1';
	freeFrame(&answer);
	return taken;
}

void ringAlarm(xsMachine* the)
{
	xsCallFunction0(alarmTask, xsUndefined);
}

void method(xsMachine* the, xsSlot* on, const char* name, xsCallback callback, int length)
{
	xsResult = xsNewHostFunction(callback, length);
	xsDefine(*on, xsID(name), xsResult, xsDontEnum);
}

void installBoard(xsMachine* the)
{
	xsVars(1);
	alarmTask = xsUndefined;
	fxRemember(the, &alarmTask);
	xsVar(0) = xsNewObject();
	xsDefine(xsGlobal, xsID("board"), xsVar(0), xsDontEnum);
	method(the, &xsVar(0), "now", boardNow, 0);
	method(the, &xsVar(0), "alarm", boardAlarm, 1);
	method(the, &xsVar(0), "onAlarm", boardOnAlarm, 1);
	method(the, &xsVar(0), "log", boardLog, 1);
	method(the, &xsVar(0), "write", boardWrite, 1);
	method(the, &xsVar(0), "ask", boardAsk, 1);
}
