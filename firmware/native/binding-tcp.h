#ifndef HOT_POTATO_BINDING_TCP_H
#define HOT_POTATO_BINDING_TCP_H

#include "binding-records.h"

/** Events of a pipe that its program has learned. */
typedef struct {
	/** Counts the calls of pipe(). */
	uint8_t number;
	bool first;
	bool binary;
	bool outcome;
} PipeNews;

typedef struct {
	Record record;
	/** NULL: made without options, or taken over by another object. */
	Connection* connection;
	uint8_t format;
	/** The connection has been there. */
	bool ready;
	/** `onError` was called: nothing can be written any more. */
	bool failed;
	/** The pipe from here. */
	PipeNews pipe;
} TcpRecord;

/** Throws a SyntaxError for another object, and after `close`. */
extern TcpRecord* tcpOf(xsMachine* the, xsSlot* object);
/** An argument; throws "invalid" and its name. */
extern TcpRecord* tcpNamed(xsMachine* the, xsSlot* object, const char* name);

/** Calls onPiped for what is new. Each call may close the socket. Returns the events that are left. */
extern unsigned deliverPipe(xsMachine* the, TcpRecord* tcp, unsigned events);

#endif
