#ifndef HOT_POTATO_BINDING_RECORDS_H
#define HOT_POTATO_BINDING_RECORDS_H

#include "binding.h"
#include "sockets.h"

/*
 * The part that the classes of the binding share. All of it runs in the machine's task.
 *
 * A record belongs to one object. XS keeps every object that is not closed alive, so record and object live as long as the
 * socket. A callback may close any socket: a record whose callback runs is freed when that returns.
 */

enum { ON_READABLE, ON_WRITABLE, ON_PIPED, ON_END, ON_ERROR, CALLBACKS };

typedef struct Record Record;

/** A class. Its hooks identify its objects. */
typedef struct {
	/** The destructor and `recordMark`. */
	xsHostHooks hooks;
	/** The size of a record of this class, which begins with a Record. */
	size_t recordBytes;
	/** Calls the callbacks for these events of sockets.h. */
	void (*deliver)(xsMachine* the, Record* record, unsigned events);
	/** Gives the socket up, with RST where that exists. */
	void (*reset)(Record* record);
} RecordKind;

/** The first field of the records of each class. A record is the owner of sockets.h. */
struct Record {
	xsSlot object;
	/** The next record that is not closed. */
	Record* next;
	/** References of functions; NULL where there is none. */
	xsSlot* callbacks[CALLBACKS];
	const RecordKind* kind;
	/** Callbacks that have not returned. */
	uint8_t calls;
	bool closed;
};

extern void recordMark(xsMachine* the, void* data, xsMarkRoot markRoot);
/**
 * For a new object; with zeros. Until `rememberRecord` it is freed with the object: what throws meanwhile leaves nothing behind.
 */
extern void* newRecord(xsMachine* the, xsSlot* object, const RecordKind* kind);
/** The object stays until it is closed. */
extern void rememberRecord(xsMachine* the, Record* record, xsSlot* object);
/** The object is closed. Its record is freed, at the latest when its callback returns. */
extern void releaseRecord(xsMachine* the, Record* record);
/** The record of an object of this class; throws a SyntaxError for another one, and after `close`. */
extern void* recordOf(xsMachine* the, xsSlot* object, const RecordKind* kind);
/** The data of a host object with these hooks; throws "invalid" and the name for everything else. */
extern void* hostDataNamed(xsMachine* the, xsSlot* object, const xsHostHooks* hooks, const char* name);

/** The sockets of the one machine. Throws without a network: lwIP ends the board when a socket is made then. */
extern Sockets* needSockets(xsMachine* the);

/* Options: properties of the first argument. They use xsVar(0). */

/** NULL: there is none. */
extern xsSlot* callbackOf(xsMachine* the, xsIdentifier id);
/** An option that is an integer. */
extern xsIntegerValue integerOf(xsMachine* the, xsIdentifier id);
extern uint16_t portOf(xsMachine* the);
/**
 * Last in a constructor: a subclass may have a setter, which may close the object. What throws leaves no socket that the
 * program cannot close.
 */
extern void copyTarget(xsMachine* the, void (*close)(xsMachine*));

/** Objects of this class that are not closed. */
extern int recordCount(const RecordKind* kind);

/* Callbacks, if the object has them */

extern void callWithCount(xsMachine* the, Record* record, int callback, unsigned count);
extern void callWithCode(xsMachine* the, Record* record, const char* code);

#endif
