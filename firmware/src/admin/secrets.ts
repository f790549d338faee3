/** Shown instead of a secret; in a document that is put back it means "unchanged". */
export const SECRET = "********";

interface WithSecrets {
  readonly stickyKey?: unknown;
}

export function withoutSecrets(document: WithSecrets): object {
  return "stickyKey" in document ? { ...document, stickyKey: SECRET } : document;
}

/** Restores the secrets of `document` that were not changed from the document in force. */
export function withSecrets(document: WithSecrets, inForce: WithSecrets): object {
  return document.stickyKey === SECRET ? { ...document, stickyKey: inForce.stickyKey } : document;
}
