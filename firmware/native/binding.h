#ifndef HOT_POTATO_BINDING_H
#define HOT_POTATO_BINDING_H

#include <stdbool.h>
#include "xsmc.h"

/*
 * The classes TCP and Listener of ECMA-419 over sockets.h, pipes between TCP objects, and their class Search, for one machine of XS. These functions are methods: a module of
 * JavaScript on the chip, or the program that runs the machine on a computer, puts them into classes.
 *
 * | TCP             |                                                                                              |
 * | --------------- | -------------------------------------------------------------------------------------------- |
 * | options         | address, port, or from; nodelay, keepalive (ms), format, target; the callbacks                 |
 * | onReadable(n)   | more bytes were received: n wait                                                             |
 * | onWritable(n)   | the connection is established, or bytes were acknowledged: there is room for n                     |
 * | onEnd()         | the peer's FIN, behind the last byte; writing goes on                                          |
 * | onError(code)   | the connection is lost: "refused", "reset", "timeout", "memory", "unreachable"; without onEnd also |
 * |                 | "end" for the peer's FIN: nothing can be written then                                           |
 * | read(n or view) | all bytes, n bytes, or as many as the view has; undefined: none waits                           |
 * | write(bytes)    | room that is left; undefined: the connection is lost, or end() was called; throws "would block" when there is too little |
 * | end()           | our FIN behind what was written; reading goes on                                               |
 * | close(reset)    | FIN; over unread bytes, or with true, RST                                                      |
 * | unread(view)    | puts bytes back that were read last: they are read next, and not announced. false: no memory, nothing has changed |
 * | readable, writable | bytes that wait, room for bytes; now                                                         |
 *
 * A Listener has the options port, format and target, and the callback onReadable(n): n connections wait. It never calls onError.
 *
 * from.pipe(to, options) passes content from `from` to `to` in C: pipeStart of sockets.h. Meanwhile nothing is readable at `from`, and
 * there is no room at `to`. It throws "no memory", "in use", or "invalid" with the option's name, and has done nothing then.
 *
 * | pipe            |                                                                                              |
 * | --------------- | -------------------------------------------------------------------------------------------- |
 * | bytes           | content at most; absent: until the end of the stream, or of the framing                         |
 * | fromFraming, toFraming | "chunked"; absent: plain bytes                                                          |
 * | search          | a Search: where a keyword ends, the pipe does. Absent: nothing is searched                      |
 * | state           | `searchState` of the pipe before; absent: the beginning of a stream                              |
 * | onPiped(event)  | an index of PIPE_EVENTS (src/net), in the options of `from`. Each event comes once, before the other callbacks of `from`; behind an outcome what waits at `from` and the room at `to` are announced |
 * | unpipe()        | ends a pipe that runs, without an event; what waits is announced                               |
 * | passed          | bytes of content; this and the following also after the end of the pipe, until another one. undefined: there was none |
 * | waitsFor        | 0: bytes of `from`; 1: room at `to`. A deadline blames that side                                 |
 * | heldBytes       | received and not passed, or passed and not acknowledged                                        |
 * | found           | the index of the keyword that ended the pipe                                                   |
 * | searchState     | where the search of another pipe goes on; undefined: nothing is searched any more              |
 *
 * new Search(keywords) copies the tables of a Keywords object (src/net/keywords.ts) into memory of C, where a pipe keeps them while it
 * runs. It throws "invalid" with the field's name where a stream could lead out of the tables.
 *
 * Where the SDK's sockets have a name or a message for something, these have the same. Every member throws a SyntaxError for
 * another receiver, and after close().
 */

extern void xs_native_tcp_constructor(xsMachine* the);
extern void xs_native_tcp_read(xsMachine* the);
extern void xs_native_tcp_write(xsMachine* the);
extern void xs_native_tcp_end(xsMachine* the);
extern void xs_native_tcp_close(xsMachine* the);
extern void xs_native_tcp_get_remoteAddress(xsMachine* the);
extern void xs_native_tcp_get_remotePort(xsMachine* the);
extern void xs_native_tcp_unread(xsMachine* the);
extern void xs_native_tcp_get_readable(xsMachine* the);
extern void xs_native_tcp_get_writable(xsMachine* the);
extern void xs_native_tcp_pipe(xsMachine* the);
extern void xs_native_tcp_unpipe(xsMachine* the);
extern void xs_native_tcp_get_passed(xsMachine* the);
extern void xs_native_tcp_get_waitsFor(xsMachine* the);
extern void xs_native_tcp_get_heldBytes(xsMachine* the);
extern void xs_native_tcp_get_found(xsMachine* the);
extern void xs_native_tcp_get_searchState(xsMachine* the);
extern void xs_native_tcp_get_format(xsMachine* the);
extern void xs_native_tcp_set_format(xsMachine* the);
/** The end of an object that is collected. */
extern void xs_native_tcp_destructor(void* data);

extern void xs_native_search_constructor(xsMachine* the);
extern void xs_native_search_destructor(void* data);

extern void xs_native_listener_constructor(xsMachine* the);
/** The argument is the prototype of TCP. */
extern void xs_native_listener_read(xsMachine* the);
/** The same, for a program that has the prototype elsewhere. */
extern void readListener(xsMachine* the, xsSlot* prototype);
extern void xs_native_listener_close(xsMachine* the);
extern void xs_native_listener_get_port(xsMachine* the);
extern void xs_native_listener_destructor(void* data);

/** Calls the callbacks of all sockets that have news. Inside xsBeginHost; what a callback throws is not caught. */
extern void bindingDeliver(xsMachine* the);
/** Resets every connection and closes every listener: their objects are as after close(). */
extern void bindingStop(xsMachine* the);
/** TCP objects that are not closed. */
extern int bindingObjects(void);

/**
 * The port's part: posts a message to the machine's task, which calls bindingDeliver. False when that is not possible now.
 * It is called with lwIP's core lock held, in any task, and must not block.
 */
extern bool portPost(xsMachine* the);

#endif
