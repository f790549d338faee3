#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "segment.h"
#include "stack.h"
#include "lwip/ip.h"
#include "lwip/timeouts.h"
#include "lwip/priv/tcp_priv.h"

/*
 * Prints lwIP's behaviour with its options, as JSON: the numbers that it was compiled with, and how long it tries an address that never
 * answers.
 */

enum { LIMIT_MS = 120000, SYNS_MAX = 32, CONTROL_BLOCKS_MAX = 1000 };

static uint32_t now;
static uint32_t syns[SYNS_MAX];
static int synCount;
static int failed;

uint32_t nowMs(void) { return now; }

static void sent(const uint8_t* bytes, size_t length)
{
	Segment segment;
	if (!readSegment(&segment, bytes, length) || !(segment.flags & SYN) || synCount == SYNS_MAX) abort();
	syns[synCount++] = now;
}

static void gone(void* context, err_t error)
{
	(void)context;
	failed = error;
}

static err_t connected(void* context, struct tcp_pcb* pcb, err_t error)
{
	(void)context;
	(void)pcb;
	(void)error;
	abort();
}

int main(void)
{
	struct tcp_pcb* pcb;
	ip_addr_t silent;
	struct tcp_pcb* all[CONTROL_BLOCKS_MAX];
	int i, control = 0;
	startStack("10.0.0.2", 1, sent);
	IP_ADDR4(&silent, 10, 0, 0, 99);
	pcb = tcp_new();
	tcp_err(pcb, gone);
	if (tcp_connect(pcb, &silent, 80, connected) != ERR_OK) abort();
	while (!failed && now < LIMIT_MS) {
		now += stackWaitMs();
		runStack();
	}
	printf("{ \"failed\": %d, \"failedMs\": %u, \"synsMs\": [", failed, now);
	for (i = 0; i < synCount; i++) printf("%s%u", i ? ", " : "", syns[i]);
	while (control < CONTROL_BLOCKS_MAX && (all[control] = tcp_new())) control++;
	for (i = 0; i < control; i++) tcp_abort(all[i]);
	printf("], \"controlBlocks\": %d, \"receiveWindowBytes\": %u, \"sendBufferBytes\": %u, \"segmentBytes\": %u, \"segmentsQueuedMax\": %u, ",
		control, TCP_WND, TCP_SND_BUF, TCP_MSS, (unsigned)TCP_SND_QUEUELEN);
	printf("\"timerMs\": %u, \"timeWaitMs\": %u, \"finWaitTimeoutMs\": %u, \"listenersMax\": %u }\n",
		TCP_TMR_INTERVAL, 2 * TCP_MSL, TCP_FIN_WAIT_TIMEOUT, MEMP_NUM_TCP_PCB_LISTEN);
	return 0;
}
