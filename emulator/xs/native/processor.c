#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "processor.h"

#ifdef __linux__
#include <sched.h>

static cpu_set_t before;
static pid_t pinned;

/** The processor on which a process ran last: the 39th field of its `stat`, the 37th behind its name. */
static int processorOf(pid_t process)
{
	char file[64], text[1024];
	char* at;
	FILE* stat;
	size_t length;
	int field;
	snprintf(file, sizeof(file), "/proc/%d/stat", (int)process);
	stat = fopen(file, "r");
	if (!stat) return -1;
	length = fread(text, 1, sizeof(text) - 1, stat);
	fclose(stat);
	text[length] = 0;
	at = strrchr(text, ')');
	for (field = 0; at && field < 37; field++) at = strchr(at + 1, ' ');
	return at ? (int)strtol(at, NULL, 10) : -1;
}

void shareProcessor(void)
{
	pid_t board = getppid();
	cpu_set_t one;
	int processor;
	if (sched_getaffinity(board, sizeof(before), &before) != 0) return;
	if (CPU_COUNT(&before) == 1) {	/* another engine of the same board has seen to it */
		sched_setaffinity(0, sizeof(before), &before);
		return;
	}
	processor = processorOf(board);
	if (processor < 0 || !CPU_ISSET(processor, &before)) return;
	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	if (sched_setaffinity(board, sizeof(one), &one) != 0) return;
	pinned = board;
	sched_setaffinity(0, sizeof(one), &one);
}

void freeProcessor(void)
{
	if (pinned && getppid() == pinned) sched_setaffinity(pinned, sizeof(before), &before);
}

#else
void shareProcessor(void) {}
void freeProcessor(void) {}
#endif
