#include "lwip/timeouts.h"
#include "port.h"
#include "records.h"

/*
 * News: what lwIP's task reports to the owners of sockets, and the one message that wakes the application's task. Start and stop.
 */

/** How long after a message that could not be posted it is posted again. */
enum { WAKE_RETRY_MS = 200 };

/* News: lwIP's task reports, the application's task takes */

static void append(NewsQueue* queue, News* news)
{
	news->next = NULL;
	if (queue->last) queue->last->next = news;
	else queue->first = news;
	queue->last = news;
}

static void takeOut(NewsQueue* queue, News* news)
{
	News* before = NULL;
	News* each = queue->first;
	while (each != NULL && each != news) {
		before = each;
		each = each->next;
	}
	if (each == NULL) return;
	if (before) before->next = news->next;
	else queue->first = news->next;
	if (queue->last == news) queue->last = before;
}

static void wakeAgain(void* sockets);

void socketsWakeUp(Sockets* sockets)
{
	if (sockets->woken || sockets->later.first == NULL) return;
	sockets->woken = sockets->wake(sockets->context);
	if (sockets->woken || sockets->wakeRetries) return;
	/* The news may be the last: that of a connection which lwIP has freed, and which is not polled. */
	sockets->wakeRetries = true;
	sys_timeout(WAKE_RETRY_MS, wakeAgain, sockets);
}

/** In lwIP's task, with the core lock held. */
static void wakeAgain(void* context)
{
	Sockets* sockets = context;
	sockets->wakeRetries = false;
	socketsWakeUp(sockets);
}

void newsReport(Sockets* sockets, News* news, unsigned events)
{
	news->events |= (uint8_t)events;
	if (news->owner == NULL || news->events == 0) return;
	if (!news->queued) {
		news->queued = true;
		append(&sockets->later, news);
	}
	socketsWakeUp(sockets);
}

void newsForget(Sockets* sockets, News* news)
{
	takeOut(&sockets->now, news);
	takeOut(&sockets->later, news);
	news->queued = false;
	news->events = 0;
}

void socketsSendWritten(Sockets* sockets)
{
	Connection* connection = sockets->written;
	sockets->written = NULL;
	/* Bytes that cannot be sent now are sent by lwIP's timers. */
	if (connection && connection->pcb) recordOutput(connection);
}

void* socketsNext(Sockets* sockets, unsigned* events)
{
	void* owner = NULL;
	News* news;
	portLock();
	socketsSendWritten(sockets);
	if (!sockets->inRound) {
		sockets->inRound = true;
		sockets->now = sockets->later;
		sockets->later = (NewsQueue) { NULL, NULL };
	}
	while (owner == NULL && sockets->now.first) {
		news = sockets->now.first;
		takeOut(&sockets->now, news);
		news->queued = false;
		/* A pipe may have taken over what was queued. */
		if (news->events != 0) owner = news->owner;
		*events = news->events;
		news->events = 0;
	}
	if (owner == NULL) {
		/* Nothing can come between this look and `woken`: the lock is held. */
		sockets->inRound = false;
		sockets->woken = false;
		socketsWakeUp(sockets);
	}
	portUnlock();
	return owner;
}

Sockets* socketsStart(unsigned connectionsMax, SocketsWake* wakeUp, void* context)
{
	Sockets* sockets;
	portLock();
	sockets = mem_calloc(1, sizeof(Sockets));
	portUnlock();
	if (sockets == NULL) return NULL;
	sockets->connectionsMax = connectionsMax;
	sockets->wake = wakeUp;
	sockets->context = context;
	return sockets;
}

void socketsStop(Sockets* sockets)
{
	while (sockets->listeners) listenerClose(sockets->listeners);
	while (sockets->udpSockets) udpClose(sockets->udpSockets);
	/* From this list lwIP's task takes connections that have sent the rest. */
	portLock();
	while (sockets->connections) recordReset(sockets->connections);
	if (sockets->wakeRetries) sys_untimeout(wakeAgain, sockets);
	mem_free(sockets);
	portUnlock();
}
