#ifndef PIPE_H
#define PIPE_H

#include <stddef.h>

/**
 * Messages between the engine and its board: netstrings, `<length>:<bytes>,`. The first byte is the
 * kind, and from the board the next eight are its time.
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

/** The board's time at its last message, in milliseconds since it booted. */
extern double boardMs;

/** Waits for the board's next message; ends the process when the board has ended. */
extern Frame receiveFrame(void);
extern void freeFrame(Frame* frame);

/** Sends a head and a body as one frame. */
extern void sendFrame(char kind, const void* head, size_t headLength, const void* body, size_t bodyLength);

/**
 * Moves this process, a copy of another, to pipes of its own: makes `down` and `up` in the folder,
 * reports that on the old pipes, and waits for the first message on the new ones.
 */
extern void movePipes(const char* folder);

#endif
