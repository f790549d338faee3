#include <stdbool.h>
#include <string.h>
#include "head.h"

/*
 * `readHead` of src/http1/head-reader.ts as machine code, for the chip and for every engine that is built with it. The two have the
 * same functions in the same order.
 *
 * Each line is looked at twice: memchr finds its end, so that all else is bounded by it, then a byte takes a step in a table, and
 * those of values are looked at by words. Instructions for the heads of the budget's GET (27 and 40 bytes), 300 and 2,048 bytes, and for 790
 * bytes of a browser (callgrind, x86-64, -O2, and in 32 bits, -Os, as on the chip):
 *
 * table alone, bounded by positions   709  831  3,461  20,604  7,948    1,045  1,237  4,769  28,156  10,974
 * table alone, bounded by the CR      658  726  2,648  14,489  6,170      994  1,131  3,925  22,039   9,176
 * and values by words (this)          685  854  2,370  12,834  6,340      954  1,200  3,391  18,790   8,857
 */

enum { LF = 10, CR = 13, MEMBERS_MAX = 32, EMPTY_LINES_MAX = 4, HOST_BYTES_MAX = 260, PORT_DIGITS_MAX = 5, BODY_DIGITS_MAX = 9 };

/* The parts of a head that may contain a byte (src/http1/grammar.ts), as bits. */
enum { TOKEN = 1, VALUE = 2, TARGET = 4, PLAIN_PATH = 8, HOST_NAME = 16 };

static const uint8_t CLASSES[256] = {
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x1f, 0x0e, 0x03, 0x1f, 0x07, 0x1f, 0x1f, 0x1e, 0x1e, 0x1f, 0x1f, 0x1e, 0x1f, 0x1f, 0x0e,
	0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x0e, 0x16, 0x0e, 0x1e, 0x0e, 0x06,
	0x0e, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f,
	0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x0e, 0x06, 0x0e, 0x0f, 0x1f,
	0x0f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f,
	0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x0e, 0x0f, 0x0e, 0x1f, 0x00,
	[0x80 ... 0xff] = VALUE | TARGET | PLAIN_PATH,
};

/* The numbers of names: their order is that of src/http1/field-names.ts. */
enum {
	OTHER, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
	HTTP2_SETTINGS, TE, TRAILER, UPGRADE, X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST, FORWARDED, X_FORWARDED, X_REAL_IP,
	X_CLIENT_IP, X_CLUSTER_CLIENT_IP, TRUE_CLIENT_IP, CF_CONNECTING_IP, X_ORIGINAL_URL, X_REWRITE_URL, REMOTE_USER, X_REMOTE_USER,
	ACCEPT, COOKIE, EXPECT, HOST, VIA, X_REQUEST_ID, NAMES
};

static const char* const NAME_TEXTS[NAMES] = {
	"", "connection", "content-length", "transfer-encoding", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
	"http2-settings", "te", "trailer", "upgrade", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-forwarded-", "x-real-ip",
	"x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip", "x-original-url", "x-rewrite-url", "remote-user", "x-remote-user",
	"accept", "cookie", "expect", "host", "via", "x-request-id",
};

/* The names of each length, which alone distinguishes most fields. */
static const uint8_t NAMES_BY_LENGTH[][5] = {
	[2] = { TE }, [3] = { VIA }, [4] = { HOST }, [6] = { ACCEPT, COOKIE, EXPECT }, [7] = { TRAILER, UPGRADE },
	[9] = { FORWARDED, X_REAL_IP }, [10] = { CONNECTION, KEEP_ALIVE }, [11] = { X_CLIENT_IP, REMOTE_USER },
	[12] = { X_REQUEST_ID, X_FORWARDED }, [13] = { X_REWRITE_URL, X_REMOTE_USER },
	[14] = { CONTENT_LENGTH, HTTP2_SETTINGS, TRUE_CLIENT_IP, X_ORIGINAL_URL }, [15] = { X_FORWARDED_FOR },
	[16] = { PROXY_CONNECTION, X_FORWARDED_HOST, CF_CONNECTING_IP }, [17] = { TRANSFER_ENCODING, X_FORWARDED_PROTO },
	[18] = { PROXY_AUTHENTICATE }, [19] = { PROXY_AUTHORIZATION, X_CLUSTER_CLIENT_IP },
};
enum { LENGTHS = sizeof(NAMES_BY_LENGTH) / sizeof(NAMES_BY_LENGTH[0]), X_FORWARDED_BYTES = 12 };

static const char* const METHODS[] = { "", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE" };
enum { METHOD_COUNT = sizeof(METHODS) / sizeof(METHODS[0]) };

/* The functions below get lines whose CR stands at `end`. It is in no class, so it ends every run of bytes of one. */

static uint32_t span(const uint8_t* bytes, uint32_t at, uint8_t class)
{
	while (CLASSES[bytes[at]] & class) at++;
	return at;
}

/* As many bytes as a register has: 4 on the chip. */
typedef unsigned long __attribute__((may_alias)) Word;
enum { WORD_BYTES = sizeof(Word) };

/* A word of which each byte is this one. */
#define EACH(byte) ((Word)-1 / 0xff * (byte))

/* Has it a byte that no value may have? Bytes above ASCII and tabs are suspected, too. */
static bool isSuspect(Word word)
{
	return ((word - EACH(' ')) | (word + EACH(1))) & EACH(0x80);
}

/* `span` for VALUE, a word at a time: most bytes of a head are those of values. Words are read within the line, where they are aligned. */
static uint32_t valueSpan(const uint8_t* bytes, uint32_t start, uint32_t end)
{
	const uint8_t* at = bytes + start;
	const uint8_t* const stop = bytes + end;
	for (;;) {
		do {
			if (!(CLASSES[*at] & VALUE)) return (uint32_t)(at - bytes);
			at++;
		} while ((uintptr_t)at % WORD_BYTES);
		while (stop - at >= WORD_BYTES && !isSuspect(*(const Word*)(const void*)at)) at += WORD_BYTES;
	}
}

static bool isBlank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

static bool isDigit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* Is this a name in any letter case, with `_` for `-`? Of the bytes of TOKEN and VALUE only letters become others of a name with that bit. */
static bool spells(const char* name, const uint8_t* bytes, bool* isUnderscored)
{
	bool found = false;
	for (; *name; name++, bytes++) {
		if ((*bytes | 0x20) == *name) continue;
		if (*name != '-' || *bytes != '_') return false;
		found = true;
	}
	*isUnderscored = found;
	return true;
}

static uint8_t nameAt(const uint8_t* bytes, uint32_t length, bool* isUnderscored)
{
	if (length < LENGTHS) {
		const uint8_t* name = NAMES_BY_LENGTH[length];
		for (; *name; name++) {
			if (spells(NAME_TEXTS[*name], bytes, isUnderscored)) return *name;
		}
	}
	return length > X_FORWARDED_BYTES && spells(NAME_TEXTS[X_FORWARDED], bytes, isUnderscored) ? X_FORWARDED : OTHER;
}

static uint16_t methodAt(const uint8_t* bytes, uint32_t length)
{
	uint16_t method;
	for (method = 1; method < METHOD_COUNT; method++) {
		if (METHODS[method][0] == bytes[0] && strlen(METHODS[method]) == length && !memcmp(METHODS[method], bytes, length)) return method;
	}
	return 0;
}

static bool isPlainHost(const uint8_t* bytes, uint32_t start, uint32_t end)
{
	uint32_t at = start;
	if (end - start > HOST_BYTES_MAX) return false;
	for (; at < end && CLASSES[bytes[at]] & HOST_NAME; at++) {
		if (bytes[at] == '.' && at + 1 < end && bytes[at + 1] == '.') return false;
	}
	if (at == end) return true;
	if (bytes[at] != ':' || at == start || end - at - 1 > PORT_DIGITS_MAX) return false;
	while (++at < end) {
		if (!isDigit(bytes[at])) return false;
	}
	return true;
}

/* The only Content-Length, if it has few digits: others need a closer look. */
static void readBodyBytes(const uint8_t* bytes, uint32_t start, uint32_t end, uint16_t* words)
{
	uint32_t number = 0, at = start;
	while (at < end && isDigit(bytes[at]) && at - start < BODY_DIGITS_MAX) number = number * 10 + (bytes[at++] - '0');
	if (at == start || at < end || words[CONTENT_LENGTH] != 0) {
		words[HEAD_FORM] &= (uint16_t)~FORM_BODY_BYTES;
		return;
	}
	words[HEAD_FORM] |= FORM_BODY_BYTES;
	words[HEAD_BODY_LOW] = (uint16_t)number;
	words[HEAD_BODY_HIGH] = (uint16_t)(number >> 16);
}

/* Does String.prototype.trim take this byte of a value for a blank? A no-break space, too. */
static bool isTrimmed(uint8_t byte)
{
	return isBlank(byte) || byte == 0xa0;
}

/* A member of Connection, without blanks around it, as a bit; an empty one is none. */
static uint16_t optionOf(const uint8_t* bytes, uint32_t length)
{
	bool isUnderscored = false;
	if (length == 0) return 0;
	if (length == 5 && spells("close", bytes, &isUnderscored)) return FORM_CLOSE;
	if (length == 7 && spells("upgrade", bytes, &isUnderscored)) return FORM_UPGRADE;
	if (length == 10 && spells("keep-alive", bytes, &isUnderscored) && !isUnderscored) return FORM_KEEP_ALIVE;
	return FORM_OTHER_OPTION;
}

/* The members of a list are counted; those of Connection are looked at. */
static uint32_t readList(const uint8_t* bytes, uint32_t start, uint32_t end, uint8_t name, uint16_t* words)
{
	uint32_t members = words[HEAD_MEMBERS], at = start;
	for (;;) {
		uint32_t stop = at, last;
		while (stop < end && bytes[stop] != ',') stop++;
		for (last = stop; at < last && isTrimmed(bytes[at]); at++);
		while (last > at && isTrimmed(bytes[last - 1])) last--;
		if (name == CONNECTION) words[HEAD_FORM] |= optionOf(bytes + at, last - at);
		members++;
		if (stop == end) break;
		at = stop + 1;
	}
	words[HEAD_MEMBERS] = (uint16_t)members;
	return members > MEMBERS_MAX ? 431 : HEAD_GOES_ON;
}

/* The eight bytes at `bytes` are there. */
static uint32_t readVersion(const uint8_t* bytes, uint16_t* words)
{
	if (memcmp(bytes, "HTTP/", 5) || !isDigit(bytes[5]) || bytes[5] == '0' || bytes[6] != '.' || !isDigit(bytes[7])) return 400;
	if (bytes[5] != '1') return 505;
	if (bytes[7] == '0') words[HEAD_MINOR] = 0;
	if (bytes[7] == '1') words[HEAD_FORM] |= FORM_HTTP_1_1;
	return HEAD_GOES_ON;
}

static uint32_t readField(const uint8_t* bytes, uint32_t start, uint32_t end, uint16_t* words)
{
	uint32_t nameEnd = span(bytes, start, TOKEN);
	uint32_t valueStart = nameEnd + 1, valueEnd = end, field = words[HEAD_COUNT];
	uint16_t* record;
	bool isUnderscored = false;
	uint8_t name;
	if (nameEnd == start || bytes[nameEnd] != ':') return 400;
	if (valueSpan(bytes, valueStart, end) != end) return 400;
	name = nameAt(bytes + start, nameEnd - start, &isUnderscored);
	if (name == OTHER) return HEAD_GOES_ON;
	while (valueStart < valueEnd && isBlank(bytes[valueStart])) valueStart++;
	while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--;
	if (field >= HEAD_FIELDS_MAX) return 431;
	if (isUnderscored) name = OTHER;
	words[HEAD_COUNT] = (uint16_t)(field + 1);
	record = words + HEAD_RECORDS + field * FIELD_WORDS;
	record[FIELD_NAME] = name;
	record[FIELD_LINE_START] = (uint16_t)start;
	record[FIELD_LINE_END] = (uint16_t)(end + 2);
	record[FIELD_VALUE_START] = (uint16_t)valueStart;
	record[FIELD_VALUE_END] = (uint16_t)valueEnd;
	if (name == HOST) {
		if (words[name] == 0 && isPlainHost(bytes, valueStart, valueEnd)) words[HEAD_FORM] |= FORM_PLAIN_HOST;
		else words[HEAD_FORM] &= (uint16_t)~FORM_PLAIN_HOST;
	}
	if (name == CONTENT_LENGTH) readBodyBytes(bytes, valueStart, valueEnd, words);
	if (words[name] == 0) words[name] = (uint16_t)(field + 1);
	words[name] = (uint16_t)((words[name] & 0xff) | (field + 1) << 8);
	if (name != CONNECTION && name != UPGRADE) return HEAD_GOES_ON;
	return readList(bytes, valueStart, valueEnd, name, words);
}

static uint32_t readStatusLine(const uint8_t* bytes, uint32_t start, uint32_t end, uint16_t* words)
{
	const uint8_t* line = bytes + start;
	uint32_t status;
	if (end < start + 12 || line[8] != ' ') return 400;
	if (!isDigit(line[9]) || line[9] == '0' || !isDigit(line[10]) || !isDigit(line[11])) return 400;
	if (end > start + 12 && line[12] != ' ') return 400;
	if (valueSpan(bytes, start, end) != end) return 400;
	status = (line[9] - '0') * 100u + (line[10] - '0') * 10u + (line[11] - '0');
	words[HEAD_STATUS] = (uint16_t)status;
	return readVersion(line, words);
}

static uint32_t readRequestLine(const uint8_t* bytes, uint32_t start, uint32_t end, uint16_t* words)
{
	uint32_t methodEnd = span(bytes, start, TOKEN);
	uint32_t targetStart = methodEnd + 1, at, pathEnd, targetEnd;
	bool isNormal;
	if (methodEnd == start || bytes[methodEnd] != ' ') return 400;
	isNormal = bytes[targetStart] == '/';
	for (at = targetStart; CLASSES[bytes[at]] & PLAIN_PATH; at++) {
		if (bytes[at] == '/' && (bytes[at + 1] == '/' || bytes[at + 1] == '.')) isNormal = false;
	}
	pathEnd = at;
	targetEnd = span(bytes, pathEnd, TARGET);
	if (targetEnd == targetStart || end != targetEnd + 9 || bytes[targetEnd] != ' ') return 400;
	words[HEAD_METHOD] = methodAt(bytes + start, methodEnd - start);
	words[HEAD_TARGET_START] = (uint16_t)targetStart;
	words[HEAD_TARGET_END] = (uint16_t)targetEnd;
	words[HEAD_PATH_END] = (uint16_t)pathEnd;
	if (isNormal && (pathEnd == targetEnd || bytes[pathEnd] == '?')) words[HEAD_FORM] |= FORM_NORMAL_PATH;
	return readVersion(bytes + targetEnd + 1, words);
}

static bool isEmptyLine(const uint8_t* bytes, uint32_t start, uint32_t at)
{
	uint32_t lines = 0, i;
	if (start < at && bytes[start] != CR) return false;
	for (i = 0; i <= at; i++) {
		if (bytes[i] == LF) lines++;
	}
	return lines <= EMPTY_LINES_MAX;
}

/* The line that ends with the LF at `at`. */
static uint32_t readLine(const uint8_t* bytes, uint32_t at, uint16_t* words)
{
	uint32_t start = words[HEAD_PARSED], lines = words[HEAD_LINES];
	bool isRequest = words[HEAD_IS_REQUEST] != 0;
	words[HEAD_PARSED] = (uint16_t)(at + 1);
	if (start > at) return 400;
	if (lines == 0 && at <= start + 1 && isRequest && isEmptyLine(bytes, start, at)) {
		words[HEAD_START] = (uint16_t)(at + 1);
		return HEAD_GOES_ON;
	}
	if (at == start || bytes[at - 1] != CR) return 400; /* LF alone */
	if (at == start + 1) return lines > 0 ? HEAD_COMPLETE : 400;
	words[HEAD_LINES] = (uint16_t)(lines + 1);
	if (lines >= words[HEAD_LINES_MAX]) return 431;
	if (lines > 0) return readField(bytes, start, at - 1, words);
	words[HEAD_FIELDS_START] = (uint16_t)(at + 1);
	return isRequest ? readRequestLine(bytes, start, at - 1, words) : readStatusLine(bytes, start, at - 1, words);
}

uint32_t readHead(uint8_t* bytes, uint32_t from, uint32_t end, uint16_t* words)
{
	uint32_t length = end < words[HEAD_BYTES_MAX] ? end : words[HEAD_BYTES_MAX];
	uint32_t at = from, error;
	if (from == 0) {
		memset(words, 0, HEAD_BYTES_MAX * sizeof(*words));
		words[HEAD_MINOR] = 1;
	}
	while (at < length) {
		const uint8_t* lf = memchr(bytes + at, LF, length - at);
		uint32_t outcome;
		if (lf == NULL) break;
		at = (uint32_t)(lf - bytes);
		outcome = readLine(bytes, at, words);
		at++;
		if (outcome != HEAD_GOES_ON) return at | outcome << HEAD_OUTCOME_BITS;
	}
	if (length < words[HEAD_BYTES_MAX]) return length;
	error = words[HEAD_LINES] == 0 && words[HEAD_IS_REQUEST] ? 414 : 431;
	return length | error << HEAD_OUTCOME_BITS;
}
