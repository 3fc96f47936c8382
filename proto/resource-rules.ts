// Rules that both sides keep: the control plane refuses the route of what breaks them, the agent the resource. Pure.

/** RFC 9110 section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 section 5.5, and text beyond ASCII, which is written as UTF-8. No other control characters. */
const fieldValue = /^[\t\x20-\x7e\x80-\u{10ffff}]*$/u;

/**
 * A bound on one compiled regular expression, in RE2 instructions: time is linear in the input, but with this as its
 * factor. Half of it takes 0.1 s for the worst 8 kB that a client can send; a UUID takes 40.
 */
export const maxRegularExpressionSize = 500;

interface ModifierHeader {
  readonly name: string;
  readonly value: string;
}

interface Modifier {
  readonly set: readonly ModifierHeader[];
  readonly add: readonly ModifierHeader[];
  readonly remove: readonly string[];
}

/** They frame the message or belong to one connection: a filter that touched them would break or smuggle requests. */
const reservedHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export function headerNameFault(name: string): string | null {
  return token.test(name) ? null : `header name ${quote(name)} is not a token`;
}

/** Every fault of a modifier. Host may be set but neither added nor removed: a request has exactly one. */
export function headerModifierFaults(modifier: Modifier | null): readonly string[] {
  if (modifier === null) return [];
  const faults: string[] = [];
  const check = (name: string, isSet: boolean): void => {
    const lowerCaseName = name.toLowerCase();
    const fault = headerNameFault(name);
    if (fault !== null) faults.push(fault);
    else if (reservedHeaders.has(lowerCaseName)) faults.push(`header ${quote(name)} may not be modified`);
    else if (lowerCaseName === "host" && !isSet) faults.push(`header ${quote(name)} may only be set`);
  };
  const checkHeader = (header: ModifierHeader, isSet: boolean): void => {
    check(header.name, isSet);
    if (!fieldValue.test(header.value)) {
      faults.push(`value ${quote(header.value)} of header ${quote(header.name)} contains control characters`);
    }
  };
  for (const header of modifier.set) checkHeader(header, true);
  for (const header of modifier.add) checkHeader(header, false);
  for (const name of modifier.remove) check(name, false);
  return faults;
}

/** Whether a text is a token (RFC 9110 section 5.6.2), as methods and header names are. */
export function isToken(text: string): boolean {
  return token.test(text);
}

/** Quoted and escaped, cut to a length that fits a log line. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}...` : value);
}
