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

/**
 * What a client that begins with these bytes speaks; `undefined` while they are the beginning of a
 * method and no more.
 */
export function sniff(bytes: Uint8Array): "http" | "tcp" | undefined {
  let open = false;
  for (const method of METHODS) {
    const count = Math.min(method.length, bytes.byteLength);
    let i = 0;
    while (i < count && bytes[i] === method.charCodeAt(i)) i++;
    if (i < count) continue;
    if (i === method.length) return "http";
    open = true;
  }
  return open ? undefined : "tcp";
}
