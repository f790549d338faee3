#ifndef CHOICES_H
#define CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The choices of a storm: random numbers of a seed (storms.c), or the bytes of a fuzzer (fuzz.c). */

/** A number below `limit`. */
extern uint32_t below(uint32_t limit);
extern void chooseBytes(uint8_t* into, size_t length);
/** False: every choice is 0 from now. */
extern bool choicesLeft(void);

static inline bool onceIn(uint32_t count)
{
	return below(count) == count - 1;
}

#endif
