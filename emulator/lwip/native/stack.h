#ifndef STACK_H
#define STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One copy of lwIP under the control of a test: no task, no clock and no network of its own. It has one interface with an
 * IPv4 address, that takes and gives IP packets.
 *
 * A program has up to two copies: the board's, with the names that lwIP gives, and the peer's, all of whose names
 * begin with `peer_` (build.ts). lwIP cannot be reset: a process starts each copy once, and plays the next
 * world in a new process.
 */

enum { PACKET_BYTES_MAX = 1500 };

/** Gets a packet that the copy sends. It must not call the copy. */
typedef void PacketSink(const uint8_t* packet, size_t length);

/** `address` in dotted decimals; `seed` for its random numbers. */
extern void startStack(const char* address, uint32_t seed, PacketSink* send);
extern void peer_startStack(const char* address, uint32_t seed, PacketSink* send);

/** Gives the copy one more address, on the same wire. */
extern void addAddress(uint32_t address);
extern void peer_addAddress(uint32_t address);

/** Without a network, false, there is no default interface, nothing arrives, and what is sent is lost. It begins with one. */
extern void plugStack(bool plugged);
/* Gives the interface another address, in the order of the network, as DHCP does. */
extern void readdressStack(uint32_t address);
/** Drops every control block, and sends nothing; their owners are not told. */
extern void forgetConnections(void);

/** A packet has arrived. It is lost when there is no memory for it, as on the chip. */
extern void receivePacket(const uint8_t* packet, size_t length);
extern void peer_receivePacket(const uint8_t* packet, size_t length);

/** Runs the timers that are due, and hands over what the copy has sent to itself. */
extern void runStack(void);
extern void peer_runStack(void);

/** Calls `looped` when the copy has sent something to itself, for `runStack` to hand over. It must not call the copy. */
extern void onLoop(void (*looped)(void));

/** Milliseconds until its next timer; UINT32_MAX: it has none. */
extern uint32_t stackWaitMs(void);
extern uint32_t peer_stackWaitMs(void);

/** The time of both copies, in milliseconds (`sys_now`). Given by world.c, or by a test without a wire. */
extern uint32_t nowMs(void);

/* Memory of the board's copy: blocks and bytes that lwIP has taken and not given back, and the most bytes at once. */
extern int stackBlocks(void);
extern size_t stackBytes(void);
extern size_t stackBytesMax(void);

/** Lets the next `skipped` allocations of the board's copy succeed, and then `count` fail. */
extern void failAllocations(int skipped, int count);
/** The board's copy cannot have more than so many bytes at once; 0: no limit. */
extern void limitStackBytes(size_t bytes);

/** Control blocks of TCP in use, listeners included: what CONFIG_LWIP_MAX_ACTIVE_TCP limits. */
extern int controlBlocks(void);
/** The number of control blocks that are not listeners. */
extern int connectionBlocks(void);
/** In place of CONFIG_LWIP_MAX_ACTIVE_TCP and CONFIG_LWIP_MAX_LISTENING_TCP, with which a copy starts. */
extern void limitControlBlocks(int all, int ofListeners);
extern void peer_limitControlBlocks(int all, int ofListeners);

/* For a port's own blocks that shall be counted, limited and failed with lwIP's. */
extern void* stackAllocate(size_t bytes);
extern void* stackAllocateZeroed(size_t count, size_t bytes);
extern void stackFree(void* block);

#endif
