#ifndef INTERNALS_H
#define INTERNALS_H

#include <stddef.h>

/* What XS knows of itself and does not tell by its public interface. */

typedef struct {
	unsigned int computrons;	/* executed since the start, modulo 2 to the 32nd */
	int slots;	/* in use, garbage included */
	int chunkBytes;	/* in use, garbage and headers included */
	int slotsMax;
	int chunkBytesMax;
	int stackSlotsMax;	/* since `giveStack` or `forgetStack` */
} Figures;

/** Runs a script. As on the chip its byte code stays outside of the heap, for ever. */
extern void runScript(void* machine, char* text, size_t length);

extern Figures figuresOf(void* machine);

/** To be called once while nothing runs: what stands on the stack now is XS's own. */
extern void restHere(void* machine);
/** From now on the stack has as many slots as it would have on a chip with `slots`. */
extern void giveStack(void* machine, int slots);
/** Forgets how deep it was. */
extern void forgetStack(void* machine);

/** What a program may allocate once it is frozen. */
typedef struct {
	int slots;
	int chunkBytes;
	int slotsStep;	/* by so many it grows, if the board has memory */
	int chunkBytesStep;
} HeapGiven;

extern void giveHeap(void* machine, HeapGiven heap);
/** Slots that `giveHeap` took away: they count as used. */
extern int surplusSlots(void);
/** Asks the board for memory, until the reset; 0 when it has not so much. */
extern int takeMemory(void* machine, size_t bytes);

/** What happens to a program that is linked into the chip: intrinsics, functions, classes,
 * prototypes, buffers, maps, sets, dates and regular expressions that exist now are read-only. */
extern void freezeEverything(void* machine);

/** Counts computrons by function from now on, or no longer. */
extern void profile(void* machine, int on);
/** Calls `tell` for each function that was counted, and forgets. */
extern void tellProfile(void* machine, void (*tell)(const char* name, unsigned int computrons));

#endif
