#ifndef PIPE_H
#define PIPE_H

#include <stddef.h>

/**
 * What travels between the engine and its board: netstrings, `<length>:<bytes>,`. The first byte says
 * what it is, and from the board the next eight tell its time.
 *
 * | from the board | is                                     | from the engine | is                        |
 * | -------------- | -------------------------------------- | --------------- | ------------------------- |
 * | `E` `J` …      | a command: see worker.c                | `.`             | a command is done         |
 * | `/`            | the answer to a question               | `!`             | it threw: the error       |
 * | `^`            | an error: its kind, a NUL, its message | `?`             | a question: see handles.h |
 */
typedef struct {
	char kind;
	char* bytes;	/* followed by a NUL */
	size_t length;
	void* storage;
} Frame;

/** The board's time at its last word, in milliseconds since it booted. */
extern double boardMs;

/** Waits for the board's next word; ends the process when the board has gone. */
extern Frame receiveFrame(void);
extern void freeFrame(Frame* frame);

/** Sends a head and a body as one frame. */
extern void sendFrame(char kind, const void* head, size_t headLength, const void* body, size_t bodyLength);

/**
 * This process is a copy of another, and leaves that one's pipes: in the folder it makes two of its
 * own, `down` and `up`, says so on the old ones, and waits for the first word on the new ones.
 */
extern void movePipes(const char* folder);

#endif
