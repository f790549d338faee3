#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "children.h"

static bool playInChild(void (*play)(uint64_t seed), uint64_t seed)
{
	int status;
	pid_t child;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		play(seed);
		exit(0);
	}
	if (child > 0 && waitpid(child, &status, 0) == child && status == 0) return true;
	fprintf(stderr, "seed %" PRIu64 " has failed\n", seed);
	return false;
}

int playSeeds(void (*play)(uint64_t seed), const char* firstSeed, const char* count)
{
	uint64_t seed = strtoull(firstSeed, NULL, 10);
	int left = atoi(count);
	for (; left > 0; left--) {
		if (!playInChild(play, seed++)) return 1;
	}
	return 0;
}
