#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "peer.h"
#include "stack.h"
#include "world.h"
#include "lwip/tcp.h"

/*
 * Two copies of lwIP and the wire between them, without sockets: clients of the peer send to an echo server on the board's raw
 * API, in the weather that the arguments give. Prints what a test looks at as JSON.
 *
 *   echo <seed> <start ms> <loss permille> <reorder permille> <reset permille> <trace: 0 or 1>
 */

enum { PORT = 7, CLIENTS = 12, BYTES_MAX = 20000, LIMIT_MS = 600000 };

/** Bytes that have arrived and have not been sent back yet. */
typedef struct {
	struct pbuf* waiting;
	bool ended;
} Echo;

static void closeEcho(Echo* echo, struct tcp_pcb* pcb)
{
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_poll(pcb, NULL, 0);
	tcp_err(pcb, NULL);
	if (tcp_close(pcb) == ERR_OK) free(echo);
	else abort();
}

static void sendBack(Echo* echo, struct tcp_pcb* pcb)
{
	while (echo->waiting) {
		struct pbuf* first = echo->waiting;
		u16_t length = first->len;
		if (length > tcp_sndbuf(pcb) || tcp_write(pcb, first->payload, length, TCP_WRITE_FLAG_COPY) != ERR_OK) break;
		tcp_recved(pcb, length);
		echo->waiting = first->next;
		if (first->next) pbuf_ref(first->next);
		pbuf_free(first);
	}
	tcp_output(pcb);
	if (echo->ended && !echo->waiting) closeEcho(echo, pcb);
}

static err_t received(void* context, struct tcp_pcb* pcb, struct pbuf* bytes, err_t error)
{
	Echo* echo = context;
	(void)error;
	if (!bytes) echo->ended = true;
	else if (echo->waiting) pbuf_cat(echo->waiting, bytes);
	else echo->waiting = bytes;
	sendBack(echo, pcb);
	return ERR_OK;
}

static err_t sent(void* context, struct tcp_pcb* pcb, u16_t length)
{
	(void)length;
	sendBack(context, pcb);
	return ERR_OK;
}

static err_t polled(void* context, struct tcp_pcb* pcb)
{
	sendBack(context, pcb);
	return ERR_OK;
}

static void gone(void* context, err_t error)
{
	Echo* echo = context;
	(void)error;
	if (echo->waiting) pbuf_free(echo->waiting);
	free(echo);
}

static err_t accepted(void* context, struct tcp_pcb* pcb, err_t error)
{
	Echo* echo;
	(void)context;
	if (error != ERR_OK) return ERR_VAL;
	echo = calloc(1, sizeof(Echo));
	if (!echo) abort();
	tcp_arg(pcb, echo);
	tcp_recv(pcb, received);
	tcp_sent(pcb, sent);
	tcp_poll(pcb, polled, 1);
	tcp_err(pcb, gone);
	return ERR_OK;
}

/** Are all clients served, or reset? */
static bool over(void)
{
	int i;
	for (i = 0; i < CLIENTS; i++) {
		if (peerEnding(i) == PEER_OPEN) return false;
	}
	return true;
}

int main(int argc, char* argv[])
{
	static uint8_t bytes[CLIENTS][BYTES_MAX];
	size_t lengths[CLIENTS];
	struct tcp_pcb* server;
	uint32_t startMs, untilMs;
	int i, whole = 0, reset = 0;
	if (argc != 7) {
		fprintf(stderr, "echo <seed> <start ms> <loss permille> <reorder permille> <reset permille> <trace: 0 or 1>\n");
		return 2;
	}
	startMs = (uint32_t)strtoul(argv[2], NULL, 10);
	startWorld(strtoull(argv[1], NULL, 10), startMs);
	setWeather(&(Weather){
		.delayMinMs = 2, .delayMaxMs = 40,
		.lossPermille = (unsigned)atoi(argv[3]), .duplicatePermille = 5,
		.reorderPermille = (unsigned)atoi(argv[4]), .reorderMs = 100,
		.resetPermille = (unsigned)atoi(argv[5]),
	});
	traceWorld(atoi(argv[6]));
	server = tcp_new();
	tcp_bind(server, IP_ANY_TYPE, PORT);
	server = tcp_listen(server);
	tcp_accept(server, accepted);
	for (i = 0; i < CLIENTS; i++) {
		size_t at;
		lengths[i] = 1 + randomBelow(BYTES_MAX);
		for (at = 0; at < lengths[i]; at++) bytes[i][at] = (uint8_t)randomBelow(256);
		peerConnect(PORT, 0);
		peerSend(i, bytes[i], lengths[i]);
		peerFinish(i);
	}
	for (untilMs = startMs + LIMIT_MS; !over() && stepWorld(untilMs);) continue;
	for (i = 0; i < CLIENTS; i++) {
		const uint8_t* got;
		size_t length = peerReceived(i, &got);
		if (peerEnding(i) == PEER_RESET) reset++;
		else if (length == lengths[i] && !memcmp(got, bytes[i], length)) whole++;
	}
	printf("{ \"hash\": \"%016" PRIx64 "\", \"packets\": %u, \"ms\": %u, \"whole\": %d, \"reset\": %d, \"bytesMost\": %zu, ",
		worldHash(), packetsSent(), nowMs() - startMs, whole, reset, stackBytesMax());
	/* Connections that TIME_WAIT and lost RSTs have left. */
	while (stepWorld(untilMs)) continue;
	tcp_close(server);
	printf("\"blocksLeft\": %d, \"controlBlocksLeft\": %d }\n", stackBlocks(), controlBlocks());
	return 0;
}
