#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "segment.h"
#include "stack.h"
#include "world.h"

/** Places of the addresses in the head of an IPv4 packet (RFC 791). */
enum { SOURCE_AT = 12, DESTINATION_AT = 16 };

enum { PACKETS_MAX = 16384 };	/* more than all windows of all connections hold */

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
/** The weather of an address, and when the last packet of each way arrives that keeps its order. */
typedef struct {
	uint32_t address;
	bool isOwn[2];
	Weather weather[2];
	uint32_t lastMs[2];
} Path;

static Weather weather;
static Path paths[WEATHERS_MAX];
static int pathCount;
static Packet* wire;
static int inFlight;
static uint32_t sent;
static uint32_t lostResets;
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

/** That of an address of the peer. Those beyond the last one share it. */
static Path* pathOf(uint32_t address)
{
	int i;
	for (i = 0; i < pathCount; i++) {
		if (paths[i].address == address) return paths + i;
	}
	if (pathCount == WEATHERS_MAX) return paths + WEATHERS_MAX - 1;
	paths[pathCount] = (Path){ .address = address, .lastMs = { nowMs(), nowMs() } };
	return paths + pathCount++;
}

void setWeatherOf(uint32_t address, Way way, const Weather* given)
{
	Path* path = pathOf(address);
	path->weather[way] = *given;
	path->isOwn[way] = true;
}

static void carry(Way way, const uint8_t* bytes, size_t length)
{
	uint32_t peer;
	Path* path;
	Weather here;
	uint32_t atMs;
	uint8_t reset[SEGMENT_HEAD_BYTES];
	Segment segment;
	memcpy(&peer, bytes + (way == TO_PEER ? DESTINATION_AT : SOURCE_AT), sizeof(peer));
	path = pathOf(peer);
	here = path->isOwn[way] ? path->weather[way] : weather;
	atMs = nowMs() + here.delayMinMs + randomBelow(here.delayMaxMs - here.delayMinMs + 1);
	sent++;
	if (happens(here.lossPermille)) {
		note(way, "lost", bytes, length);
		if (readSegment(&segment, bytes, length) && (segment.flags & RST)) lostResets++;
		return;
	}
	if (happens(here.resetPermille) && makeReset(reset, bytes, length)) {
		note(way, "reset", bytes, length);
		bytes = reset;
		length = sizeof(reset);
	}
	else if (happens(here.reorderPermille)) {
		atMs += randomBelow(here.reorderMs + 1);
		note(way, "overtaken", bytes, length);
		put(way, atMs, bytes, length);
		return;
	}
	else note(way, "", bytes, length);
	if ((int32_t)(atMs - path->lastMs[way]) < 0) atMs = path->lastMs[way];
	path->lastMs[way] = atMs;
	put(way, atMs, bytes, length);
	if (happens(here.duplicatePermille)) put(way, atMs, bytes, length);
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
