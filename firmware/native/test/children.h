#ifndef HOT_POTATO_TEST_CHILDREN_H
#define HOT_POTATO_TEST_CHILDREN_H

#include <stdint.h>

/**
 * Plays `count` seeds one after the other from `firstSeed` on, both as text, each in a process of its own, because
 * lwIP starts once in a process. The exit code of the program: 1 at the first seed that fails, which is printed.
 */
extern int playSeeds(void (*play)(uint64_t seed), const char* firstSeed, const char* count);

#endif
