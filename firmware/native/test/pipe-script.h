#ifndef PIPE_SCRIPT_H
#define PIPE_SCRIPT_H

#include "peer-script.h"

/*
 * Helpers for the cases of pipes.
 */

/** A pipe from the client to the backend; each with its peer. */
typedef struct {
	Peer client, backend;
	Owner clientOwner, backendOwner;
	Connection* from;
	Connection* to;
} Line;

extern Line* newLine(void);
/** Passes content without a framing. */
extern void start(Line* line, uint64_t bytesMax, Search* search);
extern void startWith(Line* line, PipeOptions options);
extern PipeStatus statusOf(Line* line);
extern void closeLine(Line* line);
/** Checks the bytes that the backend has received, and acknowledges them. */
extern void backendGets(Line* line, const void* bytes, unsigned count);

/** For the keyword END, and for control bytes, behind which `inAny` is searched. To be released. */
extern Search* searchForEnd(Search* inAny);

#endif
