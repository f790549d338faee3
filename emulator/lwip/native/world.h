#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Two copies of lwIP, the board's (10.0.0.2) and the peer's (10.0.0.1), and the wire between them, in virtual time. The
 * same seed and the same calls give the same world, to the last packet: `worldHash` tells.
 */

#define BOARD_ADDRESS "10.0.0.2"
#define PEER_ADDRESS "10.0.0.1"

/** The faults of the wire, each way. Each packet has these chances. */
typedef struct {
	uint32_t delayMinMs, delayMaxMs;
	unsigned lossPermille;
	unsigned duplicatePermille;
	/** Arrives up to `reorderMs` later, behind those that were sent after it. Others keep their order. */
	unsigned reorderPermille;
	uint32_t reorderMs;
	/** Is lost, and its receiver gets an RST in its place, as from a middlebox that has forgotten the connection. */
	unsigned resetPermille;
} Weather;

typedef enum { TO_PEER, TO_BOARD } Way;

/** Addresses of the peer with a weather of their own. */
enum { WEATHERS_MAX = 64 };

/** Starts both copies at this time; `sys_now` of lwIP begins there. */
extern void startWorld(uint64_t seed, uint32_t startMs);
/** The weather of both ways. Without a call packets take 1 ms, and none is lost. */
extern void setWeather(const Weather* weather);
/** The weather of one way, for packets from or to this address of the peer (in network order); it stays when the other one is set. */
extern void setWeatherOf(uint32_t address, Way way, const Weather* weather);

/**
 * For a world that is part of another one: the time between two calls of `stepWorld`, not before that of the last event,
 * which it is given.
 */
extern void setWorldClock(uint32_t (*clock)(uint32_t eventMs));

/**
 * Advances to the next event (a packet arrives, or timers of a copy are due), but not beyond `untilMs`, and carries it out.
 * Returns false when there was none: it is `untilMs`.
 */
extern bool stepWorld(uint32_t untilMs);
/** Milliseconds until the next event. */
extern uint32_t worldWaitMs(void);
/** Calls `sooner` when a packet is put on the wire that arrives before every other one. It must not call lwIP. */
extern void onSooner(void (*sooner)(void));
/** Packets on the wire. */
extern int packetsInFlight(void);

/** The hash of all packets so far: the time, direction, fate and bytes of each. */
extern uint64_t worldHash(void);
extern uint32_t packetsSent(void);
/** RSTs that the wire has lost: none is sent again, so a peer that has nothing to send does not learn of them. */
extern uint32_t resetsLost(void);

/** A random number below `limit`, for the test itself. */
extern uint32_t randomBelow(uint32_t limit);

/** Writes a line for each packet to standard error. */
extern void traceWorld(bool on);

#endif
