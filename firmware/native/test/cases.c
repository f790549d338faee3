#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "peer-script.h"

/*
 * Each case is one thing that networks do to a socket, played segment by segment. `cases <n>` plays the n-th of them all, in
 * the order of this list. Built with AddressSanitizer: half of what the cases claim is that no freed block is touched.
 */

static const Case* const CASES[] = {
	CONNECT_CASES, RECEIVE_CASES, ACCEPT_CASES, NEWS_CASES, WRITE_CASES, END_CASES, MEMORY_CASES, PIPE_CASES, FRAMING_CASES,
	DATAGRAM_CASES,
};
enum { GROUPS = sizeof(CASES) / sizeof(CASES[0]) };

/** Seconds of processor time; a case takes less than one. A case that loops for ever, because of a fault, ends by SIGXCPU. */
enum { PROCESSOR_SECONDS_MAX = 5 };

static const Case* caseAt(int n)
{
	int group;
	for (group = 0; group < GROUPS; group++) {
		const Case* each;
		for (each = CASES[group]; each->play; each++) {
			if (n-- == 0) return each;
		}
	}
	return NULL;
}

int main(int argc, char* argv[])
{
	const struct rlimit limit = { .rlim_cur = PROCESSOR_SECONDS_MAX, .rlim_max = PROCESSOR_SECONDS_MAX };
	const Case* one = argc == 2 ? caseAt(atoi(argv[1])) : NULL;
	if (one == NULL) {
		fprintf(stderr, "cases <number of a case, from 0>\n");
		return 2;
	}
	if (setrlimit(RLIMIT_CPU, &limit) != 0) {
		perror("setrlimit");
		return 2;
	}
	startBoard(CONNECTIONS_MAX);
	one->play();
	stopBoard();
	return 0;
}
