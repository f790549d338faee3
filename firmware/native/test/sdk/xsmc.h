#ifndef XSMC_H
#define XSMC_H

/*
 * Facts of Moddable SDK 8.2.3 (xs/includes/xs.h) that port-esp32.c relies on, without the SDK: a host call makes `the`, and what
 * throws in it does not come back.
 */

typedef struct Machine xsMachine;
typedef struct Slot xsSlot;

extern xsMachine* hostCallBegin(xsMachine* machine);
extern void hostCallEnd(xsMachine* machine);

#define xsBeginHost(machine) { xsMachine* the = hostCallBegin(machine)
#define xsEndHost(machine) hostCallEnd(the); }

#endif
