#ifndef HANDLES_H
#define HANDLES_H

#include "xsnap.h"
#include "pipe.h"

/*
 * Sockets of the program and the board's answers about them. The board knows each by its number.
 *
 * Questions are words with NULs between:
 *
 *   new <handle> <option>…     connect or take over; an option is its name, "=", a letter, its value
 *   bare <handle>              a TCP without options
 *   listen <handle> <option>…  a listener
 *   accept <handle> <new one>  the next connection of a listener
 *   udp <handle> <option>…     a UDP socket
 *   receive <handle>           its oldest datagram: the sender's address and port, and the bytes; nothing if none waits
 *   send <handle> <address> <port>  followed by the bytes of a datagram
 *   join, leave <handle> <group>    a multicast group
 *   read <handle> <count>      -1 is everything
 *   write <handle>             followed by the bytes
 *   get <handle> <name>        a property
 *   format <handle> <text>     sets the format
 *   close <handle> <reset>     1 for a reset
 *   end <handle>
 *   unread <handle>            followed by the bytes: 1, or 0 when there is no memory
 *   alarm <ms>                 rings the program's one alarm then; -1 takes it back
 *   heap <bytes>               takes memory until the reset: 1, or 0 when there is not so much
 *   log                        followed by the line
 *   ask                        followed by the text: whatever the program's host has to offer
 */

enum { READABLE, WRITABLE, ERROR, END, CALLBACKS };
enum { HEAD_MAX = 2048 };

typedef enum { TCP, LISTENER, UDP } Kind;

typedef struct {
	int handle;
	Kind kind;
	xsBooleanValue numbers;	/* a TCP whose format is `number` */
	xsSlot self;
	xsSlot callbacks[CALLBACKS];
} Native;

extern const char* const CALLBACK_NAMES[CALLBACKS];

/** With a number that is free; `adopt` or `releaseNative` follows. */
extern Native* newNative(xsMachine* the, Kind kind);
extern void releaseNative(Native* native);
/** Makes `self` the socket; it stays alive until it is closed. */
extern void adopt(xsMachine* the, Native* native, xsSlot* self);
/** Detaches it: it is closed, or belongs to another object. */
extern void dropNative(xsMachine* the, Native* native);
/** The native object of `this`; throws a SyntaxError if it is closed or of another kind. */
extern Native* nativeOf(xsMachine* the, Kind kind);
extern Native* nativeAt(int handle);

/** Writes a question's word and number; returns the bytes, with a NUL behind each. */
extern size_t head(char* buffer, const char* word, int handle);
/** Commands that arrive before the answer are served first: the board may boot a program meanwhile. */
extern Frame ask(xsMachine* the, const void* head, size_t headLength, const void* body, size_t bodyLength);
/** The result is the answer's number, or undefined for `-`. */
extern void numberResult(xsMachine* the, Frame* answer);

/** Serves a command of the board. */
typedef void CommandServer(xsMachine* the, char kind, char* bytes, size_t length);

/** Sets what serves the commands that arrive before an answer. To be called before the first `ask`. */
extern void serveWith(CommandServer* serve);

#endif
