#ifndef INVARIANTS_H
#define INVARIANTS_H

#include "sockets.h"

/** Ends the program where a record is not as the table of sockets.h allows, or a list or a count is wrong. */
extern void checkRecords(const Sockets* sockets);

#endif
