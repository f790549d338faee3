/** Final HTTP responses by status class; 1xx is the switch to another protocol (101). */
export interface Answers {
  answers1xx: number;
  answers2xx: number;
  answers3xx: number;
  answers4xx: number;
  answers5xx: number;
}

/** Traffic since the start, as the log lines count it. */
export interface Traffic extends Answers {
  /** Bytes from clients and to clients, including heads. */
  bytesIn: number;
  bytesOut: number;
  /** Times that a request was sent again, to another backend or the same. */
  retries: number;
}

const NO_ANSWERS: Readonly<Answers> = Object.freeze({
  answers1xx: 0,
  answers2xx: 0,
  answers3xx: 0,
  answers4xx: 0,
  answers5xx: 0,
});

export function noAnswers(): Answers {
  return { ...NO_ANSWERS };
}

export function noTraffic(): Traffic {
  return { ...NO_ANSWERS, bytesIn: 0, bytesOut: 0, retries: 0 };
}

/** Counts a final response. */
export function countAnswer(answers: Answers, status: number): void {
  if (status < 200) answers.answers1xx++;
  else if (status < 300) answers.answers2xx++;
  else if (status < 400) answers.answers3xx++;
  else if (status < 500) answers.answers4xx++;
  else answers.answers5xx++;
}
