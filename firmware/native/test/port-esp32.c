#include <stdio.h>
#include <stdlib.h>
#include "stack.h"
#include "../binding.h"
#include "xsHost.h"

/*
 * The chip's port without the chip: FreeRTOS's queue of one machine, with one place, is here. Prints as JSON, for a post into the free
 * queue, a post into the full one, and the service of the queue: whether it was posted, and how many deliveries there were, all
 * of them in host calls.
 */

struct Machine {
	modMessageDeliver callback;
	void* refcon;
	int hostCalls;
	int deliveries;
	int deliveriesOutside;
};

static xsMachine machine;

/** For lwIP, which does nothing here. */
uint32_t nowMs(void)
{
	return 0;
}

xsMachine* hostCallBegin(xsMachine* the)
{
	the->hostCalls++;
	return the;
}

void hostCallEnd(xsMachine* the)
{
	the->hostCalls--;
}

int modMessagePostToMachine(xsMachine* the, uint8_t* message, uint16_t messageLength, modMessageDeliver callback, void* refcon)
{
	(void)the, (void)message, (void)messageLength, (void)callback, (void)refcon;
	fputs("the port waits for the queue, with the core lock held\n", stderr);
	abort();
}

int modMessagePostToMachineFromISR(xsMachine* the, modMessageDeliver callback, void* refcon)
{
	if (the->callback) return -1;
	the->callback = callback;
	the->refcon = refcon;
	return 0;
}

void bindingDeliver(xsMachine* the)
{
	the->deliveries++;
	if (the->hostCalls != 1) the->deliveriesOutside++;
}

static void service(xsMachine* the)
{
	modMessageDeliver callback = the->callback;
	if (callback == NULL) return;
	the->callback = NULL;
	(*callback)(the, the->refcon, NULL, 0);
}

int main(void)
{
	bool free = portPost(&machine);
	bool full = portPost(&machine);
	bool again;
	service(&machine);
	again = portPost(&machine);
	service(&machine);
	printf("{ \"free\": %d, \"full\": %d, \"again\": %d, \"deliveries\": %d, \"outside\": %d, \"hostCalls\": %d }\n", free, full, again,
		machine.deliveries, machine.deliveriesOutside, machine.hostCalls);
	return 0;
}
