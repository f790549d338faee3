#include <string.h>
#include "framing.h"

/*
 * The chunked transfer coding. Chunk extensions and trailers are dropped, so that they never pass the board. What is
 * allowed is exactly what src/http1/chunked-body.ts allows: two readers that do not agree where a body ends are what
 * request smuggling is made of. A test compares the two.
 */

/**
 * Bytes that are read and dropped: chunk extensions, zeros before a size, trailers. Each byte of the body
 * gives one back. Node's limit (kMaxChunkExtensionsSize in src/node_http_parser.cc).
 */
enum { DROPPED_BYTES_MAX = 16384 };

/** The most digits of the size of a chunk that `frame` writes. */
enum { SIZE_DIGITS_MAX = 4 };

/** Positions within a body. */
enum {
	/* In the line of a chunk's size, with its extensions. */
	SIZE_START, SIZE, SIZE_LF, SIZE_BLANK, EXTENSION, EXTENSION_VALUE, QUOTED, QUOTED_PAIR, QUOTED_END,
	/* Behind its data. */
	DATA_CR, DATA_LF,
	/* Behind the last chunk: the trailer section and the end of the body. */
	TRAILER_START, TRAILER, TRAILER_LF, END_LF,
};

static Decoding start(uint64_t contentBytesMax)
{
	return (Decoding){ .allowed = contentBytesMax, .droppable = DROPPED_BYTES_MAX, .position = SIZE_START };
}

static bool isBlank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

/** A visible character, a blank, or a byte above ASCII (RFC 9110 section 5.5). */
static bool isText(uint8_t byte)
{
	return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

/** The value of a hexadecimal digit; -1 for any other byte. */
static int hexadecimal(uint8_t byte)
{
	if (byte >= '0' && byte <= '9') return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/** Drops a byte; false when too many were dropped. */
static bool drop(Decoding* decoding)
{
	if (decoding->droppable == 0) return false;
	decoding->droppable--;
	return true;
}

/** Drops a byte where only text and blanks are allowed. */
static bool dropText(Decoding* decoding, uint8_t byte)
{
	return isText(byte) && drop(decoding);
}

static bool sizeByte(Decoding* decoding, uint8_t byte)
{
	int digit = hexadecimal(byte);
	if (digit >= 0) {
		/* A zero before the size, but for the first: that may be all of it. */
		if (digit == 0 && decoding->size == 0 && decoding->position == SIZE && !drop(decoding)) return false;
		if (decoding->size > UINT32_MAX / 16) return false;
		decoding->position = SIZE;
		decoding->size = decoding->size * 16 + (uint32_t)digit;
		return true;
	}
	if (decoding->position == SIZE_START) return false;
	if (byte == '\r') decoding->position = SIZE_LF;
	else if (byte == ';') decoding->position = EXTENSION;
	else if (isBlank(byte)) decoding->position = SIZE_BLANK;
	else return false;
	return true;
}

/** The line of a chunk's size is complete; false when the body is too large with that chunk. */
static bool startData(Decoding* decoding)
{
	uint32_t size = decoding->size;
	uint32_t dropped = (uint32_t)(DROPPED_BYTES_MAX - decoding->droppable);
	if (size > decoding->allowed) {
		decoding->outcome = DECODING_TOO_LARGE;
		return false;
	}
	decoding->allowed -= size;
	decoding->droppable += (uint16_t)(size < dropped ? size : dropped);
	decoding->position = size > 0 ? DATA_CR : TRAILER_START;
	decoding->content = size;
	decoding->size = 0;
	return true;
}

/**
 * Extensions are dropped, so what they are made of does not matter, but a quoted string must be closed where the
 * line ends: to a reader that knows them, what follows would still be part of it.
 */
static bool extensionByte(Decoding* decoding, uint8_t byte)
{
	if (byte == '\r' && (decoding->position == EXTENSION || decoding->position == EXTENSION_VALUE || decoding->position == QUOTED_END)) {
		decoding->position = SIZE_LF;
		return true;
	}
	switch (decoding->position) {
	case SIZE_BLANK:
		if (byte == ';') decoding->position = EXTENSION;
		else if (!isBlank(byte)) return false;
		break;
	case EXTENSION:
		if (byte == '=') decoding->position = EXTENSION_VALUE;
		else if (byte == '"') return false;
		break;
	case EXTENSION_VALUE:
		if (byte == '"') decoding->position = QUOTED;
		else if (!isBlank(byte)) decoding->position = EXTENSION;
		break;
	case QUOTED:
		if (byte == '"') decoding->position = QUOTED_END;
		else if (byte == '\\') decoding->position = QUOTED_PAIR;
		break;
	case QUOTED_PAIR:
		decoding->position = QUOTED;
		break;
	default: /* behind a quoted string */
		if (byte == ';') decoding->position = EXTENSION;
		else if (!isBlank(byte)) return false;
	}
	return dropText(decoding, byte);
}

/** In a trailer every byte but LF is dropped: none of it passes. */
static bool trailerByte(Decoding* decoding, uint8_t byte)
{
	if (byte == '\n') return false;
	if (decoding->position == TRAILER_START) decoding->position = byte == '\r' ? END_LF : TRAILER;
	else if (byte == '\r') decoding->position = TRAILER_LF;
	return drop(decoding);
}

/** One byte outside the data; false when it is not allowed there. */
static bool delimiter(Decoding* decoding, uint8_t byte)
{
	switch (decoding->position) {
	case SIZE_START:
	case SIZE:
		return sizeByte(decoding, byte);
	case SIZE_LF:
		return byte == '\n' && startData(decoding);
	case DATA_CR:
		decoding->position = DATA_LF;
		return byte == '\r';
	case DATA_LF:
		decoding->position = SIZE_START;
		return byte == '\n';
	case TRAILER_START:
	case TRAILER:
		return trailerByte(decoding, byte);
	case TRAILER_LF:
		decoding->position = TRAILER_START;
		return byte == '\n';
	case END_LF:
		if (byte == '\n') decoding->outcome = DECODING_DONE;
		return byte == '\n';
	default:
		return extensionByte(decoding, byte);
	}
}

static unsigned skip(Decoding* decoding, const uint8_t* bytes, unsigned count)
{
	unsigned at = 0;
	while (at < count && decoding->content == 0 && decoding->outcome == DECODING_RUNS) {
		if (delimiter(decoding, bytes[at])) at++;
		else if (decoding->outcome == DECODING_RUNS) decoding->outcome = DECODING_BROKEN;
	}
	return at;
}

#define LINE_END "\r\n"
#define LAST_CHUNK "0\r\n\r\n"
enum { LINE_END_BYTES = sizeof(LINE_END) - 1, LAST_CHUNK_BYTES = sizeof(LAST_CHUNK) - 1 };
enum { BEFORE = SIZE_DIGITS_MAX + LINE_END_BYTES };

static const uint8_t* frame(uint8_t* buffer, unsigned count, bool last, unsigned* length)
{
	uint8_t* first = buffer + BEFORE;
	uint8_t* end = first + count;
	unsigned size;
	if (count > 0) {
		memcpy(end, LINE_END, LINE_END_BYTES);
		end += LINE_END_BYTES;
		first -= LINE_END_BYTES;
		memcpy(first, LINE_END, LINE_END_BYTES);
		for (size = count; size > 0; size /= 16) *--first = (uint8_t)"0123456789abcdef"[size % 16];
	}
	if (last) {
		memcpy(end, LAST_CHUNK, LAST_CHUNK_BYTES);
		end += LAST_CHUNK_BYTES;
	}
	*length = (unsigned)(end - first);
	return first;
}

const Framing CHUNKED = {
	.name = "chunked",
	.start = start,
	.skip = skip,
	.frame = frame,
	.bytesBefore = BEFORE,
	.bytesBehind = LINE_END_BYTES + LAST_CHUNK_BYTES,
	.bytesAroundFew = 1 + 2 * LINE_END_BYTES,
};
