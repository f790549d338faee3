#ifndef XSHOST_H
#define XSHOST_H

#include <stdint.h>

/* Facts of Moddable SDK 8.2.3 (xs/platforms/esp/xsHost.h), for machines of ESP-IDF. */

typedef void (*modMessageDeliver)(void* the, void* refcon, uint8_t* message, uint16_t messageLength);

/** Waits for a place in the machine's queue: as long as it takes, in a release build. 0: posted. */
extern int modMessagePostToMachine(xsMachine* the, uint8_t* message, uint16_t messageLength, modMessageDeliver callback, void* refcon);
/** Does not wait. 0: posted. */
extern int modMessagePostToMachineFromISR(xsMachine* the, modMessageDeliver callback, void* refcon);

#endif
