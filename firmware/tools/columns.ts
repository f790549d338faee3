/** Width of help texts and tables, in characters. */
const COLUMNS = 100;

/** Two columns, the second one wrapped. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows
    .flatMap(([left, right]) =>
      wrapped(right, COLUMNS - width - 4).map(
        (line, i) => `  ${(i === 0 ? left : "").padEnd(width)}  ${line}`,
      ),
    )
    .join("\n");
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
