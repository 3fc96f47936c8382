// Who an agent is, before it is listened to: the contract of an authenticator, and how a stream's token is found. Which
// tokens are good is the authenticator's (token-authenticator.ts on a cluster); what the identity may do, admission.ts's.
// A token never stands in a message.
import { status, type Metadata } from "@grpc/grpc-js";
import type { Refusal } from "./authorize.ts";

/** Whom a token was made for. */
export interface Identity {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
  /** When the token expires, milliseconds since 1970; null when that is not known. */
  readonly expiresAtMs: number | null;
}

/** Values of the "reason" label of the metric that counts refusals. */
export const authenticationFailures = [
  "missing token",
  "malformed token",
  "expired token",
  "wrong audience",
  "rejected token",
  "not a pod",
  "other pod",
  "other gateway",
  "not verified",
] as const;

export type AuthenticationFailure = (typeof authenticationFailures)[number];

export type Authentication =
  | ({ readonly ok: true } & Identity)
  /** "not verified": the token could not be checked now, and may be good. Anything else: it is not good. */
  | { readonly ok: false; readonly failure: AuthenticationFailure; readonly reason: string };

/** Says whose `token` is; never throws. `peer` is the address that it came from, for logs. */
export type Authenticate = (token: string, peer: string) => Promise<Authentication>;

const maxTokenLength = 16 * 1024;

/** The bearer token of a stream (RFC 6750 section 2.1), or why there is none. */
export function bearerToken(metadata: Metadata): { readonly token: string } | Extract<Authentication, { ok: false }> {
  const values = metadata.get("authorization");
  const [value] = values;
  if (values.length !== 1 || typeof value !== "string") {
    const reason = "no token: this control plane asks for a ServiceAccount token (authorization: Bearer)";
    return { ok: false, failure: "missing token", reason };
  }
  const token = /^bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(value)?.[1];
  if (token === undefined || token.length > maxTokenLength) {
    return { ok: false, failure: "malformed token", reason: "the authorization metadata holds no bearer token" };
  }
  return { token };
}

/** The status that an agent gets which was not authenticated. */
export function refusalOf({ failure, reason }: Extract<Authentication, { ok: false }>): Refusal {
  return { code: failure === "not verified" ? status.UNAVAILABLE : status.UNAUTHENTICATED, details: reason, failure };
}
