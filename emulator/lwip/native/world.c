#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "segment.h"
#include "stack.h"
#include "world.h"

enum { PACKETS_MAX = 16384 };	/* more than all windows of all connections hold */

typedef enum { TO_PEER, TO_BOARD } Way;

/** On the wire, in the order of arrival. */
typedef struct Packet {
	struct Packet* next;
	uint32_t atMs;
	Way way;
	size_t length;
	uint8_t bytes[];
} Packet;

static const Weather CALM = { .delayMinMs = 1, .delayMaxMs = 1 };

static uint32_t now;
static uint64_t randomState;
static uint64_t hash;
static Weather weather;
static Packet* wire;
static int inFlight;
static uint32_t sent;
static uint32_t lostResets;
static uint32_t lastMs[2];	/* when the last packet of each way arrives that keeps its order */
static bool traced;
static void (*tellSooner)(void);
static uint32_t (*outerClock)(uint32_t eventMs);

uint64_t worldHash(void) { return hash; }
uint32_t packetsSent(void) { return sent; }
uint32_t resetsLost(void) { return lostResets; }
int packetsInFlight(void) { return inFlight; }
void setWeather(const Weather* given) { weather = *given; }
void traceWorld(bool on) { traced = on; }
void onSooner(void (*sooner)(void)) { tellSooner = sooner; }

void setWorldClock(uint32_t (*clock)(uint32_t eventMs)) { outerClock = clock; }

uint32_t nowMs(void)
{
	uint32_t outer = outerClock ? (*outerClock)(now) : now;
	if ((int32_t)(outer - now) > 0) now = outer;
	return now;
}

/* Random numbers and hash */

static uint64_t random64(void)
{
	/* splitmix64 */
	uint64_t x = randomState += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

uint32_t randomBelow(uint32_t limit)
{
	return limit ? (uint32_t)(random64() % limit) : 0;
}

static bool happens(unsigned permille)
{
	return permille && randomBelow(1000) < permille;
}

/** FNV-1a. */
static void addToHash(const void* bytes, size_t length)
{
	const uint8_t* at = bytes;
	while (length--) hash = (hash ^ *at++) * 0x100000001b3u;
}

static void note(Way way, const char* fate, const uint8_t* bytes, size_t length)
{
	uint8_t head[] = { (uint8_t)way, (uint8_t)fate[0] };
	addToHash(&now, sizeof(now));
	addToHash(head, sizeof(head));
	addToHash(bytes, length);
	if (traced) {
		char text[SEGMENT_TEXT_MAX];
		describePacket(text, bytes, length);
		fprintf(stderr, "%8u ms %s %s%s%s\n", (unsigned)now, way == TO_PEER ? "board ->" : "peer  ->", text, *fate ? ": " : "", fate);
	}
}

/* The wire */

static void put(Way way, uint32_t atMs, const uint8_t* bytes, size_t length)
{
	Packet** place = &wire;
	Packet* packet = malloc(sizeof(Packet) + length);
	if (!packet || inFlight == PACKETS_MAX) {
		fprintf(stderr, "world: more than %d packets on the wire\n", PACKETS_MAX);
		abort();
	}
	packet->atMs = atMs;
	packet->way = way;
	packet->length = length;
	memcpy(packet->bytes, bytes, length);
	while (*place && (int32_t)((*place)->atMs - atMs) <= 0) place = &(*place)->next;
	packet->next = *place;
	*place = packet;
	inFlight++;
	if (wire == packet && tellSooner) (*tellSooner)();
}

static void carry(Way way, const uint8_t* bytes, size_t length)
{
	uint32_t atMs = nowMs() + weather.delayMinMs + randomBelow(weather.delayMaxMs - weather.delayMinMs + 1);
	uint8_t reset[SEGMENT_HEAD_BYTES];
	Segment segment;
	sent++;
	if (happens(weather.lossPermille)) {
		note(way, "lost", bytes, length);
		if (readSegment(&segment, bytes, length) && (segment.flags & RST)) lostResets++;
		return;
	}
	if (happens(weather.resetPermille) && makeReset(reset, bytes, length)) {
		note(way, "reset", bytes, length);
		bytes = reset;
		length = sizeof(reset);
	}
	else if (happens(weather.reorderPermille)) {
		atMs += randomBelow(weather.reorderMs + 1);
		note(way, "overtaken", bytes, length);
		put(way, atMs, bytes, length);
		return;
	}
	else note(way, "", bytes, length);
	if ((int32_t)(atMs - lastMs[way]) < 0) atMs = lastMs[way];
	lastMs[way] = atMs;
	put(way, atMs, bytes, length);
	if (happens(weather.duplicatePermille)) put(way, atMs, bytes, length);
}

static void fromBoard(const uint8_t* bytes, size_t length) { carry(TO_PEER, bytes, length); }
static void fromPeer(const uint8_t* bytes, size_t length) { carry(TO_BOARD, bytes, length); }

static void arrive(void)
{
	Packet* packet = wire;
	wire = packet->next;
	inFlight--;
	if (packet->way == TO_PEER) peer_receivePacket(packet->bytes, packet->length);
	else receivePacket(packet->bytes, packet->length);
	free(packet);
}

/* Time */

void startWorld(uint64_t seed, uint32_t startMs)
{
	now = startMs;
	randomState = seed;
	hash = 0xcbf29ce484222325u;
	weather = CALM;
	lastMs[TO_PEER] = lastMs[TO_BOARD] = now;
	startStack(BOARD_ADDRESS, (uint32_t)random64(), fromBoard);
	peer_startStack(PEER_ADDRESS, (uint32_t)random64(), fromPeer);
	peer_limitControlBlocks(INT32_MAX, INT32_MAX);	/* a network of many hosts */
}

/** Time until the next timer of board or peer, whichever is first. */
static uint32_t timerMs(void)
{
	uint32_t board = stackWaitMs(), peer = peer_stackWaitMs();
	return board < peer ? board : peer;
}

uint32_t worldWaitMs(void)
{
	uint32_t wait = timerMs();
	int32_t arrival = wire ? (int32_t)(wire->atMs - nowMs()) : INT32_MAX;
	if (arrival < 0) arrival = 0;
	return (uint32_t)arrival < wait ? (uint32_t)arrival : wait;
}

bool stepWorld(uint32_t untilMs)
{
	uint32_t wait = worldWaitMs();
	if ((int32_t)(untilMs - now) < 0) return false;
	if (wait > untilMs - now) {
		now = untilMs;
		return false;
	}
	now += wait;
	if (wire && (int32_t)(wire->atMs - now) <= 0) arrive();
	else if (stackWaitMs() == 0) runStack();
	else peer_runStack();
	return true;
}
