// Syntax of incoming trace headers: traceparent and tracestate (W3C Trace Context level 1 and 2), b3 and X-B3-* (B3).
// Pure and strict: a value is either what its specification allows or null. What follows from it is trace-context.ts's.

/** Which B3 headers a request carried. */
export type B3Format = "none" | "single" | "multi" | "both";

export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  readonly randomFlag: boolean;
}

export interface B3Context {
  /** Widened to 32 digits; "" when only a decision was sent. */
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined: the sender left the decision to us. */
  readonly sampled: boolean | undefined;
  readonly debug: boolean;
  readonly shortTraceId: boolean;
}

const zeroTraceId = "0".repeat(32);
const zeroSpanId = "0".repeat(16);
const hyphen = 0x2d;

/**
 * Reads a traceparent (W3C Trace Context 3.2, 4.3). A version above 00 is read as 00 as far as that goes, and may only
 * continue after a hyphen. Repeated headers, joined by a comma, do not parse.
 */
export function parseTraceParent(value: string): TraceParent | null {
  if (
    value.length < 55 ||
    value.charCodeAt(2) !== hyphen ||
    value.charCodeAt(35) !== hyphen ||
    value.charCodeAt(52) !== hyphen ||
    !isLowerHex(value, 0, 2) ||
    !isLowerHex(value, 3, 35) ||
    !isLowerHex(value, 36, 52) ||
    !isLowerHex(value, 53, 55) ||
    value.startsWith("ff")
  ) {
    return null;
  }
  if (value.length > 55 && (value.startsWith("00") || value.charCodeAt(55) !== hyphen)) {
    return null;
  }
  const traceId = value.slice(3, 35);
  const spanId = value.slice(36, 52);
  if (traceId === zeroTraceId || spanId === zeroSpanId) {
    return null;
  }
  const flags = hexDigit(value.charCodeAt(54));
  return { traceId, spanId, sampled: (flags & 1) === 1, randomFlag: (flags & 2) === 2 };
}

const traceStateKey = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/;
const traceStateValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const maxTraceStateMembers = 32;

/** Whether a tracestate may be passed on: at most 32 members of the form key=value (level 2, 3.3.1); empty ones are allowed. */
export function isTraceState(value: string): boolean {
  const keys = new Set<string>();
  for (const part of value.split(",")) {
    const member = part.replace(/^[ \t]+|[ \t]+$/g, "");
    if (member === "") {
      continue;
    }
    const equals = member.indexOf("=");
    const key = member.slice(0, Math.max(equals, 0));
    if (keys.has(key) || !traceStateKey.test(key) || !traceStateValue.test(member.slice(equals + 1))) {
      return false;
    }
    keys.add(key);
  }
  return keys.size > 0 && keys.size <= maxTraceStateMembers;
}

const b3Single = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/;

/** Reads a b3 header: ids with an optional decision, or a decision alone. */
export function parseB3Single(value: string): B3Context | null {
  if (value === "0" || value === "1" || value === "d") {
    return decisionOnly(value !== "0", value === "d");
  }
  const match = b3Single.exec(value);
  if (match === null) {
    return null;
  }
  const [, traceId = "", spanId = "", decision] = match;
  return context(traceId, spanId, decision === undefined ? undefined : decision !== "0", decision === "d");
}

/** Reads the X-B3-* headers: both ids with an optional decision, or a decision alone. Old senders write true and false. */
export function parseB3Multi(
  traceId: string | undefined,
  spanId: string | undefined,
  sampled: string | undefined,
  flags: string | undefined,
): B3Context | null {
  const debug = flags === "1";
  const decision = debug ? true : parseSampled(sampled);
  if (traceId === undefined || spanId === undefined) {
    return decision === undefined ? null : decisionOnly(decision, debug);
  }
  const wellFormed =
    (traceId.length === 16 || traceId.length === 32) &&
    spanId.length === 16 &&
    isLowerHex(traceId, 0, traceId.length) &&
    isLowerHex(spanId, 0, 16);
  return wellFormed ? context(traceId, spanId, decision, debug) : null;
}

function context(traceId: string, spanId: string, sampled: boolean | undefined, debug: boolean): B3Context | null {
  const shortTraceId = traceId.length === 16;
  const wide = shortTraceId ? zeroSpanId + traceId : traceId;
  return wide === zeroTraceId || spanId === zeroSpanId ? null : { traceId: wide, spanId, sampled, debug, shortTraceId };
}

function parseSampled(value: string | undefined): boolean | undefined {
  if (value === "1" || value === "true") {
    return true;
  }
  return value === "0" || value === "false" ? false : undefined;
}

function decisionOnly(sampled: boolean, debug: boolean): B3Context {
  return { traceId: "", spanId: "", sampled, debug, shortTraceId: false };
}

function isLowerHex(value: string, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const code = value.charCodeAt(index);
    if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66))) {
      return false;
    }
  }
  return true;
}

function hexDigit(code: number): number {
  return code <= 0x39 ? code - 0x30 : code - 0x57;
}
