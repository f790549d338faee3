#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "board.h"
#include "xsmc.h"
#include "lwip/priv/tcp_priv.h"
#include "../../../firmware/native/binding.h"
#include "../../../firmware/native/port.h"
#include "../../xs/native/sockets.h"
#include "stack.h"
#include "tap-device.h"

/*
 * The network of a board in real time: lwIP with a task of its own, on a TAP device. This process's first task is the application's.
 *
 * What Node says to it, as words with blanks between, and the answer, as the request `network`:
 *
 *   boot <address> <device> <namespace> <pipe>
 *                           power on without a network, once in a process: the TAP device is in the network namespace of that file    -
 *   join, leave             the network is up, or down                                  -
 *   run                     calls the callbacks that wait                                -
 *   limit <bytes>           lwIP gets no more memory than that                           -
 *   held                    bytes of memory that it has                                  bytes
 *   state                   TCP objects that are not closed; control blocks of connections; blocks of memory of the board's lwIP; both
 *                           without connections in TIME_WAIT
 *
 * A byte in the pipe says that callbacks wait: `run` is to come.
 */

/** For ThreadSanitizer: its first report ends the program. */
extern const char* __tsan_default_options(void);
const char* __tsan_default_options(void) { return "halt_on_error=1"; }

static int wakes = -1;

bool portPost(xsMachine* the)
{
	(void)the;
	return write(wakes, "", 1) == 1;
}

static void enterNamespace(xsMachine* the, const char* file)
{
	int namespace = open(file, O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWNET) != 0) xsUnknownError("network namespace %s: %s", file, strerror(errno));
	close(namespace);
}

static void plug(bool plugged)
{
	portLock();
	plugStack(plugged);
	portUnlock();
}

static void boot(xsMachine* the, const char* text)
{
	char address[32], device[32], namespace[128], pipe[256];
	int error;
	if (sscanf(text, "boot %31s %31s %127s %255s", address, device, namespace, pipe) != 4) xsUnknownError("lwip: boot without its words: %s", text);
	wakes = open(pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (wakes < 0) xsUnknownError("%s: %s", pipe, strerror(errno));
	enterNamespace(the, namespace);
	error = startTap(device, address, (uint32_t)getpid());
	if (error) xsUnknownError("TAP device %s: %s", device, strerror(error));
	plug(false);
}

static void state(xsMachine* the)
{
	const struct tcp_pcb* pcb;
	char numbers[64];
	int remembered = 0, connections;
	portLock();
	for (pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) remembered++;
	connections = connectionBlocks() - remembered;
	portUnlock();
	snprintf(numbers, sizeof(numbers), "%d %d %d", bindingObjects(), connections, stackBlocks() - remembered);
	answerText(the, numbers, NULL, 0);
}

static void held(xsMachine* the)
{
	char number[24];
	snprintf(number, sizeof(number), "%lu", (unsigned long)stackBytes());
	answerText(the, number, NULL, 0);
}

void deliverEvent(xsMachine* the, const char* text)
{
	if (!strncmp(text, "boot ", 5)) boot(the, text);
	else if (!strcmp(text, "join")) plug(true);
	else if (!strcmp(text, "leave")) plug(false);
	else if (!strcmp(text, "run")) bindingDeliver(the);
	else if (!strncmp(text, "limit ", 6)) limitStackBytes(strtoul(text + 6, NULL, 10));
	else if (!strcmp(text, "held")) held(the);
	else if (!strcmp(text, "state")) state(the);
	else xsUnknownError("lwip: no such command: %s", text);
}
