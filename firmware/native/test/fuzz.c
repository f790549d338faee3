#include <stdlib.h>
#include <string.h>
#include "choices.h"
#include "framing.h"
#include "head.h"
#include "peer-script.h"
#include "storm.h"

/*
 * For libFuzzer: bytes as the choices of a storm (segments, calls, failed allocations), behind a first byte of 255 as a body in chunks, or
 * behind one of 254 as the head of a message. lwIP starts once in the process; each storm begins and ends without a block of memory.
 */

enum { STEPS_MAX = 1000 };
enum { CHUNKED_MARK = 255, CONTENT_MAX = 5000 };
enum { HEAD_MARK = 254, HEAD_BYTES = 512, HEAD_LINES_AT_MOST = 40 };

static const uint8_t* next;
static size_t left;

static uint8_t nextByte(void)
{
	if (left == 0) return 0;
	left--;
	return *next++;
}

uint32_t below(uint32_t limit)
{
	uint32_t number = nextByte();
	if (limit > 256) number = number << 8 | nextByte();
	return number % limit;
}

void chooseBytes(uint8_t* into, size_t length)
{
	while (length-- > 0) *into++ = nextByte();
}

bool choicesLeft(void)
{
	return left > 0;
}

/** Where decoding has ended, and how. */
typedef struct {
	DecodingOutcome outcome;
	size_t at;
	size_t contentBytes;
} Decoded;

/** Decodes what arrives in pieces of at most so many bytes, each in the way in which pipes call a framing. */
static Decoded decode(const uint8_t* bytes, size_t length, size_t pieceBytes)
{
	Decoding decoding = CHUNKED.start(CONTENT_MAX);
	Decoded decoded = { 0 };
	while (decoded.at < length && decoding.outcome == DECODING_RUNS) {
		size_t piece = length - decoded.at;
		if (piece > pieceBytes) piece = pieceBytes;
		if (decoding.content > 0) {
			if (piece > decoding.content) piece = (size_t)decoding.content;
			decoding.content -= piece;
			decoded.contentBytes += piece;
		}
		else piece = CHUNKED.skip(&decoding, bytes + decoded.at, (unsigned)piece);
		CHECK(decoding.content <= CONTENT_MAX);
		CHECK(piece > 0 || decoding.outcome != DECODING_RUNS);
		decoded.at += piece;
	}
	decoded.outcome = decoding.outcome;
	return decoded;
}

static void decodeInPieces(const uint8_t* bytes, size_t length)
{
	Decoded whole = decode(bytes, length, length);
	Decoded cut = decode(bytes, length, 1);
	CHECK(whole.outcome == cut.outcome && whole.at == cut.at && whole.contentBytes == cut.contentBytes);
	CHECK(whole.contentBytes <= CONTENT_MAX);
}

/** Reads a head that arrives in pieces of at most so many bytes, the bytes up to the end of each in memory of their own. */
static uint32_t readPieces(const uint8_t* head, size_t length, size_t pieceBytes, uint16_t* words)
{
	uint32_t result = 0;
	memset(words, 0, HEAD_WORDS * sizeof(*words));
	words[HEAD_IS_REQUEST] = head[0] & 1;
	words[HEAD_BYTES_MAX] = HEAD_BYTES;
	words[HEAD_LINES_MAX] = HEAD_LINES_AT_MOST;
	while (result < length && result >> HEAD_OUTCOME_BITS == HEAD_GOES_ON) {
		size_t end = length - result < pieceBytes ? length : result + pieceBytes;
		uint8_t* bytes = malloc(end);
		memcpy(bytes, head, end);
		result = readHead(bytes, result, (uint32_t)end, words);
		free(bytes);
	}
	return result;
}

static void readInPieces(const uint8_t* head, size_t length)
{
	uint16_t* whole = malloc(HEAD_WORDS * sizeof(*whole));
	uint16_t* cut = malloc(HEAD_WORDS * sizeof(*cut));
	CHECK(readPieces(head, length, length, whole) == readPieces(head, length, 1, cut));
	CHECK(!memcmp(whole, cut, HEAD_WORDS * sizeof(*whole)));
	CHECK(whole[HEAD_COUNT] <= HEAD_FIELDS_MAX);
	free(cut);
	free(whole);
}

extern int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t length)
{
	if (length > 1 && bytes[0] == CHUNKED_MARK) {
		decodeInPieces(bytes + 1, length - 1);
		return 0;
	}
	if (length > 1 && bytes[0] == HEAD_MARK) {
		readInPieces(bytes + 1, length - 1);
		return 0;
	}
	next = bytes;
	left = length;
	playStorm(STEPS_MAX);
	return 0;
}
