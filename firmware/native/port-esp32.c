#include <stdlib.h>
#include "lwip/opt.h"
#include "lwip/tcpip.h"
#include "port.h"

/*
 * ESP-IDF: lwIP has a task of its own, and CONFIG_LWIP_TCPIP_CORE_LOCKING lets other tasks call it under a mutex.
 */

#if !LWIP_TCPIP_CORE_LOCKING
#error "sockets.c needs CONFIG_LWIP_TCPIP_CORE_LOCKING=y"
#endif

void portLock(void)
{
	LOCK_TCPIP_CORE();
}

void portUnlock(void)
{
	UNLOCK_TCPIP_CORE();
}

void* portAllocate(size_t bytes)
{
	return calloc(1, bytes);
}

void portFree(void* memory)
{
	free(memory);
}
