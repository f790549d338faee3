/** Methods that may begin a request (RFC 9110 section 9, RFC 5789), each with its blank. */
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

const CR = 13;
const LF = 10;

/**
 * What a client that begins with these bytes speaks; `undefined` while they are the beginning of a
 * method and no more. One empty line may stand before a request.
 */
export function sniff(bytes: Uint8Array): "http" | "tcp" | undefined {
  let start = 0;
  if (bytes[0] === CR) {
    if (bytes.byteLength > 1 && bytes[1] !== LF) return "tcp";
    start = 2;
  }
  let open = false;
  for (const method of METHODS) {
    const count = Math.min(method.length, bytes.byteLength - start);
    let i = 0;
    while (i < count && bytes[start + i] === method.charCodeAt(i)) i++;
    if (i < count) continue;
    if (i === method.length) return "http";
    open = true;
  }
  return open ? undefined : "tcp";
}
