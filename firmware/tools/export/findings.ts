/** A difference between an exported configuration and the board. */
export interface Finding {
  /** The key of the document. */
  readonly key: string;
  /** The difference and its reason: a clause without the key. */
  readonly text: string;
  /** Something that the document asks for is left out; otherwise only a default of the board is, or a detail is different. */
  readonly isLoss: boolean;
}

/** Collects the findings of one export, in the order in which the file mentions them. */
export class Findings {
  readonly all: Finding[] = [];
  #given: object;

  /** `given`: the document, for the difference between its keys and defaults. */
  constructor(given: object) {
    this.#given = given;
  }

  /** The document has this key of its first level. */
  isGiven(key: string): boolean {
    return Object.hasOwn(this.#given, key);
  }

  /** The engine cannot do what `key` asks for. */
  loss(key: string, text: string): void {
    this.add({ key, text, isLoss: true });
  }

  /** The engine does it in another way, or cannot do what stands only by default. */
  note(key: string, text: string): void {
    this.add({ key, text, isLoss: false });
  }

  /** A loss if the document has `key`, which the engine cannot do; a note if it is a default. */
  lossIfGiven(key: string, text: string): void {
    this.add({ key, text, isLoss: this.isGiven(key) });
  }

  private add(finding: Finding): void {
    const isSame = ({ key, text }: Finding) => key === finding.key && text === finding.text;
    if (!this.all.some(isSame)) this.all.push(finding);
  }
}
