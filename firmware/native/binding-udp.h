#ifndef HOT_POTATO_BINDING_UDP_H
#define HOT_POTATO_BINDING_UDP_H

#include "xsmc.h"

/*
 * The class UDP of ECMA-419 over datagrams.h, as binding.h has TCP and Listener. These functions are its methods.
 *
 * | UDP                         |                                                                                      |
 * | --------------------------- | ------------------------------------------------------------------------------------ |
 * | options                     | port (0 or none: a free one), timeToLive (1 to 255), format, target; onReadable        |
 * | onReadable(n)               | datagrams were received: n wait                                                      |
 * | read()                      | the oldest one, an ArrayBuffer with address and port of the sender; undefined: none waits |
 * | write(bytes, address, port) | sends one, to a broadcast address or a group too                                       |
 * | add(group), remove(group)   | joins and leaves a multicast group (IPv4); close() leaves all                          |
 * | port                        | the port on which it receives                                                          |
 * | dropped                     | datagrams for which there was no room in the queue, or no memory                         |
 * | close()                     |                                                                                      |
 *
 * write throws "no memory", "unreachable" (no interface leads there, or it is down), "too long" (more than 65,507 bytes), and like add
 * and remove a RangeError for an argument that is no address, group or port. add throws "no memory" also beyond four groups. The
 * constructor throws "bind failed" for a port that is in use. Where these say nothing else, names and messages are the SDK's.
 */

extern void xs_native_udp_constructor(xsMachine* the);
extern void xs_native_udp_read(xsMachine* the);
extern void xs_native_udp_write(xsMachine* the);
extern void xs_native_udp_add(xsMachine* the);
extern void xs_native_udp_remove(xsMachine* the);
extern void xs_native_udp_close(xsMachine* the);
extern void xs_native_udp_get_port(xsMachine* the);
extern void xs_native_udp_get_dropped(xsMachine* the);
/** The end of an object that is collected. */
extern void xs_native_udp_destructor(void* data);

#endif
