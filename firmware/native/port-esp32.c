#include <stddef.h>
#include "xsmc.h"
#include "xsHost.h"
#include "binding.h"

/*
 * The port for ESP-IDF with the Moddable SDK: the message from lwIP's task (priority 18) to the machine's (4).
 *
 * The machine's task takes messages from a FreeRTOS queue (task.queueLength of manifest.json) between its turns. The sockets have
 * at most one in it (sockets.h), so they cannot fill it; serial port and Wi-Fi may.
 *
 * modMessagePostToMachine would wait for a place, in a release build for ever, while the caller holds the core lock that
 * the machine's task may be waiting for. The function for interrupts never waits, and a task may call it as well: FreeRTOS
 * then leaves the switch to a task of higher priority to the next tick, and no task is switched to here that has a higher one than
 * lwIP's. Where the queue is full, sockets.c posts again after 200 ms by a timer of lwIP's.
 */

static void deliver(void* machine, void* refcon, uint8_t* message, uint16_t length)
{
	(void)refcon, (void)message, (void)length;
	/* An exception out of a callback ends the program: XS calls its abort hook (src/chip/abort.ts). */
	xsBeginHost((xsMachine*)machine);
	bindingDeliver(the);
	xsEndHost((xsMachine*)machine);
}

bool portPost(xsMachine* the)
{
	return modMessagePostToMachineFromISR(the, deliver, NULL) == 0;
}
