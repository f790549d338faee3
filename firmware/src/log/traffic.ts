/** Final HTTP responses by status class; 1xx is the switch to another protocol (101). */
export type Answers = ReturnType<typeof noAnswers>;

/** Traffic since the start, as the log lines count it. */
export type Traffic = ReturnType<typeof noTraffic>;

export function noAnswers() {
  return { answers1xx: 0, answers2xx: 0, answers3xx: 0, answers4xx: 0, answers5xx: 0 };
}

export function noTraffic() {
  return {
    ...noAnswers(),
    /** Bytes from clients and to clients, including heads. */
    bytesIn: 0,
    bytesOut: 0,
    /** Times that a request was sent again, to another backend or the same. */
    retries: 0,
    /** TLS connections whose hello had a route. */
    tlsSessions: 0,
  };
}

/** Counts a final response. */
export function countAnswer(answers: Answers, status: number): void {
  if (status < 200) answers.answers1xx++;
  else if (status < 300) answers.answers2xx++;
  else if (status < 400) answers.answers3xx++;
  else if (status < 500) answers.answers4xx++;
  else answers.answers5xx++;
}
