// What a ServiceAccount token says of itself (a JWT, RFC 7519), read without trusting it: only to refuse at once, and
// with the right words, what the API server would refuse, and to know when a token that it accepted expires. Pure.
import type { AuthenticationFailure } from "./authenticate.ts";

export type ClaimsResult =
  | { readonly ok: true; readonly expiresAtMs: number }
  | { readonly ok: false; readonly failure: AuthenticationFailure; readonly reason: string };

/** How far the clocks of this machine and of the API server may be apart. */
const clockSkewMs = 60_000;
const maxListed = 5;

/** The claims that decide here, or why the token cannot be good. The token itself is in no message. */
export function readClaims(token: string, audience: string, nowMs: number): ClaimsResult {
  const claims = payload(token);
  if (claims === null) {
    return { ok: false, failure: "malformed token", reason: "the token is no ServiceAccount token (a JWT)" };
  }
  const { aud, exp } = claims;
  const audiences = (Array.isArray(aud) ? aud : [aud]).filter((value) => typeof value === "string");
  if (!audiences.includes(audience)) {
    const said = JSON.stringify(audiences.slice(0, maxListed).map((value) => value.slice(0, 128)));
    const reason = `the token is for audience ${said}, not for "${audience}"`;
    return { ok: false, failure: "wrong audience", reason };
  }
  if (typeof exp !== "number" || !Number.isFinite(exp) || Math.abs(exp) > 1e11) {
    return { ok: false, failure: "malformed token", reason: "the token says no time of expiry" };
  }
  const expiresAtMs = exp * 1000;
  if (expiresAtMs + clockSkewMs <= nowMs) {
    const reason = `the token expired at ${new Date(expiresAtMs).toISOString()}`;
    return { ok: false, failure: "expired token", reason };
  }
  return { ok: true, expiresAtMs };
}

function payload(token: string): { readonly aud?: unknown; readonly exp?: unknown } | null {
  const parts = token.split(".");
  if (parts.length !== 3 || parts.some((part) => !/^[A-Za-z0-9_-]+$/.test(part))) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null && !Array.isArray(claims) ? claims : null;
  } catch {
    return null;
  }
}
