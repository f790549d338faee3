#include "invariants.h"
#include "lwip/sys.h"
#include "peer-script.h"
#include "records.h"

/** A closed connection is looked at when lwIP polls, twice a second at least. */
enum { LEAVING_MS_AT_MOST = 60000 + 1000 };

static bool isIn(const NewsQueue* queue, const News* news)
{
	const News* each = queue->first;
	while (each && each != news) each = each->next;
	return each != NULL;
}

static void checkNews(const Sockets* sockets, const News* news)
{
	CHECK(news->queued == (isIn(&sockets->now, news) || isIn(&sockets->later, news)));
	CHECK(!news->queued || news->owner);
}

/** Both FINs, of which lwIP has ours, perhaps without memory for it yet. */
static bool endsBothWays(const struct tcp_pcb* pcb)
{
	return pcb->state == CLOSING || pcb->state == LAST_ACK || (pcb->state == CLOSE_WAIT && (pcb->flags & TF_CLOSEPEND));
}

static void checkState(const Connection* connection)
{
	const struct tcp_pcb* pcb = connection->pcb;
	CHECK((pcb == NULL) == (connection->state == FINISHED || connection->state == LOST));
	CHECK((connection->error != SOCKET_OK) == (connection->state == LOST));
	CHECK((connection->listener != NULL) == (connection->state == WAITING));
	CHECK(!connection->finSent || connection->ended || connection->state == LEAVING);
	switch (connection->state) {
	case CONNECTING:
		CHECK(pcb->state == SYN_SENT);
		CHECK(!connection->finSent && !connection->peerEnded && !connection->received);
		break;
	case WAITING:
		CHECK(pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT);
		CHECK(!connection->ended && !connection->finSent && !connection->news.owner);
		break;
	case OPEN:
		CHECK(pcb->state >= ESTABLISHED && pcb->state <= LAST_ACK);
		CHECK(pcb->state != CLOSING || recordUnacknowledged(connection) > 0);
		CHECK(!(connection->finSent && connection->peerEnded) || endsBothWays(pcb));
		break;
	case FINISHED:
		CHECK(connection->ended && connection->finSent && connection->peerEnded);
		break;
	case LOST:
		break;
	case LEAVING:
		CHECK(pcb->state >= ESTABLISHED && pcb->state <= LAST_ACK && pcb->state != CLOSING);
		CHECK(!connection->news.owner && !connection->news.queued && !connection->received && !pcb->refused_data);
		CHECK(sys_now() - connection->closedMs <= LEAVING_MS_AT_MOST);
		break;
	default:
		CHECK(false);
	}
}

/** The window is not open for bytes in memory: not for those of a piece that was read in part. Those that were put back are no part of it. */
static void checkWindow(const Connection* connection)
{
	unsigned waiting = recordReadable(connection) - connection->unread + connection->readOfFirst;
	CHECK(connection->readOfFirst == 0 || connection->received);
	CHECK(connection->readOfFirst == 0 || connection->openAhead);
	CHECK(connection->pcb == NULL || connection->pcb->rcv_wnd + waiting <= TCP_WND + connection->openAhead);
}

static void checkRecord(const Sockets* sockets, const Connection* connection)
{
	CHECK(connection->sockets == sockets);
	CHECK(connection->pcb == NULL || connection->pcb->callback_arg == connection);
	CHECK(connection->unread <= recordReadable(connection));
	checkWindow(connection);
	checkState(connection);
	checkNews(sockets, &connection->news);
}

unsigned windowInside(const Connection* connection)
{
	return connection->pcb->rcv_wnd;
}

void checkRecords(const Sockets* sockets)
{
	const Connection* connection;
	const Listener* listener;
	unsigned count = 0;
	for (connection = sockets->connections; connection; connection = connection->next, count++) {
		CHECK(connection->state != WAITING);
		checkRecord(sockets, connection);
	}
	for (listener = sockets->listeners; listener; listener = listener->next) {
		unsigned waiting = 0;
		checkNews(sockets, &listener->news);
		for (connection = listener->queue; connection; connection = connection->next, waiting++) {
			CHECK(connection->listener == listener);
			checkRecord(sockets, connection);
		}
		CHECK(waiting == listener->waiting && waiting <= listener->backlog);
		count += waiting;
	}
	CHECK(count == sockets->connectionCount && count <= sockets->connectionsMax);
	/* News that waits is on its way to the application. */
	CHECK(sockets->later.first == NULL || sockets->woken || sockets->wakeRetries);
}
