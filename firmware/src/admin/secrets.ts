/** Shown instead of a secret; in a document that is put back it means "unchanged". */
export const SECRET = "********";

interface WithSecrets {
  readonly stickyKey?: unknown;
  readonly setAtRunTime?: unknown;
}

export function withoutSecrets(document: WithSecrets): object {
  return "stickyKey" in document ? { ...document, stickyKey: SECRET } : document;
}

/** Undoes what reading the document in force has changed: restores its secrets, and removes `setAtRunTime`. */
export function withSecrets(given: WithSecrets, inForce: WithSecrets): object {
  const { setAtRunTime, ...document } = given;
  return document.stickyKey === SECRET ? { ...document, stickyKey: inForce.stickyKey } : document;
}
