#include <stdint.h>

/*
 * A ring of log lines, as src/log/line-ring.ts has it in TypeScript; the words of its head, and the bytes of
 * `format`, are explained there. A line of a request costs 220 instructions of XS with this, and 2,700 were needed to build it from
 * strings.
 */

enum { SIZE, HEAD, TAIL, USED, COUNT, FIRST, SENT, SENT_AT, READ, DROPPED, NOTICED, RING_WORDS };
enum { LINE_HEAD_BYTES = 8, LINE_BYTES_MAX = 2048, VALUE_CHARS_MAX = 160 };
/* Flags of `readLines`, and bits of its result. */
enum { ONE_LINE = 1, TELL_NEWS = 2, MID_LINE = 1 << 16, NEWS = 1 << 17 };
enum { STRINGS = 7, FIRST_NUMBER = 0x10, NUMBERS = 12, OPTIONAL = 0x1f };

typedef struct {
	uint32_t* ring;
	uint8_t* bytes;
	uint32_t at, length;
	/* Bytes that can be written before a line has to go. */
	int32_t room;
	/* The next line to go is being read. */
	int full;
} Writer;

static uint32_t lineBytes(uint32_t length)
{
	return LINE_HEAD_BYTES + ((length + 3) & ~3u);
}

static uint32_t moved(uint32_t* ring, uint32_t offset, uint32_t bytes)
{
	offset += bytes;
	return offset < ring[SIZE] ? offset : offset - ring[SIZE];
}

/* The two words before a line: its length, and its place in the order of all lines. They may lie on both sides of the end. */
static uint32_t* lineWord(uint32_t* ring, uint32_t offset, uint32_t word)
{
	return ring + RING_WORDS + (moved(ring, offset, 4 * word) >> 2);
}

static void dropOldest(Writer* writer)
{
	uint32_t* ring = writer->ring;
	uint32_t bytes;
	if (ring[FIRST] == ring[COUNT] || (ring[FIRST] == ring[SENT] && ring[READ] > 0)) {
		writer->full = 1;
		return;
	}
	bytes = lineBytes(*lineWord(ring, ring[TAIL], 0));
	ring[TAIL] = moved(ring, ring[TAIL], bytes);
	ring[USED] -= bytes;
	if (ring[FIRST]++ == ring[SENT]) {
		ring[SENT]++;
		ring[SENT_AT] = ring[TAIL];
		ring[DROPPED]++;
	}
	writer->room += bytes;
}

static void put(Writer* writer, uint8_t byte)
{
	while (writer->room <= 0 && !writer->full)
		dropOldest(writer);
	if (writer->full || writer->length == LINE_BYTES_MAX) return;
	writer->bytes[writer->at++] = byte;
	if (writer->at == writer->ring[SIZE]) writer->at = 0;
	writer->length++;
	writer->room--;
}

static void putText(Writer* writer, const char* text)
{
	while (*text)
		put(writer, *text++);
}

static void putNumber(Writer* writer, double value)
{
	char digits[24];
	char* at = digits + sizeof(digits);
	int isNegative = value < 0;
	uint64_t whole = (uint64_t)((isNegative ? -value : value) + 0.5);
	uint32_t rest;
	*--at = 0;
	while (whole > UINT32_MAX) { /* a division of 64 bits is a function on the chip */
		*--at = '0' + whole % 10;
		whole /= 10;
	}
	rest = (uint32_t)whole;
	isNegative &= rest > 0;
	do {
		*--at = '0' + rest % 10;
		rest /= 10;
	} while (rest > 0);
	if (isNegative) *--at = '-';
	putText(writer, at);
}

/* The next code point of a string of XS, which is valid UTF-8; a surrogate may stand alone in it. */
static uint32_t codePoint(const uint8_t** text)
{
	const uint8_t* at = *text;
	uint32_t code = *at++;
	uint32_t more = code < 0x80 ? 0 : code < 0xe0 ? 1 : code < 0xf0 ? 2 : 3;
	if (more > 0) code &= 0x3f >> more;
	while (more-- > 0)
		code = code << 6 | (*at++ & 0x3f);
	*text = at;
	return code;
}

/* The escape of a unit of UTF-16 between JSON's quotes; returns its length. */
static int escape(uint32_t unit, uint8_t* into)
{
	static const char DIGITS[] = "0123456789abcdef";
	into[0] = '\\';
	into[1] = unit == '\n' ? 'n' : unit == '\r' ? 'r' : unit == '\t' ? 't' : unit;
	if (unit == '\n' || unit == '\r' || unit == '\t' || unit == '"' || unit == '\\') return 2;
	if (unit >= 0x20 && unit < 0x7f) {
		into[0] = unit;
		return 1;
	}
	into[1] = 'u';
	for (int i = 0; i < 4; i++)
		into[2 + i] = DIGITS[unit >> (12 - 4 * i) & 15];
	return 6;
}

/* As `quoted` of src/text/quoting.ts. */
static void putValue(Writer* writer, const char* text)
{
	const uint8_t* at = (const uint8_t*)text;
	uint32_t chars = 0, next = 0;
	uint8_t escaped[6];
	while (*at > 0x20 && *at < 0x7f && *at != '"' && *at != '\\')
		at++;
	if (*at == 0 && at - (const uint8_t*)text <= VALUE_CHARS_MAX && *text) {
		putText(writer, text);
		return;
	}
	put(writer, '"');
	at = (const uint8_t*)text;
	while (*at || next) {
		uint32_t unit = next ? next : codePoint(&at);
		uint32_t length;
		next = 0;
		if (unit > 0xffff) {
			next = 0xdc00 | (unit & 0x3ff);
			unit = 0xd800 | (unit - 0x10000) >> 10;
		}
		length = escape(unit, escaped);
		if (chars + length > VALUE_CHARS_MAX) {
			putText(writer, "...");
			break;
		}
		for (uint32_t i = 0; i < length; i++)
			put(writer, escaped[i]);
		chars += length;
	}
	put(writer, '"');
}

/* Writes a line into the ring, over the oldest ones. */
void writeLine(uint32_t* ring, uint32_t order, char* format,
	char* a, char* b, char* c, char* d, char* e, char* f, char* g,
	double n0, double n1, double n2, double n3, double n4, double n5, double n6, double n7, double n8, double n9, double n10, double n11)
{
	const char* strings[STRINGS] = { a, b, c, d, e, f, g };
	const double numbers[NUMBERS] = { n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11 };
	Writer writer = { ring, (uint8_t*)(ring + RING_WORDS), moved(ring, ring[HEAD], LINE_HEAD_BYTES), 0, 0, 0 };
	uint32_t bytes;
	writer.room = (int32_t)(ring[SIZE] - ring[USED]) - lineBytes(0) - 3;
	for (; *format; format++) {
		uint8_t code = *format;
		if (code == OPTIONAL) {
			code = *++format;
			if (code < FIRST_NUMBER ? *strings[code - 1] : numbers[code - FIRST_NUMBER] != 0) continue;
			while (*++format != code);
		}
		else if (code >= 0x20) put(&writer, code);
		else if (code < FIRST_NUMBER) putValue(&writer, strings[code - 1]);
		else putNumber(&writer, numbers[code - FIRST_NUMBER]);
	}
	while (writer.room < 0 && !writer.full)
		dropOldest(&writer);
	if (writer.full) {
		ring[DROPPED]++;
		return;
	}
	*lineWord(ring, ring[HEAD], 0) = writer.length;
	*lineWord(ring, ring[HEAD], 1) = order;
	bytes = lineBytes(writer.length);
	ring[HEAD] = moved(ring, ring[HEAD], bytes);
	ring[USED] += bytes;
	ring[COUNT]++;
}

/* The ring whose line is next: one that was begun, a notice, or the oldest. */
static uint32_t* nextRing(uint32_t* notice, uint32_t* board, uint32_t* requests)
{
	if (requests[READ] > 0) return requests;
	if (board[READ] > 0) return board;
	if (notice[SENT] != notice[COUNT]) return notice;
	if (board[SENT] == board[COUNT]) return requests[SENT] == requests[COUNT] ? 0 : requests;
	if (requests[SENT] == requests[COUNT]) return board;
	return *lineWord(board, board[SENT_AT], 1) < *lineWord(requests, requests[SENT_AT], 1) ? board : requests;
}

/* Copies the next bytes of the ring's next line, and CR LF behind its last, to `into`. Returns their number. */
static uint32_t readRing(uint32_t* ring, uint8_t* into, uint32_t bytesMax)
{
	const uint8_t* bytes = (const uint8_t*)(ring + RING_WORDS);
	uint32_t length = *lineWord(ring, ring[SENT_AT], 0);
	uint32_t from = ring[READ], count = 0;
	uint32_t source = moved(ring, moved(ring, ring[SENT_AT], LINE_HEAD_BYTES), from);
	for (; count < bytesMax && from < length; from++) {
		into[count++] = bytes[source];
		if (++source == ring[SIZE]) source = 0;
	}
	for (; count < bytesMax && from < length + 2; from++)
		into[count++] = from == length ? '\r' : '\n';
	ring[READ] = from;
	if (from == length + 2) {
		ring[READ] = 0;
		ring[SENT]++;
		ring[SENT_AT] = moved(ring, ring[SENT_AT], lineBytes(length));
	}
	return count;
}

/*
 * Copies the next bytes to `into`, from `at` on, of one line or of as many as fit. Returns their number; with MID_LINE if the last line
 * is not complete; with NEWS, and without having read on, if a line may begin and there are dropped ones that no notice has counted.
 */
uint32_t readLines(uint32_t* notice, uint32_t* board, uint32_t* requests, uint8_t* into, uint32_t at, uint32_t bytesMax, uint32_t flags)
{
	uint32_t count = 0;
	while (count < bytesMax) {
		uint32_t* ring = nextRing(notice, board, requests);
		if (flags & TELL_NEWS && !(ring && ring[READ] > 0) && (board[DROPPED] != board[NOTICED] || requests[DROPPED] != requests[NOTICED]))
			return count | NEWS;
		if (!ring) break;
		count += readRing(ring, into + at + count, bytesMax - count);
		if (ring[READ] > 0) return count | MID_LINE;
		if (flags & ONE_LINE) break;
	}
	return count;
}
