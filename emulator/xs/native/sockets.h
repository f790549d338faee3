#ifndef SOCKETS_H
#define SOCKETS_H

#include "xsnap.h"

/** Makes `TCP`, `Listener` and `UDP` of the program. */
extern void installSockets(xsMachine* the);
/** Calls a callback of the program: `<handle> <event> <count>`. */
extern void deliverEvent(xsMachine* the, const char* text);

/** Makes the program's object `board`: time, its one alarm, its console, its questions. */
extern void installBoard(xsMachine* the);
/** The one alarm rings. */
extern void ringAlarm(xsMachine* the);

/** Makes the functions of the program that are the firmware's own C. */
extern void installKeywords(xsMachine* the);
extern void installLines(xsMachine* the);
/** Makes `putTexts` and the others of the program: the firmware's own C. */
extern void installWriter(xsMachine* the);

/** A method that does not show when its object is listed. */
extern void method(xsMachine* the, xsSlot* on, const char* name, xsCallback callback, int length);

#endif
