#ifndef HOT_POTATO_PORT_H
#define HOT_POTATO_PORT_H

#include <stddef.h>

/*
 * What sockets.c needs of a machine: port-esp32.c on the chip, port-desk.c on a computer.
 */

/** lwIP's core lock, for the application's task. Not for lwIP's callbacks, which hold it already. */
extern void portLock(void);
extern void portUnlock(void);

/** Memory outside of lwIP's pools, zeroed; NULL when there is none. With the lock held, in any task. */
extern void* portAllocate(size_t bytes);
extern void portFree(void* memory);

#endif
