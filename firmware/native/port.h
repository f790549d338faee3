#ifndef HOT_POTATO_PORT_H
#define HOT_POTATO_PORT_H

#include <stdbool.h>
#include "lwip/opt.h"
#include "lwip/tcpip.h"

/*
 * lwIP's core lock, for the application's task. lwIP's callbacks hold it already.
 *
 * On the chip lwIP has a task of its own (NO_SYS=0), and CONFIG_LWIP_TCPIP_CORE_LOCKING lets other tasks call it under a
 * mutex. In a program with NO_SYS=1 the application and lwIP share one task, and there is nothing to lock.
 */

#if !NO_SYS && !LWIP_TCPIP_CORE_LOCKING
#error "sockets.c needs LWIP_TCPIP_CORE_LOCKING (CONFIG_LWIP_TCPIP_CORE_LOCKING=y)"
#endif

/** False: the network was never started, and there is no lock yet. */
static inline bool portReady(void)
{
#ifdef ESP_PLATFORM
	return sys_thread_tcpip(LWIP_CORE_IS_TCPIP_INITIALIZED);
#else
	return true;
#endif
}

static inline void portLock(void)
{
#if !NO_SYS
	LOCK_TCPIP_CORE();
#endif
}

static inline void portUnlock(void)
{
#if !NO_SYS
	UNLOCK_TCPIP_CORE();
#endif
}

#endif
