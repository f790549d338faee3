#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "interface.h"
#include "lwip/etharp.h"
#include "lwip/tcpip.h"
#include "netif/ethernet.h"
#include "stack.h"
#include "tap-device.h"

enum { FRAME_BYTES_MAX = SIZEOF_ETH_HDR + PACKET_BYTES_MAX };

enum { BUSY_TRIES = 500, BUSY_WAIT_US = 10 * 1000 };

/** Locally administered. */
static const uint8_t MAC[ETH_HWADDR_LEN] = { 0x02, 0, 0, 0, 0, 2 };

static int tap = -1;

uint32_t nowMs(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint32_t)at.tv_sec * 1000 + (uint32_t)(at.tv_nsec / 1000000);
}

/* Sending: in any task, with the core lock held */

static err_t sendFrame(struct netif* netif, struct pbuf* packet)
{
	uint8_t frame[FRAME_BYTES_MAX];
	(void)netif;
	if (packet->tot_len > sizeof(frame)) return ERR_BUF;
	if (!stackPlugged()) return ERR_OK;
	pbuf_copy_partial(packet, frame, packet->tot_len, 0);
	return write(tap, frame, packet->tot_len) < 0 ? ERR_IF : ERR_OK;
}

/* Receiving */

/** In lwIP's task. */
static err_t takeFrame(struct pbuf* packet, struct netif* netif)
{
	if (stackPlugged()) return ethernet_input(packet, netif);
	pbuf_free(packet);
	return ERR_OK;
}

/** The engine shares one processor with its board (processor.c); lwIP's tasks are to run at the same time. */
static void useAllProcessors(void)
{
	cpu_set_t all;
	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);	/* without it they take turns */
}

/** The task that receives. A frame is lost when there is no memory for it, or lwIP's queue is full, as on the chip. */
static void receiveFrames(void* netif)
{
	uint8_t frame[FRAME_BYTES_MAX];
	useAllProcessors();
	for (;;) {
		ssize_t length = read(tap, frame, sizeof(frame));
		struct pbuf* packet;
		if (length < 0 && errno == EINTR) continue;
		if (length <= 0) {
			perror("reading the TAP device");
			abort();
		}
		packet = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
		if (!packet) continue;
		pbuf_take(packet, frame, (u16_t)length);
		if (tcpip_inpkt(packet, netif, takeFrame) != ERR_OK) pbuf_free(packet);
	}
}

/* Start */

static err_t setUpInterface(struct netif* netif)
{
	netif->name[0] = 't';
	netif->name[1] = 'p';
	netif->mtu = PACKET_BYTES_MAX;
	netif->hwaddr_len = ETH_HWADDR_LEN;
	memcpy(netif->hwaddr, MAC, ETH_HWADDR_LEN);
	netif->output = etharp_output;
	netif->linkoutput = sendFrame;
	netif->flags |= NETIF_FLAG_LINK_UP | NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP;
	return ERR_OK;
}

static int openTap(const char* device)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int tries;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tap < 0) return errno;
	for (tries = 0; ioctl(tap, TUNSETIFF, &request) != 0; tries++) {
		if (errno != EBUSY || tries == BUSY_TRIES) return errno;
		usleep(BUSY_WAIT_US);
	}
	return 0;
}

typedef struct {
	const char* address;
	sys_sem_t started;
} Start;

/** In lwIP's task, with the core lock held. */
static void onStarted(void* context)
{
	Start* start = context;
	useAllProcessors();
	sys_thread_new("receive", receiveFrames, addInterface(start->address, setUpInterface, takeFrame), 0, 0);
	sys_sem_signal(&start->started);
}

int startTap(const char* device, const char* address, uint32_t seed)
{
	Start start = { .address = address };
	int error = openTap(device);
	if (error) return error;
	seedStack(seed);
	sys_sem_new(&start.started, 0);
	tcpip_init(onStarted, &start);
	sys_arch_sem_wait(&start.started, 0);
	sys_sem_free(&start.started);
	return 0;
}
