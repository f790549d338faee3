#include <stdlib.h>
#include "xsmc.h"
#include "mc.xs.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "binding-records.h"
#include "port.h"

/** Twice lwIP's connections: lost ones keep their record until `close`. */
enum { RECORDS_MAX = 2 * MEMP_NUM_TCP_PCB };

/** The sockets of the one machine. */
static Sockets* sockets;
static Record* records;

void recordMark(xsMachine* the, void* data, xsMarkRoot markRoot)
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

void* newRecord(xsMachine* the, xsSlot* object, const RecordKind* kind)
{
	Record* record = calloc(1, kind->recordBytes);
	if (record == NULL) xsRangeError("no memory");
	record->kind = kind;
	fxSetHostData(the, object, record);
	fxSetHostHooks(the, object, &kind->hooks);
	return record;
}

void rememberRecord(xsMachine* the, Record* record, xsSlot* object)
{
	record->object = *object;
	record->next = records;
	records = record;
	fxRemember(the, &record->object);
}

void releaseRecord(xsMachine* the, Record* record)
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

void* recordOf(xsMachine* the, xsSlot* object, const RecordKind* kind)
{
	return fxGetHostDataValidate(the, object, (void*)&kind->hooks);
}

void* hostDataNamed(xsMachine* the, xsSlot* object, const xsHostHooks* hooks, const char* name)
{
	void* volatile data = NULL;
	xsTry {
		data = fxGetHostDataValidate(the, object, (void*)hooks);
	}
	xsCatch {
		xsTypeError("invalid %s", name);
	}
	return data;
}

/** In lwIP's task or the machine's, with the lock held. */
static bool wake(void* machine)
{
	return portPost(machine);
}

Sockets* needSockets(xsMachine* the)
{
	bool online;
	if (!portReady()) xsUnknownError("no network");
	portLock();
	online = netif_default != NULL;
	portUnlock();
	if (!online) xsUnknownError("no network");
	if (sockets == NULL) sockets = socketsStart(RECORDS_MAX, wake, the);
	if (sockets == NULL) xsRangeError("no memory");
	return sockets;
}

xsSlot* callbackOf(xsMachine* the, xsIdentifier id)
{
	xsType type;
	xsmcGet(xsVar(0), xsArg(0), id);
	type = xsmcTypeOf(xsVar(0));
	if (type == xsUndefinedType || type == xsNullType) return NULL;
	if (type != xsReferenceType || !xsmcIsInstanceOf(xsVar(0), xsFunctionPrototype)) xsUnknownError("not a function");
	return fxToReference(the, &xsVar(0));
}

xsIntegerValue integerOf(xsMachine* the, xsIdentifier id)
{
	xsmcGet(xsVar(0), xsArg(0), id);
	if (xsmcTypeOf(xsVar(0)) == xsUndefinedType) xsUnknownError("invalid");
	return xsmcToInteger(xsVar(0));
}

uint16_t portOf(xsMachine* the)
{
	xsIntegerValue port = integerOf(the, xsID_port);
	if (port < 0 || port > 65535) xsRangeError("invalid port");
	return (uint16_t)port;
}

void copyTarget(xsMachine* the, void (*close)(xsMachine*))
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

void callWithCount(xsMachine* the, Record* record, int callback, unsigned count)
{
	if (record->callbacks[callback] == NULL) return;
	xsmcSetInteger(xsResult, (xsIntegerValue)count);
	xsCallFunction1(xsReference(record->callbacks[callback]), record->object, xsResult);
}

void callWithCode(xsMachine* the, Record* record, const char* code)
{
	if (record->callbacks[ON_ERROR] == NULL) return;
	xsmcSetString(xsResult, (xsStringValue)code);
	xsCallFunction1(xsReference(record->callbacks[ON_ERROR]), record->object, xsResult);
}

void bindingDeliver(xsMachine* the)
{
	unsigned events;
	Record* record;
	while (sockets && (record = socketsNext(sockets, &events))) {
		record->calls++;
		record->kind->deliver(the, record, events);
		if (--record->calls == 0 && record->closed) free(record);
	}
}

void bindingStop(xsMachine* the)
{
	while (records) {
		records->kind->reset(records);
		releaseRecord(the, records);
	}
	if (sockets) socketsStop(sockets);
	sockets = NULL;
}

int recordCount(const RecordKind* kind)
{
	const Record* record;
	int count = 0;
	for (record = records; record; record = record->next) count += record->kind == kind;
	return count;
}
