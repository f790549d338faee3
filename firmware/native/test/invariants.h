#ifndef INVARIANTS_H
#define INVARIANTS_H

#include "sockets.h"

/** Ends the program where a record is not as the table of sockets.h allows, or a list or a count is wrong. */
extern void checkRecords(const Sockets* sockets);

/** lwIP's window, of which less is announced until one more segment fits in. */
extern unsigned windowInside(const Connection* connection);

#endif
