#include <stdlib.h>
#include <string.h>
#include "xsmc.h"
#include "mc.xs.h"
#include "lwip/tcp.h"
#include "binding-tcp.h"

/*
 * TCP and Listener; binding.h tells what they do.
 */

typedef enum { BUFFER, NUMBER } Format;

static const char* const FORMATS[] = { "buffer", "number" };
static const char LISTENER_FORMAT[] = "socket/tcp";

typedef struct {
	Record record;
	Listener* listener;
} ListenerRecord;

static const RecordKind TCP, LISTENER;

static Format formatOf(xsMachine* the, xsSlot* value)
{
	const char* text = fxToString(the, value);
	int format;
	for (format = BUFFER; format <= NUMBER; format++) {
		if (!strcmp(text, FORMATS[format])) return (Format)format;
	}
	xsRangeError("unimplemented");
	return BUFFER;
}

/* TCP */

TcpRecord* tcpOf(xsMachine* the, xsSlot* object)
{
	return recordOf(the, object, &TCP);
}

TcpRecord* tcpNamed(xsMachine* the, xsSlot* object, const char* name)
{
	return hostDataNamed(the, object, &TCP.hooks, name);
}

void xs_native_tcp_destructor(void* data)
{
	TcpRecord* tcp = data;
	if (tcp && tcp->connection) connectionClose(tcp->connection);
	free(tcp);
}

static void takeOver(xsMachine* the, TcpRecord* tcp)
{
	TcpRecord* from;
	xsmcGet(xsVar(0), xsArg(0), xsID_from);
	from = tcpOf(the, &xsVar(0));
	if (from->connection == NULL) xsUnknownError("invalid from");
	tcp->connection = from->connection;
	tcp->ready = from->ready;
	tcp->pipe = from->pipe;
	from->connection = NULL;
	connectionSetOwner(tcp->connection, NULL);
	releaseRecord(the, &from->record);
}

static void connectTcp(xsMachine* the, TcpRecord* tcp, Sockets* sockets)
{
	ConnectOptions options = { .port = 0 };
	SocketError error;
	char address[IPADDR_STRLEN_MAX];
	xsmcGet(xsVar(0), xsArg(0), xsID_address);
	xsmcToStringBuffer(xsVar(0), address, sizeof(address));
	if (!ipaddr_aton(address, &options.address)) xsUnknownError("invalid address");
	options.port = portOf(the);
	tcp->connection = connectionOpen(sockets, &options, tcp, &error);
	if (tcp->connection) return;
	if (error == SOCKET_MEMORY) xsRangeError("no socket");
	xsUnknownError("connect error");
}

void xs_native_tcp_constructor(xsMachine* the)
{
	TcpRecord* tcp;
	Sockets* sockets;
	bool taken, hasNodelay, nodelay = false;
	xsIntegerValue keepaliveMs = -1;
	xsmcVars(1);
	tcp = newRecord(the, &xsThis, &TCP);
	if (xsmcArgc == 0) {
		rememberRecord(the, &tcp->record, &xsThis);
		return;
	}
	sockets = needSockets(the);
	if (xsmcHas(xsArg(0), xsID_format)) {
		xsmcGet(xsVar(0), xsArg(0), xsID_format);
		if (xsmcTest(xsVar(0))) tcp->format = formatOf(the, &xsVar(0));
	}
	tcp->record.callbacks[ON_READABLE] = callbackOf(the, xsID_onReadable);
	tcp->record.callbacks[ON_WRITABLE] = callbackOf(the, xsID_onWritable);
	tcp->record.callbacks[ON_PIPED] = callbackOf(the, xsID_onPiped);
	tcp->record.callbacks[ON_END] = callbackOf(the, xsID_onEnd);
	tcp->record.callbacks[ON_ERROR] = callbackOf(the, xsID_onError);
	hasNodelay = xsmcHas(xsArg(0), xsID_nodelay);
	if (hasNodelay) {
		xsmcGet(xsVar(0), xsArg(0), xsID_nodelay);
		nodelay = xsmcToBoolean(xsVar(0));
	}
	if (xsmcHas(xsArg(0), xsID_keepalive)) {
		keepaliveMs = integerOf(the, xsID_keepalive);
		if (keepaliveMs < 0) xsRangeError("invalid keepalive");
	}
	taken = xsmcHas(xsArg(0), xsID_from);
	if (taken) takeOver(the, tcp);
	else connectTcp(the, tcp, sockets);
	rememberRecord(the, &tcp->record, &xsThis);
	if (hasNodelay) connectionSetNodelay(tcp->connection, nodelay);
	if (keepaliveMs >= 0) connectionSetKeepalive(tcp->connection, (uint32_t)keepaliveMs);
	if (taken) connectionSetOwner(tcp->connection, tcp);
	copyTarget(the, xs_native_tcp_close);
}

void xs_native_tcp_read(xsMachine* the)
{
	TcpRecord* tcp = tcpOf(the, &xsThis);
	unsigned waiting = tcp->connection ? connectionReadable(tcp->connection) : 0;
	xsIntegerValue count = (xsIntegerValue)waiting;
	void* into;
	if (waiting == 0) return;
	if (tcp->format == NUMBER) {
		uint8_t byte = 0;
		connectionRead(tcp->connection, &byte, 1);
		xsmcSetInteger(xsResult, byte);
		return;
	}
	if (xsmcArgc > 0 && xsmcTypeOf(xsArg(0)) == xsReferenceType) {
		xsUnsignedValue length;
		xsmcGetBufferWritable(xsArg(0), &into, &length);
		if (length == 0 || length > waiting) xsUnknownError("invalid");
		connectionRead(tcp->connection, into, length);
		xsmcSetInteger(xsResult, (xsIntegerValue)length);
		return;
	}
	if (xsmcArgc > 0) count = xsmcToInteger(xsArg(0));
	if (count <= 0 || (unsigned)count > waiting) xsUnknownError("invalid");
	into = xsmcSetArrayBuffer(xsResult, NULL, count);
	connectionRead(tcp->connection, into, (unsigned)count);
}

void xs_native_tcp_write(xsMachine* the)
{
	TcpRecord* tcp = tcpOf(the, &xsThis);
	xsIntegerValue number = 0;
	unsigned room;
	int taken;
	uint8_t byte;
	void* bytes = &byte;
	xsUnsignedValue count = 1;
	if (tcp->format == NUMBER) {
		number = xsmcToInteger(xsArg(0));
		tcp = tcpOf(the, &xsThis); /* the conversion may have closed the socket */
	}
	room = tcp->connection ? connectionWritable(tcp->connection) : 0;
	if (room > 0) tcp->ready = true;
	if (!tcp->ready || tcp->failed) xsUnknownError("not ready");
	/* Nothing more can be written: lost, or end() was called. */
	if (tcp->connection == NULL || connectionWrite(tcp->connection, NULL, 0) < 0) return;
	byte = (uint8_t)number;
	if (tcp->format != NUMBER) xsmcGetBufferReadable(xsArg(0), &bytes, &count);
	if (count > room) xsUnknownError("would block");
	taken = connectionWrite(tcp->connection, bytes, count);
	if (taken < 0) return;
	if (taken == 0 && count > 0) xsUnknownError("would block"); /* no memory: onWritable comes when there may be some */
	if ((unsigned)taken < count) {
		/* A part was taken, and cannot be taken back: onError("memory") comes. */
		connectionAbandon(tcp->connection);
		return;
	}
	xsmcSetInteger(xsResult, (xsIntegerValue)connectionWritable(tcp->connection));
}

void xs_native_tcp_unread(xsMachine* the)
{
	TcpRecord* tcp = tcpOf(the, &xsThis);
	void* bytes;
	xsUnsignedValue count;
	SocketError error = SOCKET_INVALID;
	if (xsmcArgc == 0) xsUnknownError("invalid");
	xsmcGetBufferReadable(xsArg(0), &bytes, &count);
	if (tcp->connection) error = connectionUnread(tcp->connection, bytes, count);
	if (error == SOCKET_IN_USE) xsUnknownError("in use");
	if (error == SOCKET_INVALID) xsUnknownError("invalid");
	xsmcSetBoolean(xsResult, error == SOCKET_OK);
}

void xs_native_tcp_end(xsMachine* the)
{
	TcpRecord* tcp = tcpOf(the, &xsThis);
	if (tcp->connection) connectionEnd(tcp->connection);
}

void xs_native_tcp_close(xsMachine* the)
{
	TcpRecord* tcp;
	if (xsmcGetHostData(xsThis) == NULL) return;
	tcp = tcpOf(the, &xsThis);
	if (tcp->connection) {
		bool reset = xsmcArgc > 0 && xsmcTest(xsArg(0));
		if (reset) connectionReset(tcp->connection);
		else connectionClose(tcp->connection);
		tcp->connection = NULL;
	}
	releaseRecord(the, &tcp->record);
}

void xs_native_tcp_get_remoteAddress(xsMachine* the)
{
	TcpRecord* tcp = tcpOf(the, &xsThis);
	ip_addr_t address;
	uint16_t port;
	char text[IPADDR_STRLEN_MAX];
	if (tcp->connection == NULL) return;
	connectionRemote(tcp->connection, &address, &port);
	ipaddr_ntoa_r(&address, text, sizeof(text));
	xsmcSetString(xsResult, text);
}

void xs_native_tcp_get_remotePort(xsMachine* the)
{
	TcpRecord* tcp = tcpOf(the, &xsThis);
	ip_addr_t address;
	uint16_t port;
	if (tcp->connection == NULL) return;
	connectionRemote(tcp->connection, &address, &port);
	xsmcSetInteger(xsResult, port);
}

void xs_native_tcp_get_readable(xsMachine* the)
{
	TcpRecord* tcp = tcpOf(the, &xsThis);
	xsmcSetInteger(xsResult, tcp->connection ? (xsIntegerValue)connectionReadable(tcp->connection) : 0);
}

void xs_native_tcp_get_writable(xsMachine* the)
{
	TcpRecord* tcp = tcpOf(the, &xsThis);
	xsmcSetInteger(xsResult, tcp->connection ? (xsIntegerValue)connectionWritable(tcp->connection) : 0);
}

void xs_native_tcp_get_format(xsMachine* the)
{
	xsmcSetString(xsResult, (xsStringValue)FORMATS[tcpOf(the, &xsThis)->format]);
}

void xs_native_tcp_set_format(xsMachine* the)
{
	/* First what may call the program, which may close the socket. */
	Format format = formatOf(the, &xsArg(0));
	tcpOf(the, &xsThis)->format = format;
}

/* Listener */

static ListenerRecord* listenerOf(xsMachine* the)
{
	return recordOf(the, &xsThis, &LISTENER);
}

void xs_native_listener_destructor(void* data)
{
	ListenerRecord* record = data;
	if (record && record->listener) listenerClose(record->listener);
	free(record);
}

void xs_native_listener_constructor(xsMachine* the)
{
	ListenOptions options = { .backlog = TCP_DEFAULT_LISTEN_BACKLOG };
	ListenerRecord* listener;
	Sockets* sockets;
	SocketError error;
	xsmcVars(1);
	sockets = needSockets(the);
	options.address = *IP_ANY_TYPE;
	if (xsmcHas(xsArg(0), xsID_port)) options.port = portOf(the);
	listener = newRecord(the, &xsThis, &LISTENER);
	listener->record.callbacks[ON_READABLE] = callbackOf(the, xsID_onReadable);
	if (xsmcHas(xsArg(0), xsID_format)) {
		xsmcGet(xsVar(0), xsArg(0), xsID_format);
		if (xsmcTest(xsVar(0)) && strcmp(xsmcToString(xsVar(0)), LISTENER_FORMAT)) xsRangeError("unimplemented");
	}
	listener->listener = listenerOpen(sockets, &options, listener, &error);
	if (listener->listener == NULL) {
		if (error == SOCKET_MEMORY) xsUnknownError("no socket");
		xsUnknownError("socket bind");
	}
	rememberRecord(the, &listener->record, &xsThis);
	copyTarget(the, xs_native_listener_close);
}

void readListener(xsMachine* the, xsSlot* prototype)
{
	ListenerRecord* listener = listenerOf(the);
	Connection* connection;
	TcpRecord* tcp;
	if (listenerWaiting(listener->listener) == 0) return;
	/* The record first: no connection is taken that has none. */
	xsmcVars(1);
	xsmcSetNewHostInstance(xsVar(0), *prototype);
	tcp = newRecord(the, &xsVar(0), &TCP);
	connection = listenerAccept(listener->listener, NULL);
	if (connection == NULL) return;	/* the client has reset it meanwhile */
	tcp->connection = connection;
	tcp->ready = true;
	rememberRecord(the, &tcp->record, &xsVar(0));
	xsResult = xsVar(0);
}

void xs_native_listener_read(xsMachine* the)
{
	readListener(the, &xsArg(0));
}

void xs_native_listener_close(xsMachine* the)
{
	ListenerRecord* listener;
	if (xsmcGetHostData(xsThis) == NULL) return;
	listener = listenerOf(the);
	listenerClose(listener->listener);
	listener->listener = NULL;
	releaseRecord(the, &listener->record);
}

void xs_native_listener_get_port(xsMachine* the)
{
	xsmcSetInteger(xsResult, listenerPort(listenerOf(the)->listener));
}

/* News */

static const char* nameOf(SocketError error)
{
	switch (error) {
	case SOCKET_REFUSED: return "refused";
	case SOCKET_RESET: return "reset";
	case SOCKET_MEMORY: return "memory";
	case SOCKET_UNREACHABLE: return "unreachable";
	default: return "timeout";
	}
}

static void deliverTcp(xsMachine* the, Record* record, unsigned events)
{
	TcpRecord* tcp = (TcpRecord*)record;
	/* Each callback may close the socket. */
	if (events & EVENT_PIPE) events = deliverPipe(the, tcp, events);
	if ((events & EVENT_READABLE) && tcp->connection) {
		unsigned count = connectionReadable(tcp->connection);
		if (count > 0) callWithCount(the, &tcp->record, ON_READABLE, count);
	}
	if ((events & EVENT_WRITABLE) && tcp->connection) {
		tcp->ready = true;
		callWithCount(the, &tcp->record, ON_WRITABLE, connectionWritable(tcp->connection));
	}
	if ((events & EVENT_END) && tcp->connection) {
		if (tcp->record.callbacks[ON_END]) xsCallFunction0(xsReference(tcp->record.callbacks[ON_END]), tcp->record.object);
		else {
			tcp->failed = true;
			callWithCode(the, &tcp->record, "end");
		}
	}
	if ((events & EVENT_ERROR) && tcp->connection) {
		tcp->failed = true;
		callWithCode(the, &tcp->record, nameOf(connectionError(tcp->connection)));
	}
}

static void deliverListener(xsMachine* the, Record* record, unsigned events)
{
	ListenerRecord* listener = (ListenerRecord*)record;
	if (events & EVENT_ACCEPT) {
		unsigned count = listenerWaiting(listener->listener);
		if (count > 0) callWithCount(the, &listener->record, ON_READABLE, count);
	}
}

static void resetTcp(Record* record)
{
	TcpRecord* tcp = (TcpRecord*)record;
	if (tcp->connection) connectionReset(tcp->connection);
	tcp->connection = NULL;
}

static void closeListener(Record* record)
{
	ListenerRecord* listener = (ListenerRecord*)record;
	listenerClose(listener->listener);
	listener->listener = NULL;
}

static const RecordKind TCP = {
	.hooks = { xs_native_tcp_destructor, recordMark, NULL },
	.recordBytes = sizeof(TcpRecord),
	.deliver = deliverTcp,
	.reset = resetTcp,
};

static const RecordKind LISTENER = {
	.hooks = { xs_native_listener_destructor, recordMark, NULL },
	.recordBytes = sizeof(ListenerRecord),
	.deliver = deliverListener,
	.reset = closeListener,
};

int bindingObjects(void)
{
	return recordCount(&TCP);
}
