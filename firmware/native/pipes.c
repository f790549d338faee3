#include <string.h>
#include "port.h"
#include "records.h"

/*
 * Pipes: what one connection receives is written to another one, in lwIP's task, as far as received bytes and send
 * space allow. There is no queue: bytes that `to` cannot accept stay in the receive window of `from`, and TCP slows the sender down.
 *
 * A pipe moves when bytes arrive at `from`, when bytes are acknowledged at `to`, and when one of them ends.
 */

/** Belongs to `from`, which frees it. */
struct Pipe {
	Connection* from;
	/** NULL: closed; the outcome is reported then. */
	Connection* to;
	uint64_t bytesMax;
	uint64_t passed;
	/** NULL: not framed. */
	const Framing* fromFraming;
	const Framing* toFraming;
	/** With `fromFraming`. */
	Decoding decoding;
	/** One reference, while the pipe runs; NULL: nothing is searched. */
	Search* search;
	SearchPlace place;
	/** The number of `place` when the pipe ended. */
	int32_t placeNumber;
	uint16_t keyword;
	uint8_t outcome;
	bool binary;
};

bool pipeRuns(const Pipe* pipe)
{
	return pipe && pipe->outcome == PIPE_RUNS;
}

/**
 * Searches the next bytes. Returns how many of them may be passed: those up to the last byte of a keyword, or all.
 */
static unsigned searchContent(Pipe* pipe, const uint8_t* bytes, unsigned count)
{
	if (pipe->place.tables == NULL) return count;
	switch (searchBytes(&pipe->place, bytes, &count, &pipe->keyword)) {
	case SEARCH_FOUND: pipe->outcome = PIPE_FOUND; break;
	case SEARCH_BINARY: pipe->binary = true; break;
	default: break;
	}
	return count;
}

/** The end of the content has been reached, as far as it has one before that of the stream. */
static bool isContentOver(const Pipe* pipe)
{
	return pipe->fromFraming ? pipe->decoding.outcome == DECODING_DONE : pipe->passed == pipe->bytesMax;
}

/** The end of the content has come, perhaps behind bytes that wait, and is to be framed for `to`. */
static bool hasEndToFrame(const Pipe* pipe)
{
	const Connection* from = pipe->from;
	bool untilEnd = !pipe->fromFraming && pipe->bytesMax == PIPE_TO_THE_END;
	return pipe->toFraming && (isContentOver(pipe) || (untilEnd && from->peerEnded && from->error == SOCKET_OK));
}

/** Bytes of content that come next, at most. */
static uint64_t contentNext(const Pipe* pipe)
{
	return pipe->fromFraming ? pipe->decoding.content : pipe->bytesMax - pipe->passed;
}

static void skipDelimiters(Pipe* pipe, const uint8_t* bytes, unsigned count, unsigned* at)
{
	*at += pipe->fromFraming->skip(&pipe->decoding, bytes + *at, count - *at);
	if (pipe->decoding.outcome == DECODING_BROKEN) pipe->outcome = PIPE_BAD_FRAMING;
	if (pipe->decoding.outcome == DECODING_TOO_LARGE) pipe->outcome = PIPE_TOO_LARGE;
}

/** Content of one segment. */
typedef struct {
	uint8_t* bytes;
	unsigned count;
	unsigned room;
} Content;

/** Adds the content of these bytes as far as there is room. Returns how many of them were looked at. */
static unsigned decodeBytes(Pipe* pipe, const uint8_t* bytes, unsigned count, Content* content)
{
	unsigned next, at = 0;
	while (at < count && pipeRuns(pipe) && !isContentOver(pipe)) {
		if (contentNext(pipe) == 0) {
			skipDelimiters(pipe, bytes, count, &at);
			continue;
		}
		next = leastOf(count - at, content->room - content->count);
		if (next > contentNext(pipe)) next = (unsigned)contentNext(pipe);
		if (next == 0) break;
		next = searchContent(pipe, bytes + at, next);
		memcpy(content->bytes + content->count, bytes + at, next);
		content->count += next;
		pipe->passed += next;
		if (pipe->fromFraming) pipe->decoding.content -= next;
		at += next;
	}
	return at;
}

/** The same for everything that was received. */
static unsigned decodeReceived(Pipe* pipe, Content* content)
{
	const struct pbuf* piece;
	unsigned taken = 0;
	for (piece = pipe->from->received; piece; piece = piece->next) {
		unsigned looked = decodeBytes(pipe, piece->payload, piece->len, content);
		taken += looked;
		if (looked < piece->len) break;
	}
	return taken;
}

/** All or nothing: the content, and the end behind it. */
static bool writeFrame(const Pipe* pipe, const Content* content, bool last)
{
	unsigned length = content->count;
	const uint8_t* bytes = content->bytes;
	if (pipe->toFraming && (length > 0 || last))
		bytes = pipe->toFraming->frame(content->bytes - pipe->toFraming->bytesBefore, content->count, last, &length);
	return length == 0 || recordWritePiece(pipe->to, bytes, length, false);
}

/**
 * Content for which there is room at `to`, with all that frames it; false: none now. `*tight`: even the smallest frame has no room for the
 * end as well.
 */
static bool roomForContent(const Pipe* pipe, unsigned bytesAround, unsigned* room, bool* tight)
{
	/* Where the receiver's window is tiny, lwIP makes several segments of it. */
	const unsigned segment = mostOf(recordSegmentBytes(pipe->to), bytesAround + 1);
	const unsigned wanted = leastOf(recordReadable(pipe->from) + bytesAround, segment);
	const unsigned writable = recordWritable(pipe->to);
	*tight = writable < wanted;
	*room = wanted - bytesAround;
	if (!*tight) return true;
	/* No small frames because the rest of the room is small: more becomes free with what is under way. */
	if (!pipe->toFraming || recordUnacknowledged(pipe->to) > 0 || writable <= pipe->toFraming->bytesAroundFew) return false;
	/* Nothing is under way: a window of 2 or 3 bytes, for which lwIP's queue holds 8 segments of one. */
	*room = writable - pipe->toFraming->bytesAroundFew;
	return true;
}

/**
 * Passes the content of one segment at most, through a buffer, in one frame: small pieces become a larger one. A frame is written whole, so
 * that the pipe can be stopped behind each.
 */
static bool passFramed(Pipe* pipe)
{
	const Pipe before = *pipe;
	const unsigned bytesBefore = pipe->toFraming ? pipe->toFraming->bytesBefore : 0;
	const unsigned bytesAround = bytesBefore + (pipe->toFraming ? pipe->toFraming->bytesBehind : 0);
	const unsigned readable = recordReadable(pipe->from);
	Content content = { .count = 0 };
	unsigned taken;
	bool last, tight, written;
	uint8_t* buffer;
	if (!roomForContent(pipe, bytesAround, &content.room, &tight)) return false;
	buffer = mem_malloc((mem_size_t)(content.room + bytesAround));
	if (buffer == NULL) {
		pipe->to->wantsMemory = true;
		return false;
	}
	content.bytes = buffer + bytesBefore;
	taken = decodeReceived(pipe, &content);
	last = pipeRuns(pipe) && hasEndToFrame(pipe) && (isContentOver(pipe) || taken == readable);
	if (tight && content.count > 0) last = false; /* in a frame of its own */
	written = writeFrame(pipe, &content, last);
	mem_free(buffer);
	if (!written) {
		*pipe = before; /* and decoded and searched again when there is memory */
		return false;
	}
	if (pipeRuns(pipe) && isContentOver(pipe) && (last || !pipe->toFraming)) pipe->outcome = PIPE_DONE;
	else if (last) pipe->outcome = PIPE_END;
	if (taken > 0) recordConsume(pipe->from, taken);
	return true;
}

/** Passes one segment at most, as it is; false: nothing could be passed. */
static bool passPlain(Pipe* pipe)
{
	const Pipe before = *pipe;
	struct pbuf* piece = pipe->from->received;
	uint64_t left = pipe->bytesMax - pipe->passed;
	unsigned count = leastOf(recordWritable(pipe->to), left < UINT16_MAX ? (unsigned)left : UINT16_MAX);
	while (piece->len == 0) piece = piece->next;
	count = leastOf(leastOf(count, piece->len), recordSegmentBytes(pipe->to));
	if (count == 0) return false;
	count = searchContent(pipe, piece->payload, count);
	if (!recordWritePiece(pipe->to, piece->payload, count, false)) {
		*pipe = before; /* and searched again when there is memory */
		return false;
	}
	pipe->passed += count;
	if (pipe->passed == pipe->bytesMax && pipe->outcome == PIPE_RUNS) pipe->outcome = PIPE_DONE;
	recordConsume(pipe->from, count);
	return true;
}

static bool passPiece(Pipe* pipe)
{
	return pipe->fromFraming || pipe->toFraming ? passFramed(pipe) : passPlain(pipe);
}

static void passAll(Pipe* pipe)
{
	bool passed = false;
	if (pipe->to == NULL || recordWriteClosed(pipe->to) || pipe->to->state != OPEN) return;
	while (pipeRuns(pipe) && (pipe->from->received || hasEndToFrame(pipe)) && passPiece(pipe)) passed = true;
	if (passed) recordOutput(pipe->to);
}

/** The ends of a pipe other than by its content. */
static PipeOutcome outcomeOf(const Pipe* pipe)
{
	const Connection* from = pipe->from;
	if (pipe->outcome != PIPE_RUNS) return pipe->outcome;
	if (from->received == NULL && !hasEndToFrame(pipe)) {
		if (from->error != SOCKET_OK) return PIPE_FROM_ERROR;
		if (from->peerEnded) return PIPE_END;
	}
	if (pipe->to == NULL || recordWriteClosed(pipe->to)) return PIPE_TO_ERROR;
	return PIPE_RUNS;
}

/** The pipe runs no more: its connections are free again, and what waits there is announced. */
static void endPipe(Pipe* pipe, PipeOutcome outcome)
{
	pipe->outcome = (uint8_t)outcome;
	if (pipe->search) pipe->placeNumber = searchNumberOf(pipe->search, pipe->place);
	searchRelease(pipe->search);
	pipe->search = NULL;
	pipe->place.tables = NULL;
	if (pipe->from->received) newsReport(pipe->from->sockets, &pipe->from->news, EVENT_READABLE);
	if (pipe->to && recordWritable(pipe->to) > 0) newsReport(pipe->to->sockets, &pipe->to->news, EVENT_WRITABLE);
}

void pipeMove(Pipe* pipe)
{
	PipeOutcome outcome;
	uint64_t before;
	bool wasBinary;
	if (!pipeRuns(pipe)) return;
	before = pipe->passed;
	wasBinary = pipe->binary;
	passAll(pipe);
	outcome = outcomeOf(pipe);
	if (outcome != PIPE_RUNS || pipe->binary != wasBinary || (before == 0 && pipe->passed > 0))
		newsReport(pipe->from->sockets, &pipe->from->news, EVENT_PIPE);
	if (outcome != PIPE_RUNS) endPipe(pipe, outcome);
}

/** The pipe from this connection is no more. */
static void forgetPipeFrom(Connection* from)
{
	Pipe* pipe = from->pipeFrom;
	if (pipe == NULL) return;
	if (pipeRuns(pipe)) endPipe(pipe, PIPE_STOPPED);
	if (pipe->to) pipe->to->pipeTo = NULL;
	from->pipeFrom = NULL;
	mem_free(pipe);
}

void pipesForget(Connection* connection)
{
	Pipe* pipe = connection->pipeTo;
	forgetPipeFrom(connection);
	if (pipe == NULL) return;
	pipe->to = NULL;
	connection->pipeTo = NULL;
	pipeMove(pipe);
}

static SocketError startPipe(Connection* from, Connection* to, const PipeOptions* options)
{
	Pipe* pipe;
	SearchPlace place = { .tables = NULL };
	if (from == to || (options->bytesMax == 0 && !options->fromFraming)) return SOCKET_INVALID;
	if (options->search && !searchPlaceOf(options->search, options->searchPlace, &place)) return SOCKET_INVALID;
	if (pipeRuns(from->pipeFrom) || pipeRuns(to->pipeTo)) return SOCKET_IN_USE;
	pipe = mem_calloc(1, sizeof(Pipe));
	if (pipe == NULL) return SOCKET_MEMORY;
	forgetPipeFrom(from);
	if (to->pipeTo) to->pipeTo->to = NULL;
	pipe->from = from;
	pipe->to = to;
	pipe->bytesMax = options->bytesMax;
	pipe->fromFraming = options->fromFraming;
	pipe->toFraming = options->toFraming;
	if (options->decoding) pipe->decoding = *options->decoding;
	else if (pipe->fromFraming) pipe->decoding = pipe->fromFraming->start(options->bytesMax);
	pipe->search = options->search;
	if (pipe->search) searchHold(pipe->search);
	pipe->place = place;
	pipe->placeNumber = -1;
	from->pipeFrom = pipe;
	to->pipeTo = pipe;
	/* Bytes that were announced are the pipe's now. */
	from->news.events &= (uint8_t)~EVENT_READABLE;
	to->news.events &= (uint8_t)~EVENT_WRITABLE;
	pipeMove(pipe);
	return SOCKET_OK;
}

SocketError pipeStart(Connection* from, Connection* to, const PipeOptions* options)
{
	SocketError error;
	portLock();
	error = startPipe(from, to, options);
	portUnlock();
	return error;
}

/** A receiver whose buffers are full of what was passed is waited for, even if nothing more has come yet. */
static bool waitsForTo(const Pipe* pipe)
{
	return pipe->from->received || hasEndToFrame(pipe) || (pipe->to && recordWritable(pipe->to) == 0);
}

static bool statusOf(const Connection* from, PipeStatus* status)
{
	const Pipe* pipe = from->pipeFrom;
	if (pipe == NULL) return false;
	status->outcome = (PipeOutcome)pipe->outcome;
	status->passed = pipe->passed;
	status->waitsFor = waitsForTo(pipe) ? PIPE_WAITS_FOR_TO : PIPE_WAITS_FOR_FROM;
	status->heldBytes = recordReadable(from) + (pipe->to ? recordUnacknowledged(pipe->to) : 0);
	status->keyword = pipe->keyword;
	status->binary = pipe->binary;
	status->searchPlace = pipe->search ? searchNumberOf(pipe->search, pipe->place) : pipe->placeNumber;
	status->decoding = pipe->decoding;
	return true;
}

bool pipeStatus(Connection* from, PipeStatus* status)
{
	bool there;
	portLock();
	there = statusOf(from, status);
	portUnlock();
	return there;
}

void pipeStop(Connection* from)
{
	portLock();
	if (pipeRuns(from->pipeFrom)) {
		endPipe(from->pipeFrom, PIPE_STOPPED);
		from->news.events &= (uint8_t)~EVENT_PIPE;
	}
	portUnlock();
}
