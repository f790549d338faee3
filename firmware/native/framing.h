#ifndef HOT_POTATO_FRAMING_H
#define HOT_POTATO_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How content is framed within a stream: what a pipe needs of such a format to take the content out of one stream and
 * to frame it anew for another one. It knows neither sockets nor lwIP.
 */

typedef enum {
	DECODING_RUNS,
	/** The end of the body was read. */
	DECODING_DONE,
	/** A byte that is not allowed where it stands, or too many bytes beside the content. */
	DECODING_BROKEN,
	/** More content was announced than is allowed. */
	DECODING_TOO_LARGE,
} DecodingOutcome;

/** How far a body has been decoded. It may be copied, also to go back to where it was. */
typedef struct {
	/** Bytes of content that may still be announced. */
	uint64_t allowed;
	/** Bytes of content that come next. The one who takes them counts them down. */
	uint32_t content;
	/** The size that is being read. */
	uint32_t size;
	/** Bytes beside the content that may still come. */
	uint16_t droppable;
	uint8_t position;
	uint8_t outcome;
} Decoding;

typedef struct {
	/** The name that programs use. */
	const char* name;
	/** The state before the first byte of a body with at most so many bytes of content. */
	Decoding (*start)(uint64_t contentBytesMax);
	/**
	 * Goes through delimiters, as far as content, the end of the body, or a fault; returns how many bytes. A byte that is
	 * not allowed is not among them. To be called while `content` is 0 and `outcome` is DECODING_RUNS.
	 */
	unsigned (*skip)(Decoding* decoding, const uint8_t* bytes, unsigned count);
	/**
	 * Frames `count` bytes of content that lie in `buffer` from `bytesBefore` on, and ends the body behind them if `last`.
	 * `count` is less than 64 Ki, and not 0 but with `last`. Returns the first byte of what is to be sent and, in `length`, the number of its bytes.
	 */
	const uint8_t* (*frame)(uint8_t* buffer, unsigned count, bool last, unsigned* length);
	/** Room that `frame` needs before the content and behind it, at most. */
	uint8_t bytesBefore;
	uint8_t bytesBehind;
	/** Bytes around 1 to 15 bytes of content that are not the last; those of the end alone are no more. */
	uint8_t bytesAroundFew;
} Framing;

/** The chunked transfer coding of HTTP/1.1 (RFC 9112 section 7.1): "chunked". */
extern const Framing CHUNKED;

/** All framings, up to a NULL. */
extern const Framing* const FRAMINGS[];

#endif
