/**
 * The words of 16 bits in which a parsed head is described, for `readHead` in C (native/head.h has the same list) and
 * in TypeScript, and for what reads them. All positions are in the head's bytes; ends are exclusive. No head is longer
 * than 16,384 bytes.
 *
 * First, for each name of `NAMES`, where its fields are among the known fields: 0 for none, else 1 + index of the first
 * and, in the upper byte, 1 + index of the last.
 */
export const ORDINAL = 0xff;
export const ORDINAL_BITS = 8;

/** The number of known fields. */
export const COUNT = 32;
/** Complete lines, including the first line, without the empty one. */
export const LINES = 33;
/** Members of all lists. */
export const MEMBERS = 34;
/** Where the line begins that is not complete. */
export const PARSED = 35;
/** Where the first line begins: empty lines may precede a request. */
export const START = 36;
/** A request's method: its index in `METHODS`, 0 for any other. */
export const METHOD = 37;
export const TARGET_START = 38;
export const TARGET_END = 39;
/** Where the bytes of the target end that can be read in one way only, and its query begins if there is one. */
export const PATH_END = 40;
/** A response's status. */
export const STATUS = 41;
/** The minor version, 0 or 1. */
export const MINOR = 42;
/** Where the second line begins. */
export const FIELDS_START = 43;
/** Facts about the form of some parts, as bits. */
export const FORM = 44;
/** The value of Content-Length, as `HAS_BODY_BYTES` says: its lower and upper 16 bits. */
export const BODY_LOW = 45;
export const BODY_HIGH = 46;

// The next three words are set before the first byte is read.
export const BYTES_MAX = 47;
export const LINES_MAX = 48;
export const IS_REQUEST = 49;

/** The known fields, one behind the other, `RECORD_LENGTH` words each: */
export const RECORDS = 50;
export const NAME = RECORDS;
export const LINE_START = RECORDS + 1;
export const LINE_END = RECORDS + 2;
export const VALUE_START = RECORDS + 3;
export const VALUE_END = RECORDS + 4;
export const RECORD_LENGTH = 5;

/** Most known fields; requests of browsers have about five. The others take only their own bytes. */
export const KNOWN_FIELDS_MAX = 32;

export const WORDS = RECORDS + KNOWN_FIELDS_MAX * RECORD_LENGTH;

/** A bit of `FORM`: the first line says exactly HTTP/1.1. */
export const IS_HTTP_1_1 = 1;
/**
 * The target begins with a slash, up to `PATH_END` no segment is empty or begins with a dot, and there it ends or its query
 * begins.
 */
export const HAS_NORMAL_PATH = 2;
/** The only Host is a name or an IPv4 address, with or without a port, and not too long. */
export const HAS_PLAIN_HOST = 4;
/** Connection lists these options; or others, which may be names of fields. */
export const HAS_CLOSE = 8;
export const HAS_KEEP_ALIVE = 16;
export const HAS_UPGRADE = 32;
export const HAS_OTHER_OPTION = 64;
/** The only Content-Length has one to nine digits. */
export const HAS_BODY_BYTES = 128;

/** The methods with a number of their own. */
export const METHODS: readonly string[] = Object.freeze([
  "", // any other
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "OPTIONS",
  "PATCH",
  "CONNECT",
  "TRACE",
]);

/** Where the outcome begins in the result of `readHead`, in bits; below are the bytes of the head so far. */
export const OUTCOME_BITS = 16;
export const LENGTH = 0xffff;

/** An outcome: more bytes are needed. */
export const GOES_ON = 0;
/** An outcome: the head is complete. Any other is the status of an error. */
export const COMPLETE = 1;
