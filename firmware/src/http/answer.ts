/** Statuses that the proxy answers by itself, and what a person can do about each. */
const ANSWERS = {
  502: { reason: "Bad Gateway", advice: "No backend took the connection. Are they running?" },
  503: { reason: "Service Unavailable", advice: "Every slot is taken. Try again in a moment." },
} as const;

export type AnswerStatus = keyof typeof ANSWERS;

/** Seconds after which a client that met a full proxy may try again. */
const RETRY_AFTER_S = 1;

/** A whole reply, small enough for any send buffer, that ends the connection. */
export function answer(status: AnswerStatus): Uint8Array {
  const { reason, advice } = ANSWERS[status];
  const body = `${status} ${reason}\n${advice}\n`;
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    "Content-Type: text/plain",
    `Content-Length: ${body.length}`,
    "Cache-Control: no-store",
    ...(status === 503 ? [`Retry-After: ${RETRY_AFTER_S}`] : []),
    "Connection: close",
  ];
  return ascii(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
