#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "interface.h"
#include "kill.h"
#include "stack.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/memp.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

static struct netif interface;
static PacketSink* sink;
static bool isPlugged = true;
static void (*tellLooped)(void);
static uint32_t randomState;

extern void* allocateCounted(memp_t type);
extern void freeCounted(memp_t type, void* block);
extern void* allocateTimer(memp_t type);
extern void freeTimer(memp_t type, void* block);
extern err_t sendToItself(struct netif* netif, struct pbuf* packet);

/* Memory */

/** Stands before each block. */
typedef union {
	size_t bytes;
	long double aligned;
} BlockHead;

/* Several tasks may allocate at once (NO_SYS=0): what follows is guarded by lwIP's own protection. */
static int blocks;
static size_t bytesInUse, bytesMost, bytesLimit;
static int toSkip, toFail;

static bool mayTake(size_t bytes)
{
	if (toSkip > 0) toSkip--;
	else if (toFail > 0) {
		toFail--;
		return false;
	}
	return bytesLimit == 0 || bytesInUse + bytes <= bytesLimit;
}

static bool takeBlock(size_t bytes)
{
	bool taken;
	SYS_ARCH_DECL_PROTECT(before);
	SYS_ARCH_PROTECT(before);
	taken = mayTake(bytes);
	if (taken) {
		blocks++;
		bytesInUse += bytes;
		if (bytesInUse > bytesMost) bytesMost = bytesInUse;
	}
	SYS_ARCH_UNPROTECT(before);
	return taken;
}

static void giveBlock(size_t bytes)
{
	SYS_ARCH_DECL_PROTECT(before);
	SYS_ARCH_PROTECT(before);
	blocks--;
	bytesInUse -= bytes;
	SYS_ARCH_UNPROTECT(before);
}

void* stackAllocate(size_t bytes)
{
	BlockHead* head;
	if (!takeBlock(bytes)) return NULL;
	head = malloc(sizeof(BlockHead) + bytes);
	if (!head) {
		giveBlock(bytes);
		return NULL;
	}
	head->bytes = bytes;
	return head + 1;
}

void* stackAllocateZeroed(size_t count, size_t bytes)
{
	void* block = stackAllocate(count * bytes);
	if (block) memset(block, 0, count * bytes);
	return block;
}

void stackFree(void* block)
{
	BlockHead* head = (BlockHead*)block - 1;
	if (!block) return;
	giveBlock(head->bytes);
	free(head);
}

int stackBlocks(void)
{
	int count;
	SYS_ARCH_DECL_PROTECT(before);
	SYS_ARCH_PROTECT(before);
	count = blocks;
	SYS_ARCH_UNPROTECT(before);
	return count;
}

size_t stackBytes(void)
{
	size_t bytes;
	SYS_ARCH_DECL_PROTECT(before);
	SYS_ARCH_PROTECT(before);
	bytes = bytesInUse;
	SYS_ARCH_UNPROTECT(before);
	return bytes;
}

size_t stackBytesMax(void) { return bytesMost; }

void limitStackBytes(size_t bytes)
{
	SYS_ARCH_DECL_PROTECT(before);
	SYS_ARCH_PROTECT(before);
	bytesLimit = bytes;
	SYS_ARCH_UNPROTECT(before);
}

void failAllocations(int skipped, int count)
{
	toSkip = skipped;
	toFail = count;
}

/* Replacements for parts of lwIP (REPLACED of sources.ts) */

static int connections, listeners;
static int connectionsMax = MEMP_NUM_TCP_PCB, listenersMax = MEMP_NUM_TCP_PCB_LISTEN;

int controlBlocks(void) { return connections + listeners; }
int connectionBlocks(void) { return connections; }

void limitControlBlocks(int all, int ofListeners)
{
	connectionsMax = all;
	listenersMax = ofListeners;
}

/** For tcp.c. Without pools lwIP has no limit of its own. As in esp-lwip listeners count as connections, too. */
void* allocateCounted(memp_t type)
{
	void* block;
	if (type == MEMP_TCP_PCB && controlBlocks() >= connectionsMax) return NULL;
	if (type == MEMP_TCP_PCB_LISTEN && listeners >= listenersMax) return NULL;
	block = memp_malloc(type);
	if (block && type == MEMP_TCP_PCB) connections++;
	if (block && type == MEMP_TCP_PCB_LISTEN) listeners++;
	return block;
}

void freeCounted(memp_t type, void* block)
{
	if (block && type == MEMP_TCP_PCB) connections--;
	if (block && type == MEMP_TCP_PCB_LISTEN) listeners--;
	memp_free(type, block);
}

/** The one that has received nothing for longest. */
static struct tcp_pcb* oldestIn(enum tcp_state state)
{
	struct tcp_pcb* oldest = NULL;
	struct tcp_pcb* pcb;
	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		if (pcb->state == state && (!oldest || tcp_ticks - pcb->tmr >= tcp_ticks - oldest->tmr)) oldest = pcb;
	}
	return oldest;
}

int killFinWait(void)
{
	struct tcp_pcb* oldest = oldestIn(FIN_WAIT_2);
	if (!oldest) oldest = oldestIn(FIN_WAIT_1);
	if (oldest) tcp_abandon(oldest, 0);	/* without an RST, as tcp_kill_state does it */
	return oldest != NULL;
}

/** For timeouts.c. lwIP ends without a timer, so the memory of timers has no limit, and is not counted. */
void* allocateTimer(memp_t type)
{
	return malloc(memp_pools[type]->size);
}

void freeTimer(memp_t type, void* block)
{
	(void)type;
	free(block);
}

/** For ip4.c. */
err_t sendToItself(struct netif* netif, struct pbuf* packet)
{
	err_t error = netif_loop_output(netif, packet);
	if (tellLooped) (*tellLooped)();
	return error;
}

void onLoop(void (*looped)(void)) { tellLooped = looped; }

/* The interface */

static err_t sendPacket(struct netif* netif, struct pbuf* packet, const ip4_addr_t* next)
{
	uint8_t bytes[PACKET_BYTES_MAX];
	(void)netif;
	(void)next;
	if (packet->tot_len > PACKET_BYTES_MAX) return ERR_BUF;
	if (!isPlugged) return ERR_OK;
	pbuf_copy_partial(packet, bytes, packet->tot_len, 0);
	(*sink)(bytes, packet->tot_len);
	return ERR_OK;
}

static err_t setUpInterface(struct netif* netif)
{
	netif->name[0] = 'w';
	netif->name[1] = 'i';
	netif->mtu = PACKET_BYTES_MAX;
	netif->output = sendPacket;
	netif->flags |= NETIF_FLAG_LINK_UP | NETIF_FLAG_BROADCAST | NETIF_FLAG_IGMP;
	return ERR_OK;
}

void seedStack(uint32_t seed)
{
	randomState = seed;
}

struct netif* addInterface(const char* address, netif_init_fn setUp, netif_input_fn input)
{
	ip4_addr_t own, mask, gateway;
	if (!ip4addr_aton(address, &own)) abort();
	IP4_ADDR(&mask, 255, 0, 0, 0);
	ip4_addr_set_zero(&gateway);
	if (!netif_add(&interface, &own, &mask, &gateway, NULL, setUp, input)) abort();
	netif_set_default(&interface);
	netif_set_up(&interface);
	return &interface;
}

bool stackPlugged(void) { return isPlugged; }

void startStack(const char* address, uint32_t seed, PacketSink* send)
{
	sink = send;
	seedStack(seed);
	lwip_init();
	addInterface(address, setUpInterface, ip_input);
	blocks = 0;	/* those of the interface itself do not count */
	bytesInUse = bytesMost = 0;
}

void addAddress(uint32_t address)
{
	struct netif* added = calloc(1, sizeof(struct netif));	/* for ever, as the first one */
	ip4_addr_t own = { address }, mask, gateway;
	IP4_ADDR(&mask, 255, 0, 0, 0);
	ip4_addr_set_zero(&gateway);
	if (!added || !netif_add(added, &own, &mask, &gateway, NULL, setUpInterface, ip_input)) abort();
	netif_set_up(added);
}

void plugStack(bool plugged)
{
	isPlugged = plugged;
	netif_set_default(plugged ? &interface : NULL);
}

void readdressStack(uint32_t address)
{
	ip4_addr_t own;
	own.addr = address;
	netif_set_ipaddr(&interface, &own);
}

void forgetConnections(void)
{
	bool wasPlugged = isPlugged;
	isPlugged = false;
	while (tcp_active_pcbs) {
		tcp_err(tcp_active_pcbs, NULL);
		tcp_abort(tcp_active_pcbs);
	}
	while (tcp_tw_pcbs) tcp_abort(tcp_tw_pcbs);
	while (tcp_bound_pcbs) tcp_abort(tcp_bound_pcbs);
	while (tcp_listen_pcbs.pcbs) tcp_close(tcp_listen_pcbs.pcbs);
	isPlugged = wasPlugged;
}

void receivePacket(const uint8_t* bytes, size_t length)
{
	struct pbuf* packet;
	if (!isPlugged) return;
	packet = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
	if (!packet) return;
	pbuf_take(packet, bytes, (u16_t)length);
	if (interface.input(packet, &interface) != ERR_OK) pbuf_free(packet);
}

void runStack(void)
{
	sys_check_timeouts();
#if NO_SYS
	netif_poll_all();	/* a task of lwIP's own does this by itself */
#endif
}

uint32_t stackWaitMs(void)
{
	struct netif* netif;
	NETIF_FOREACH(netif) {
		if (netif->loop_first) return 0;
	}
	return sys_timeouts_sleeptime();
}

/* Functions that lwIP requires */

u32_t sys_now(void)
{
	return nowMs();
}

uint32_t stackRandom(void)
{
	/* Weyl sequence and finalizer of splitmix32. */
	uint32_t x = randomState += 0x9e3779b9u;
	x = (x ^ (x >> 16)) * 0x85ebca6bu;
	x = (x ^ (x >> 13)) * 0xc2b2ae35u;
	return x ^ (x >> 16);
}
