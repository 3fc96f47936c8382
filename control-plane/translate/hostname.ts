// Hostnames of listeners and routes: intersection and order of specificity, per the Gateway API (Listener.hostname,
// HTTPRoute.spec.hostnames). "" stands for no hostname: every host. A request's host is the agent's business.

/** A hostname as translation keeps it: lower case, "" for none. */
export function normalizeHostname(hostname: string | undefined): string {
  return hostname === undefined ? "" : hostname.toLowerCase();
}

/**
 * The hosts covered by both, or null when there are none. "*.x" covers one or more labels left of x, never x itself;
 * of two overlapping wildcards the more specific one is the intersection.
 */
export function intersectHostnames(left: string, right: string): string | null {
  if (left === "" || left === right) return right;
  if (right === "") return left;
  const leftWildcard = left.startsWith("*.");
  const rightWildcard = right.startsWith("*.");
  if (!leftWildcard && !rightWildcard) return null;
  if (leftWildcard && right.endsWith(left.slice(1)) && right.length >= left.length) return right;
  if (rightWildcard && left.endsWith(right.slice(1)) && left.length >= right.length) return left;
  return null;
}

/**
 * The hostnames of a route that reach a listener, without repetition, sorted; empty when route and listener share none.
 * A route without hostnames takes the listener's.
 */
export function effectiveHostnames(listener: string, route: readonly string[]): readonly string[] {
  if (route.length === 0) return [listener];
  const found = new Set<string>();
  for (const hostname of route) {
    const shared = intersectHostnames(listener, normalizeHostname(hostname));
    if (shared !== null) found.add(shared);
  }
  return [...found].sort();
}

/**
 * Most specific first: exact before wildcard before none, then more characters, then alphabetical so that the order
 * is total.
 */
export function compareHostnames(left: string, right: string): number {
  const rank = rankOf(left) - rankOf(right);
  if (rank !== 0) return rank;
  if (left.length !== right.length) return right.length - left.length;
  return left < right ? -1 : left > right ? 1 : 0;
}

function rankOf(hostname: string): number {
  if (hostname === "") return 2;
  return hostname.startsWith("*.") ? 1 : 0;
}
