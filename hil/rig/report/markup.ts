import { visible } from "./summary.ts";

/** Text that is inserted into a page unescaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The values that can be inserted into a page; `undefined` inserts nothing. */
export type Insert = Markup | string | number | undefined | readonly Insert[];

/**
 * HTML or XML from a template. Inserted texts are escaped; only results of this function are inserted as
 * markup.
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

/** JSON for a script element: no text in it can end the element. */
export function scriptData(value: unknown): Markup {
  return new Markup(JSON.stringify(value).replaceAll("<", "\\u003c"));
}
