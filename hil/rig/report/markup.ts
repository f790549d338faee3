import { visible } from "./summary.ts";

/** Text that may stand in a page as it is. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may be put into a page; nothing at all where it is `undefined`. */
export type Insert = Markup | string | number | undefined | readonly Insert[];

/**
 * HTML or XML from a template. Whatever is put in is text and can break nothing, whoever wrote it; only
 * what this function made itself is markup.
 */
export function markup(parts: TemplateStringsArray, ...inserts: readonly Insert[]): Markup {
  const filled = parts.map((part, i) => part + (i < inserts.length ? written(inserts[i]) : ""));
  return new Markup(filled.join(""));
}

function written(insert: Insert): string {
  if (insert === undefined) return "";
  if (insert instanceof Markup) return insert.text;
  if (typeof insert === "object") return insert.map(written).join("");
  return escaped(String(insert));
}

function escaped(text: string): string {
  return visible(text)
    .replace(/[\p{Surrogate}\ufffe\uffff]/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A script's data: no text in it ends the script. */
export function scriptData(value: unknown): Markup {
  return new Markup(JSON.stringify(value).replaceAll("<", "\\u003c"));
}
