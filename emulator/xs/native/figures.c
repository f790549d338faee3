#include "xsAll.h"
#include "internals.h"

/* How deep the stack was: its unused part is filled with a pattern, and slots that were used no longer have it. */

enum {
	CHIP_REST = 13,	/* slots of XS's own there (mxGlobalStackIndex to mxInstanceInspectorsStackIndex in xsAll.h) */
	PAINT = 0xA5,
	/* Number of slots in a row with the pattern that show an unused part. XS borrows the other end for regular expressions. */
	UNTOUCHED = 8,
};

static txSlot* rest;

void restHere(void* machine)
{
	txMachine* the = machine;
	rest = the->stack;
}

void forgetStack(void* machine)
{
	txMachine* the = machine;
	c_memset(the->stackBottom, PAINT, (the->stack - the->stackBottom) * sizeof(txSlot));
}

void giveStack(void* machine, int slots)
{
	txMachine* the = machine;
	txSlot* bottom = rest - (slots - CHIP_REST);
	if (bottom > the->stackBottom) the->stackBottom = bottom;
	forgetStack(the);
}

static txBoolean painted(txSlot* slot)
{
	txU1* byte = (txU1*)slot;
	txU1* end = (txU1*)(slot + 1);
	while (byte < end) if (*byte++ != PAINT) return 0;
	return 1;
}

static int deepestStack(txMachine* the)
{
	txSlot* lowest = rest;
	txSlot* slot;
	for (slot = rest - 1; slot >= the->stackBottom && slot >= lowest - UNTOUCHED; slot--)
		if (!painted(slot)) lowest = slot;
	return CHIP_REST + (int)(rest - lowest);
}

Figures figuresOf(void* machine)
{
	txMachine* the = machine;
	Figures figures = {
		the->meterIndex, (int)the->currentHeapCount - surplusSlots(), the->currentChunksSize,
		the->maximumHeapCount, the->maximumChunksSize, deepestStack(the),
	};
	return figures;
}

/* Where computrons and memory go */

enum { FUNCTIONS_MAX = 4096 };	/* more than a program has; a power of two */

typedef struct {
	txID name;
	txID owner;
	txBoolean used;
	txUnsigned computrons;
	int slots;
	int chunkBytes;
} Count;

static Count counts[FUNCTIONS_MAX];
static Count* current;
/* Up to where it is counted. */
static txUnsigned countedTo;
static int slotsBefore;
static int chunkBytesBefore;

static txID classOf(txMachine* the, txSlot* function)
{
	txSlot* home = mxFunctionInstanceHome(function)->value.home.object;
	txSlot* property;
	if (!home) return XS_NO_ID;
	if (mxIsFunction(home)) return mxFunctionInstanceCode(home)->ID;
	for (property = home->next; property; property = property->next) {
		if (property->ID == mxID(_constructor) && property->kind == XS_REFERENCE_KIND
				&& mxIsFunction(property->value.reference))
			return mxFunctionInstanceCode(property->value.reference)->ID;
	}
	return XS_NO_ID;
}

static Count* countOf(txMachine* the, txSlot* frame)
{
	txSlot* function = frame ? frame + 3 : C_NULL;
	txID name = XS_NO_ID, owner = XS_NO_ID;
	txUnsigned place;
	if (function && function->kind == XS_REFERENCE_KIND && mxIsFunction(function->value.reference)) {
		name = mxFunctionInstanceCode(function->value.reference)->ID;
		owner = classOf(the, function->value.reference);
	}
	place = ((txUnsigned)name * 31 + (txUnsigned)owner) % FUNCTIONS_MAX;
	for (;; place = (place + 1) % FUNCTIONS_MAX) {
		Count* count = counts + place;
		if (!count->used) {
			count->used = 1;
			count->name = name;
			count->owner = owner;
			return count;
		}
		if (count->name == name && count->owner == owner) return count;
	}
}

/* XS asks here at each call, return and loop: what passed since the last time was spent by the
 * function that ran then. */
static txBoolean spent(txMachine* the, txU4 computrons)
{
	int slots = (int)the->currentHeapCount, chunkBytes = the->currentChunksSize;
	if (current) {
		current->computrons += computrons - countedTo;
		current->slots += slots - slotsBefore;
		current->chunkBytes += chunkBytes - chunkBytesBefore;
	}
	countedTo = computrons;
	slotsBefore = slots;
	chunkBytesBefore = chunkBytes;
	current = countOf(the, the->frame);
	return 1;
}

void profile(void* machine, int on)
{
	txMachine* the = machine;
	current = C_NULL;
	the->meterCallback = spent;
	the->meterInterval = on ? 1 : 0;
	the->meterCount = the->meterIndex;
}

void reportProfile(void* machine, void (*report)(const char* line))
{
	txMachine* the = machine;
	int place;
	for (place = 0; place < FUNCTIONS_MAX; place++) {
		Count* count = counts + place;
		char line[256];
		txString function, owner;
		if (!count->used) continue;
		function = count->name == XS_NO_ID ? C_NULL : fxGetKeyName(the, count->name);
		owner = count->owner == XS_NO_ID ? C_NULL : fxGetKeyName(the, count->owner);
		c_snprintf(line, sizeof(line), "%u %d %d %s%s%s", count->computrons, count->slots, count->chunkBytes,
			owner ? owner : "", owner ? "." : "", function ? function : "(none)");
		report(line);
	}
	c_memset(counts, 0, sizeof(counts));
	current = C_NULL;
}
