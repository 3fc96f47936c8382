// One thing that `heddle lint` has to say about an object, and what to do about it.

export interface Finding {
  /** "info" is worth knowing and fails nothing. */
  readonly severity: "error" | "warning" | "info";
  /** "HTTPRoute task-api/task-api-canary rule 0", or "file:line:column". */
  readonly where: string;
  readonly what: string;
  /** What to do about it; "" for information. */
  readonly advice: string;
}

/** Keeps findings about objects of one namespace, and those about no object. */
export function isAbout(namespace: string): (finding: Finding) => boolean {
  return ({ where }) => {
    const [, found] = /^[A-Z]\w+ ([^/\s]+)\//.exec(where) ?? [];
    return found === undefined || found === namespace;
  };
}
