#include "xsAll.h"
#include "internals.h"

/*
 * The heap of a program that is frozen, as the chip has it: what was made before is in flash there, a first
 * part is reserved, and further ones are requested in small steps, until there is no memory left.
 */

/* Functions of xsnapPlatform.c, which is compiled with these names for them. */
extern void* reserveChunks(txMachine* the, txSize size);
extern txSlot* reserveSlots(txMachine* the, txSize count);

/* Bytes of a slot on the chip, and in an engine of 32 bits. */
enum { SLOT_BYTES = 16 };

static int limited;

void* fxAllocateChunks(txMachine* the, txSize size)
{
	if (limited && !takeMemory(the, (size_t)size)) return C_NULL;
	return reserveChunks(the, size);
}

txSlot* fxAllocateSlots(txMachine* the, txSize count)
{
	if (limited && !takeMemory(the, count * SLOT_BYTES)) return C_NULL;
	return reserveSlots(the, count);
}

/* Free slots beyond the chip's number: kept as properties of an unused object, so that the program cannot use them. */
static txSlot surplus;
static txSize surplusCount;

int surplusSlots(void)
{
	return surplusCount;
}

/** Leaves so many free slots. */
static void giveSlots(txMachine* the, txSize count)
{
	txSlot* slot;
	txSize i;
	surplusCount = -count;
	for (slot = the->freeHeap; slot; slot = slot->next) surplusCount++;
	if (surplusCount < 0) {
		fxGrowSlots(the, 1 - surplusCount);	/* one more, which XS keeps for itself */
		surplusCount = 0;
	}
	if (surplusCount == 0) return;
	slot = fxNewInstance(the);
	surplus.kind = XS_REFERENCE_KIND;
	surplus.value.reference = slot;
	fxRemember(the, &surplus);
	mxPop();
	for (i = 1; i < surplusCount; i++, slot = slot->next) slot->next = fxNewSlot(the);
}

/** Leaves so many free bytes behind the chunks that are alive. */
static void giveChunks(txMachine* the, txSize size)
{
	txBlock* block = the->firstBlock;
	if (block->limit - block->current < size) fxAbort(the, XS_NOT_ENOUGH_MEMORY_EXIT);
	the->maximumChunksSize -= (txSize)(block->limit - block->current) - size;
	block->limit = block->current + size;
}

void giveHeap(void* machine, HeapGiven heap)
{
	txMachine* the = machine;
	fxCollectGarbage(the);
	giveSlots(the, heap.slots);
	giveChunks(the, heap.chunkBytes);
	the->minimumHeapCount = heap.slotsStep;
	the->minimumChunksSize = heap.chunkBytesStep;
	limited = 1;
}
