#ifndef TAP_DEVICE_H
#define TAP_DEVICE_H

#include <stdint.h>

/*
 * The board's lwIP in real time, with tasks as on the chip (NO_SYS=0): its own, one that receives (on the chip the Wi-Fi
 * driver's), and the application's, which calls lwIP under its core lock. The interface is a TAP device of the kernel: an
 * Ethernet, with ARP. The kernel, or any program that uses its sockets, is at the other end.
 */

/**
 * Opens the TAP device, and starts lwIP with this address and its tasks, which never end. 0, or an `errno`. While the device is in use
 * it is tried again for 5 s: the process of a board that has just lost its power may not have ended.
 */
extern int startTap(const char* device, const char* address, uint32_t seed);

#endif
