/** Methods that may begin a request (RFC 9110 section 9, RFC 5789), each with its space. */
const METHODS = [
  "GET ",
  "HEAD ",
  "POST ",
  "PUT ",
  "DELETE ",
  "OPTIONS ",
  "PATCH ",
  "CONNECT ",
  "TRACE ",
];

/**
 * Does a client that begins with these bytes speak HTTP? Bytes that are too few to tell count as
 * HTTP when they could become it: a browser gets its answer, a raw client a harmless line.
 */
export function speaksHttp(bytes: Uint8Array): boolean {
  if (bytes.byteLength === 0) return false;
  return METHODS.some(method => {
    const count = Math.min(method.length, bytes.byteLength);
    for (let i = 0; i < count; i++) {
      if (bytes[i] !== method.charCodeAt(i)) return false;
    }
    return true;
  });
}
