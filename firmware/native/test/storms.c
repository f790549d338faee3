#include <stdio.h>
#include "children.h"
#include "choices.h"
#include "storm.h"

/*
 * Storms whose choices are random.
 *
 *   storm <first seed> <number of storms>
 */

enum { STEPS = 400 };

static uint64_t lot;

uint32_t below(uint32_t limit)
{
	/* splitmix64 */
	uint64_t x = lot += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((x ^ (x >> 31)) % limit);
}

void chooseBytes(uint8_t* into, size_t length)
{
	while (length-- > 0) *into++ = (uint8_t)below(256);
}

bool choicesLeft(void)
{
	return true;
}

static void play(uint64_t seed)
{
	lot = seed;
	playStorm(STEPS);
}

int main(int argc, char* argv[])
{
	if (argc != 3) {
		fprintf(stderr, "storm <first seed> <number of storms>\n");
		return 2;
	}
	return playSeeds(play, argv[1], argv[2]);
}
