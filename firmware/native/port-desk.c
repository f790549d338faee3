#include <stdlib.h>
#include "port.h"

/*
 * lwIP with NO_SYS=1 on a computer: the application and lwIP share one task, so there is nothing to lock.
 */

void portLock(void)
{
}

void portUnlock(void)
{
}

void* portAllocate(size_t bytes)
{
	return calloc(1, bytes);
}

void portFree(void* memory)
{
	free(memory);
}
