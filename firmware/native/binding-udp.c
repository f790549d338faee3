#include <stdlib.h>
#include <string.h>
#include "xsmc.h"
#include "mc.xs.h"
#include "binding-records.h"
#include "binding-udp.h"
#include "datagrams.h"

/*
 * UDP; binding-udp.h tells what it does. Arguments are converted first: that may run code which closes the socket.
 */

/**
 * Bounds of one socket's queue: several answers of full frames, as a query to a group gets them. ESP-IDF's own sockets keep 6 datagrams
 * (CONFIG_LWIP_UDP_RECVMBOX_SIZE), the SDK's any number.
 */
enum { QUEUE_MAX = 16, QUEUE_BYTES_MAX = 8192 };

typedef struct {
	Record record;
	UdpSocket* socket;
} UdpRecord;

static const RecordKind UDP;

static UdpRecord* udpOf(xsMachine* the)
{
	return recordOf(the, &xsThis, &UDP);
}

void xs_native_udp_destructor(void* data)
{
	UdpRecord* udp = data;
	if (udp && udp->socket) udpClose(udp->socket);
	free(udp);
}

static void openUdp(xsMachine* the, UdpRecord* udp, const UdpOptions* options)
{
	SocketError error;
	udp->socket = udpOpen(needSockets(the), options, udp, &error);
	if (udp->socket) return;
	if (error == SOCKET_MEMORY) xsRangeError("no socket");
	xsUnknownError("bind failed");
}

void xs_native_udp_constructor(xsMachine* the)
{
	UdpOptions options = { .address = *IP_ANY_TYPE, .queueMax = QUEUE_MAX, .queueBytesMax = QUEUE_BYTES_MAX };
	UdpRecord* udp;
	xsmcVars(1);
	udp = newRecord(the, &xsThis, &UDP);
	udp->record.callbacks[ON_READABLE] = callbackOf(the, xsID_onReadable);
	needSockets(the);
	if (xsmcHas(xsArg(0), xsID_port)) options.port = portOf(the);
	if (xsmcHas(xsArg(0), xsID_timeToLive)) {
		xsIntegerValue timeToLive = integerOf(the, xsID_timeToLive);
		if (timeToLive <= 0 || timeToLive > 255) xsRangeError("invalid timeToLive");
		options.timeToLive = (uint8_t)timeToLive;
	}
	if (xsmcHas(xsArg(0), xsID_format)) {
		xsmcGet(xsVar(0), xsArg(0), xsID_format);
		if (xsmcTest(xsVar(0)) && strcmp(xsmcToString(xsVar(0)), "buffer")) xsRangeError("invalid format");
	}
	openUdp(the, udp, &options);
	rememberRecord(the, &udp->record, &xsThis);
	copyTarget(the, xs_native_udp_close);
}

void xs_native_udp_read(xsMachine* the)
{
	UdpRecord* udp = udpOf(the);
	int length = udpLength(udp->socket);
	void* into;
	ip_addr_t address;
	uint16_t port;
	char text[IPADDR_STRLEN_MAX];
	if (length < 0) return;
	xsmcVars(1);
	into = xsmcSetArrayBuffer(xsResult, NULL, length);
	udpReceive(udp->socket, into, (unsigned)length, &address, &port);
	xsmcSetInteger(xsVar(0), port);
	xsmcSet(xsResult, xsID_port, xsVar(0));
	ipaddr_ntoa_r(&address, text, sizeof(text));
	xsmcSetString(xsVar(0), text);
	xsmcSet(xsResult, xsID_address, xsVar(0));
}

static ip_addr_t addressOf(xsMachine* the, xsSlot* value)
{
	char text[IPADDR_STRLEN_MAX];
	ip_addr_t address;
	xsmcToStringBuffer(*value, text, sizeof(text));
	if (!ipaddr_aton(text, &address) || ip_addr_isany(&address)) xsRangeError("invalid IP address");
	return address;
}

void xs_native_udp_write(xsMachine* the)
{
	ip_addr_t address = addressOf(the, &xsArg(1));
	xsIntegerValue port = xsmcToInteger(xsArg(2));
	UdpRecord* udp = udpOf(the);
	void* bytes;
	xsUnsignedValue count;
	if (port <= 0 || port > 65535) xsRangeError("invalid port");
	xsmcGetBufferReadable(xsArg(0), &bytes, &count);
	if (count > DATAGRAM_BYTES_MAX) xsRangeError("too long");
	switch (udpSend(udp->socket, bytes, count, &address, (uint16_t)port)) {
	case SOCKET_OK: return;
	case SOCKET_MEMORY: xsUnknownError("no memory");
	case SOCKET_INVALID: xsRangeError("invalid IP address"); /* of another kind than the socket's */
	default: xsUnknownError("unreachable");
	}
}

void xs_native_udp_add(xsMachine* the)
{
	ip_addr_t group = addressOf(the, &xsArg(0));
	UdpRecord* udp = udpOf(the);
	switch (udpJoin(udp->socket, &group)) {
	case SOCKET_OK: return;
	case SOCKET_MEMORY: xsUnknownError("no memory");
	case SOCKET_INVALID: xsRangeError("not a multicast group");
	default: xsUnknownError("unreachable");
	}
}

void xs_native_udp_remove(xsMachine* the)
{
	ip_addr_t group = addressOf(the, &xsArg(0));
	UdpRecord* udp = udpOf(the);
	if (udpLeave(udp->socket, &group) != SOCKET_OK) xsRangeError("not joined");
}

void xs_native_udp_close(xsMachine* the)
{
	UdpRecord* udp;
	if (xsmcGetHostData(xsThis) == NULL) return;
	udp = udpOf(the);
	udpClose(udp->socket);
	udp->socket = NULL;
	releaseRecord(the, &udp->record);
}

void xs_native_udp_get_port(xsMachine* the)
{
	xsmcSetInteger(xsResult, udpPort(udpOf(the)->socket));
}

void xs_native_udp_get_dropped(xsMachine* the)
{
	xsmcSetNumber(xsResult, udpDropped(udpOf(the)->socket));
}

static void deliverUdp(xsMachine* the, Record* record, unsigned events)
{
	unsigned count = udpWaiting(((UdpRecord*)record)->socket);
	(void)events; /* EVENT_READABLE, the only one */
	if (count > 0) callWithCount(the, record, ON_READABLE, count);
}

static void resetUdp(Record* record)
{
	UdpRecord* udp = (UdpRecord*)record;
	udpClose(udp->socket);
	udp->socket = NULL;
}

static const RecordKind UDP = {
	.hooks = { xs_native_udp_destructor, recordMark, NULL },
	.recordBytes = sizeof(UdpRecord),
	.deliver = deliverUdp,
	.reset = resetUdp,
};
