#include "lwip/ip.h"
#include "port.h"
#include "records.h"

/*
 * Listeners and the connections that wait in their queues. A connection that waits is the listener's: its record exists
 * and is registered with lwIP like any other, so what is received is kept, and a reset takes it out of the queue.
 */

static void leaveQueue(Connection* connection)
{
	Listener* listener = connection->listener;
	Connection** link = &listener->queue;
	while (*link != connection) link = &(*link)->next;
	*link = connection->next;
	listener->waiting--;
	connection->listener = NULL;
	connection->next = NULL;
}

/** In lwIP's task: the client has gone before it was accepted. */
void recordDropWaiting(Connection* connection)
{
	leaveQueue(connection);
	recordFree(connection);
}

/**
 * In lwIP's task. `pcb` is NULL when lwIP had no memory for a control block: the SYN is not answered, and the client sends it
 * again. On an error lwIP resets the connection.
 */
static err_t onAccept(void* arg, struct tcp_pcb* pcb, err_t error)
{
	Listener* listener = arg;
	Connection* connection = NULL;
	Connection** link = &listener->queue;
	LWIP_UNUSED_ARG(error); /* ERR_MEM where `pcb` is NULL, else ERR_OK */
	if (pcb == NULL) return ERR_MEM;
	if (listener->waiting < listener->backlog) connection = recordNew(listener->sockets, pcb, WAITING);
	if (connection == NULL) {
		listener->dropped++;
		return ERR_MEM;
	}
	connection->listener = listener;
	while (*link) link = &(*link)->next;
	*link = connection;
	listener->waiting++;
	/* Counts against the backlog until it is accepted. */
	tcp_backlog_delayed(pcb);
	newsReport(listener->sockets, &listener->news, EVENT_ACCEPT);
	return ERR_OK;
}

/** A control block that listens; NULL: `error` says why. */
static struct tcp_pcb* listeningPcb(Sockets* sockets, const ListenOptions* options, err_t* error)
{
	struct tcp_pcb* pcb = recordNewPcb(sockets, IP_GET_TYPE(&options->address));
	struct tcp_pcb* listening = NULL;
	*error = ERR_MEM;
	if (pcb == NULL) return NULL;
	/* Connections that the port had before, and those in TIME_WAIT, do not forbid it. */
	ip_set_option(pcb, SOF_REUSEADDR);
	*error = tcp_bind(pcb, &options->address, options->port);
	if (*error == ERR_OK) listening = tcp_listen_with_backlog_and_err(pcb, options->backlog, error);
	if (listening == NULL) tcp_abort(pcb);
	return listening;
}

static Listener* openListener(Sockets* sockets, const ListenOptions* options, void* owner, SocketError* error)
{
	err_t result;
	struct tcp_pcb* pcb;
	Listener* listener;
	*error = SOCKET_INVALID;
	if (options->backlog == 0) return NULL;
	*error = SOCKET_MEMORY;
	listener = mem_calloc(1, sizeof(Listener));
	if (listener == NULL) return NULL;
	pcb = listeningPcb(sockets, options, &result);
	*error = socketErrorOf(result);
	if (pcb == NULL) {
		mem_free(listener);
		return NULL;
	}
	listener->sockets = sockets;
	listener->news.owner = owner;
	listener->pcb = pcb;
	listener->backlog = options->backlog;
	listener->next = sockets->listeners;
	sockets->listeners = listener;
	tcp_arg(pcb, listener);
	tcp_accept(pcb, onAccept);
	return listener;
}

Listener* listenerOpen(Sockets* sockets, const ListenOptions* options, void* owner, SocketError* error)
{
	Listener* listener;
	portLock();
	listener = openListener(sockets, options, owner, error);
	portUnlock();
	return listener;
}

uint16_t listenerPort(Listener* listener)
{
	uint16_t port;
	portLock();
	port = listener->pcb->local_port;
	portUnlock();
	return port;
}

unsigned listenerWaiting(Listener* listener)
{
	unsigned count;
	portLock();
	count = listener->waiting;
	portUnlock();
	return count;
}

uint32_t listenerDropped(Listener* listener)
{
	uint32_t count;
	portLock();
	count = listener->dropped;
	portUnlock();
	return count;
}

static Connection* acceptOldest(Listener* listener, void* owner)
{
	Sockets* sockets = listener->sockets;
	Connection* connection = listener->queue;
	if (connection == NULL) return NULL;
	leaveQueue(connection);
	connection->state = OPEN;
	connection->next = sockets->connections;
	sockets->connections = connection;
	tcp_backlog_accepted(connection->pcb);
	newsForget(sockets, &connection->news);
	connection->news.owner = owner;
	if (owner) recordReportState(connection);
	return connection;
}

Connection* listenerAccept(Listener* listener, void* owner)
{
	Connection* connection;
	portLock();
	connection = acceptOldest(listener, owner);
	portUnlock();
	return connection;
}

void listenerClose(Listener* listener)
{
	Sockets* sockets = listener->sockets;
	Listener** link = &sockets->listeners;
	portLock();
	while (listener->queue) {
		Connection* connection = listener->queue;
		tcp_abort(recordReleasePcb(connection));
		recordDropWaiting(connection);
	}
	/* lwIP forgets it in the connections that are about to be established: it resets them then. */
	tcp_arg(listener->pcb, NULL);
	tcp_accept(listener->pcb, NULL);
	tcp_close(listener->pcb); /* frees a listening control block, always */
	while (*link != listener) link = &(*link)->next;
	*link = listener->next;
	newsForget(sockets, &listener->news);
	mem_free(listener);
	portUnlock();
}
