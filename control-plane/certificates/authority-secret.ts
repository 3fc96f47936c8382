// The authorities as they stand in Secret "heddle-ca-key", the one place where they are kept: a key for each part, so
// that people can look at them with kubectl. Pure; both directions.
//
//   ca.crt, ca.key             the authority that signs
//   next.crt, next.key         the one that is trusted and will sign
//   next.distributed           since when its certificate is everywhere (ISO 8601); absent until then
//   retired.crt                PEM bundle: trusted, no longer signing
//   retired.until              until when, one time a line, in the same order
import { readAuthority, readCaCertificate } from "./authority.ts";
import type { AuthorityState } from "./authority-plan.ts";

/** Name of the Secret, in the control plane's namespace. */
export const authoritySecretName = "heddle-ca-key";

/** Rotation keeps one or two; more is no state of ours. */
const maxRetired = 8;

export type DecodedAuthorities =
  | { readonly ok: true; readonly state: AuthorityState }
  | { readonly ok: false; readonly fault: string };

/** The Secret's data, values in base64. */
export function encodeAuthorities({ signing, next, retired }: AuthorityState): Record<string, string> {
  const parts: Record<string, string> = { "ca.crt": signing.certificate, "ca.key": signing.key };
  if (next !== null) {
    parts["next.crt"] = next.authority.certificate;
    parts["next.key"] = next.authority.key;
    if (next.distributedAtMs !== null) parts["next.distributed"] = new Date(next.distributedAtMs).toISOString();
  }
  if (retired.length > 0) {
    parts["retired.crt"] = retired.map(({ certificate }) => certificate).join("");
    parts["retired.until"] = retired.map(({ untilMs }) => new Date(untilMs).toISOString()).join("\n");
  }
  return Object.fromEntries(Object.entries(parts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]));
}

/** The state that the data hold, or what is wrong with them; no key stands in a fault. */
export function decodeAuthorities(data: Readonly<Record<string, string>>): DecodedAuthorities {
  const text = (key: string): string | null => {
    const value = data[key];
    return value === undefined ? null : Buffer.from(value, "base64").toString("utf8");
  };
  try {
    const distributed = text("next.distributed");
    const next = attempt("next.crt and next.key", () => {
      const [certificate, key] = [text("next.crt"), text("next.key")];
      return certificate === null && key === null ? null : readAuthority(certificate ?? "", key ?? "");
    });
    const state: AuthorityState = {
      signing: attempt("ca.crt and ca.key", () => readAuthority(text("ca.crt") ?? "", text("ca.key") ?? "")),
      next:
        next === null
          ? null
          : {
              authority: next,
              distributedAtMs: distributed === null ? null : readTime("next.distributed", distributed),
            },
      retired: attempt("retired.crt", () => readRetired(text("retired.crt"), text("retired.until"))),
    };
    return { ok: true, state };
  } catch (error) {
    return { ok: false, fault: error instanceof Error ? error.message : String(error) };
  }
}

function readRetired(certificates: string | null, until: string | null): AuthorityState["retired"] {
  if (certificates === null) return [];
  const blocks = certificates.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const times = (until ?? "").split("\n");
  if (blocks.length !== times.length || blocks.length > maxRetired) {
    throw new Error(`${blocks.length} certificates and ${times.length} times`);
  }
  return blocks.map((block, index) => ({
    certificate: readCaCertificate(block),
    untilMs: readTime("retired.until", times[index] ?? ""),
  }));
}

function readTime(key: string, text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new Error(`${key}: no time`);
  return ms;
}

function attempt<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
