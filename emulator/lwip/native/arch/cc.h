#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Definitions that lwIP requires beyond its defaults (lwip/arch.h). */

#define LWIP_NO_UNISTD_H 1
#define LWIP_ERRNO_STDINCLUDE 1

/** A broken promise inside lwIP ends the process: a sanitizer's report, or a core, shows where. */
#define LWIP_PLATFORM_ASSERT(message) do { \
		fprintf(stderr, "lwIP: %s (%s, line %d)\n", message, __FILE__, __LINE__); \
		abort(); \
	} while (0)

extern uint32_t stackRandom(void);
#define LWIP_RAND() stackRandom()

extern void* stackAllocate(size_t bytes);
extern void* stackAllocateZeroed(size_t count, size_t bytes);
extern void stackFree(void* block);

#endif
