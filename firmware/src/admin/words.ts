/** A word of a line, and where it stands with its quotes. */
export interface Word {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** The words of a line; text in double quotes is one word. */
export function wordsOf(line: string): Word[] {
  const words: Word[] = [];
  for (let at = 0; at < line.length; ) {
    const from = at;
    const quote = line[at] === '"' ? line.indexOf('"', at + 1) : -1;
    if (quote >= 0) {
      at = quote + 1;
      words.push({ text: line.slice(from + 1, quote), from, to: at });
    } else if (line[at] === " ") {
      at++;
    } else {
      at = line.indexOf(" ", from);
      if (at < 0) at = line.length;
      words.push({ text: line.slice(from, at), from, to: at });
    }
  }
  return words;
}
