#ifndef INTERFACE_H
#define INTERFACE_H

#include <stdbool.h>
#include <stdint.h>
#include "lwip/netif.h"

/* The one interface of a copy of lwIP, for those that give it another network than `startStack` does. In stack.c. */

/** For its random numbers; to be called before lwIP is initialized. */
extern void seedStack(uint32_t seed);
/** Adds the interface, once lwIP is initialized. `address` in dotted decimals. */
extern struct netif* addInterface(const char* address, netif_init_fn setUp, netif_input_fn input);
/** The argument of the last `plugStack`: without a network, packets to send and packets that arrive are to be dropped. */
extern bool stackPlugged(void);

#endif
