#ifndef INTERNALS_H
#define INTERNALS_H

#include <stddef.h>

/* Internals of XS that its public interface does not give. */

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

/** Call once while no program runs: the current content of the stack is XS's own. */
extern void restHere(void* machine);
/** Limits the stack to as many slots as it would have on a chip with `slots`. */
extern void giveStack(void* machine, int slots);
/** Forgets how deep it was. */
extern void forgetStack(void* machine);

/** The memory that a program may allocate once it is frozen. */
typedef struct {
	int slots;
	int chunkBytes;
	int slotsStep;	/* growth step, if the board has memory */
	int chunkBytesStep;
} HeapGiven;

extern void giveHeap(void* machine, HeapGiven heap);
/** Slots that `giveHeap` took away: they count as used. */
extern int surplusSlots(void);
/** Takes memory of the board until the reset; 0 if it has less. */
extern int takeMemory(void* machine, size_t bytes);

/** As when a program is linked into the chip: intrinsics, functions, classes,
 * prototypes, buffers, maps, sets, dates and regular expressions that exist now are read-only. */
extern void freezeEverything(void* machine);

/** Starts or stops counting computrons, and allocated slots and chunk bytes, by function. */
extern void profile(void* machine, int on);
/** Calls `report` for each function that was counted, "<computrons> <slots> <chunk bytes> <name>", and resets the counts. */
extern void reportProfile(void* machine, void (*report)(const char* line));

#endif
