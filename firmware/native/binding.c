#include <stdlib.h>
#include <string.h>
#include "xsmc.h"
#include "mc.xs.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "binding.h"
#include "port.h"
#include "sockets.h"

/*
 * binding.h tells what the classes do. All of this runs in the machine's task, but for `wake`.
 *
 * A record belongs to one object. XS keeps every object that is not closed alive, so record and object live as long as the
 * connection. A callback may close any socket: a record whose callback runs is freed when that returns.
 */

enum { ON_READABLE, ON_WRITABLE, ON_END, ON_ERROR, CALLBACKS };

/** Twice lwIP's connections: lost ones keep their record until `close`. */
enum { RECORDS_MAX = 2 * MEMP_NUM_TCP_PCB };

typedef enum { BUFFER, NUMBER } Format;

typedef enum { TCP, LISTENER } Kind;

/** The fields of both classes. A record is the owner of sockets.h. */
typedef struct Record Record;
struct Record {
	xsSlot object;
	/** The next record that is not closed. */
	Record* next;
	/** References of functions; NULL where there is none. */
	xsSlot* callbacks[CALLBACKS];
	uint8_t kind;
	/** Callbacks that have not returned. */
	uint8_t calls;
	bool closed;
};

typedef struct {
	Record record;
	/** NULL: made without options, or taken over by another object. */
	Connection* connection;
	uint8_t format;
	/** The connection has been there. */
	bool ready;
	/** `onError` was called: nothing can be written any more. */
	bool failed;
} TcpRecord;

typedef struct {
	Record record;
	Listener* listener;
} ListenerRecord;

/** The sockets of the one machine. */
static Sockets* sockets;
static Record* records;

static void mark(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	Record* record = data;
	int i;
	for (i = 0; i < CALLBACKS; i++) {
		xsSlot function;
		if (record->callbacks[i] == NULL) continue;
		fxReference(the, &function, record->callbacks[i]);
		(*markRoot)(the, &function);
	}
}

static const xsHostHooks TCP_HOOKS = { xs_native_tcp_destructor, mark, NULL };
static const xsHostHooks LISTENER_HOOKS = { xs_native_listener_destructor, mark, NULL };

/** For a new object. Until `rememberRecord` it is freed with the object: what throws meanwhile leaves nothing behind. */
static void* newRecord(xsMachine* the, xsSlot* object, Kind kind)
{
	Record* record = calloc(1, kind == TCP ? sizeof(TcpRecord) : sizeof(ListenerRecord));
	if (record == NULL) xsRangeError("no memory");
	record->kind = kind;
	fxSetHostData(the, object, record);
	fxSetHostHooks(the, object, kind == TCP ? &TCP_HOOKS : &LISTENER_HOOKS);
	return record;
}

/** The object stays until it is closed. */
static void rememberRecord(xsMachine* the, Record* record, xsSlot* object)
{
	record->object = *object;
	record->next = records;
	records = record;
	fxRemember(the, &record->object);
}

/** The object is closed. Its record is freed, at the latest when its callback returns. */
static void releaseRecord(xsMachine* the, Record* record)
{
	Record** link = &records;
	while (*link != record) link = &(*link)->next;
	*link = record->next;
	fxSetHostData(the, &record->object, NULL);
	fxSetHostDestructor(the, &record->object, NULL);
	fxForget(the, &record->object);
	record->closed = true;
	if (record->calls == 0) free(record);
}

/* Options */

static const char* const FORMATS[] = { "buffer", "number" };
static const char LISTENER_FORMAT[] = "socket/tcp";

/** In lwIP's task or the machine's, with the lock held. */
static bool wake(void* machine)
{
	return portPost(machine);
}

/** Throws without a network: lwIP ends the board when a socket is made then. */
static void needNetwork(xsMachine* the)
{
	bool online;
	portLock();
	online = netif_default != NULL;
	portUnlock();
	if (!online) xsUnknownError("no network");
	if (sockets == NULL) sockets = socketsStart(RECORDS_MAX, wake, the);
	if (sockets == NULL) xsRangeError("no memory");
}

static xsSlot* callbackOf(xsMachine* the, xsIdentifier id)
{
	xsType type;
	xsmcGet(xsVar(0), xsArg(0), id);
	type = xsmcTypeOf(xsVar(0));
	if (type == xsUndefinedType || type == xsNullType) return NULL;
	if (type != xsReferenceType || !xsmcIsInstanceOf(xsVar(0), xsFunctionPrototype)) xsUnknownError("not a function");
	return fxToReference(the, &xsVar(0));
}

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

/** An option that is an integer. */
static xsIntegerValue integerOf(xsMachine* the, xsIdentifier id)
{
	xsmcGet(xsVar(0), xsArg(0), id);
	if (xsmcTypeOf(xsVar(0)) == xsUndefinedType) xsUnknownError("invalid");
	return xsmcToInteger(xsVar(0));
}

static uint16_t portOf(xsMachine* the)
{
	xsIntegerValue port = integerOf(the, xsID_port);
	if (port < 0 || port > 65535) xsRangeError("invalid port");
	return (uint16_t)port;
}

/**
 * Last in a constructor: a subclass may have a setter, which may close the object. What throws leaves no socket that the
 * program cannot close.
 */
static void copyTarget(xsMachine* the, void (*close)(xsMachine*))
{
	if (!xsmcHas(xsArg(0), xsID_target)) return;
	xsTry {
		xsmcGet(xsVar(0), xsArg(0), xsID_target);
		xsmcSet(xsThis, xsID_target, xsVar(0));
	}
	xsCatch {
		(*close)(the);
		xsThrow(xsException);
	}
}

/* TCP */

static TcpRecord* tcpOf(xsMachine* the, xsSlot* object)
{
	return fxGetHostDataValidate(the, object, (void*)&TCP_HOOKS);
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
	from->connection = NULL;
	connectionSetOwner(tcp->connection, NULL);
	releaseRecord(the, &from->record);
}

static void connectTcp(xsMachine* the, TcpRecord* tcp)
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
	bool taken, hasNodelay, nodelay = false;
	xsIntegerValue keepaliveMs = -1;
	xsmcVars(1);
	tcp = newRecord(the, &xsThis, TCP);
	if (xsmcArgc == 0) {
		rememberRecord(the, &tcp->record, &xsThis);
		return;
	}
	needNetwork(the);
	if (xsmcHas(xsArg(0), xsID_format)) {
		xsmcGet(xsVar(0), xsArg(0), xsID_format);
		if (xsmcTest(xsVar(0))) tcp->format = formatOf(the, &xsVar(0));
	}
	tcp->record.callbacks[ON_READABLE] = callbackOf(the, xsID_onReadable);
	tcp->record.callbacks[ON_WRITABLE] = callbackOf(the, xsID_onWritable);
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
	else connectTcp(the, tcp);
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
	return xsmcGetHostDataValidate(xsThis, (void*)&LISTENER_HOOKS);
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
	SocketError error;
	xsmcVars(1);
	needNetwork(the);
	options.address = *IP_ANY_TYPE;
	if (xsmcHas(xsArg(0), xsID_port)) options.port = portOf(the);
	listener = newRecord(the, &xsThis, LISTENER);
	listener->record.callbacks[ON_READABLE] = callbackOf(the, xsID_onReadable);
	listener->record.callbacks[ON_ERROR] = callbackOf(the, xsID_onError);
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
	tcp = newRecord(the, &xsVar(0), TCP);
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

static void callWithCount(xsMachine* the, Record* record, int callback, unsigned count)
{
	if (record->callbacks[callback] == NULL) return;
	xsmcSetInteger(xsResult, (xsIntegerValue)count);
	xsCallFunction1(xsReference(record->callbacks[callback]), record->object, xsResult);
}

static void callWithCode(xsMachine* the, Record* record, const char* code)
{
	if (record->callbacks[ON_ERROR] == NULL) return;
	xsmcSetString(xsResult, (xsStringValue)code);
	xsCallFunction1(xsReference(record->callbacks[ON_ERROR]), record->object, xsResult);
}

static void deliverTcp(xsMachine* the, TcpRecord* tcp, unsigned events)
{
	/* Each callback may close the socket. */
	if (events & EVENT_READABLE) {
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

static void deliverListener(xsMachine* the, ListenerRecord* listener, unsigned events)
{
	if (events & EVENT_ACCEPT) {
		unsigned count = listenerWaiting(listener->listener);
		if (count > 0) callWithCount(the, &listener->record, ON_READABLE, count);
	}
	if ((events & EVENT_DROPPED) && listener->listener) callWithCode(the, &listener->record, "memory");
}

void bindingDeliver(xsMachine* the)
{
	unsigned events;
	Record* record;
	while (sockets && (record = socketsNext(sockets, &events))) {
		record->calls++;
		if (record->kind == TCP) deliverTcp(the, (TcpRecord*)record, events);
		else deliverListener(the, (ListenerRecord*)record, events);
		if (--record->calls == 0 && record->closed) free(record);
	}
}

void bindingStop(xsMachine* the)
{
	while (records) {
		if (records->kind == TCP) {
			TcpRecord* tcp = (TcpRecord*)records;
			if (tcp->connection) connectionReset(tcp->connection);
			tcp->connection = NULL;
		}
		else {
			ListenerRecord* listener = (ListenerRecord*)records;
			listenerClose(listener->listener);
			listener->listener = NULL;
		}
		releaseRecord(the, records);
	}
	if (sockets) socketsStop(sockets);
	sockets = NULL;
}

int bindingObjects(void)
{
	const Record* record;
	int count = 0;
	for (record = records; record; record = record->next) count += record->kind == TCP;
	return count;
}
