#ifndef BOARD_H
#define BOARD_H

#include "xsnap.h"

/** Answers a command of Node: the question `network`, with a text and bytes behind it. */
extern void answerText(xsMachine* the, const char* text, const void* bytes, size_t length);

#endif
