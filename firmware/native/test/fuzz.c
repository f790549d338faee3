#include <string.h>
#include "choices.h"
#include "framing.h"
#include "peer-script.h"
#include "storm.h"

/*
 * For libFuzzer: bytes as the choices of a storm (segments, calls, failed allocations), or, behind a first byte of 255, as a body in
 * chunks. lwIP starts once in the process; each storm begins and ends without a block of memory.
 */

enum { STEPS_MAX = 1000 };
enum { CHUNKED_MARK = 255, CONTENT_MAX = 5000 };

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

extern int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t length)
{
	if (length > 1 && bytes[0] == CHUNKED_MARK) {
		decodeInPieces(bytes + 1, length - 1);
		return 0;
	}
	next = bytes;
	left = length;
	playStorm(STEPS_MAX);
	return 0;
}
