// The X.509 of this folder: makes certificate authorities and serving certificates (RFC 5280; ECDSA P-256 with
// SHA-256), and reads authorities back. When which is made, kept and trusted is authority-plan.ts's.
import { createPrivateKey, createPublicKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
// oxlint-disable-next-line import/no-unassigned-import -- it must run before the library loads
import "./reflect-metadata.ts";
import * as x509 from "@peculiar/x509";

/** A self-signed certificate that signs others, with its key. */
export interface Authority {
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8, PEM. */
  readonly key: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A certificate that a server shows, with its key; PEM. */
export interface ServingCertificate {
  readonly certificate: string;
  readonly key: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Certificates are valid from this long before they are made: for readers whose clock is behind. */
export const clockSkewMs = 5 * 60_000;

const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const;

/** A new authority, valid for `lifetimeMs` from `nowMs` on. Its name is its own, so that no two are mistaken. */
export async function makeAuthority(nowMs: number, lifetimeMs: number): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const { notBefore, notAfter } = validity(nowMs, nowMs + lifetimeMs);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=heddle CA ${randomBytes(4).toString("hex")}`,
    notBefore,
    notAfter,
    keys,
    signingAlgorithm,
    extensions: [
      // It signs servers, no further authorities.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificate: pem(certificate),
    key: await keyPem(keys.privateKey),
    notBeforeMs: notBefore.getTime(),
    notAfterMs: notAfter.getTime(),
  };
}

/**
 * A certificate for servers called `hosts` (DNS names, or "127.0.0.1"), signed by `authority`, valid for `lifetimeMs`
 * from `nowMs` on or until the authority ends.
 */
export async function issueServingCertificate(
  authority: Authority,
  hosts: readonly string[],
  nowMs: number,
  lifetimeMs: number,
): Promise<ServingCertificate> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const der = createPrivateKey(authority.key).export({ format: "der", type: "pkcs8" });
  const signingKey = await webcrypto.subtle.importKey("pkcs8", new Uint8Array(der), algorithm, false, ["sign"]);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const { notBefore, notAfter } = validity(nowMs, Math.min(nowMs + lifetimeMs, authority.notAfterMs));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: "CN=heddle control plane",
    issuer: issuer.subject,
    notBefore,
    notAfter,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        hosts.map((host) => (host === "127.0.0.1" ? { type: "ip", value: host } : { type: "dns", value: host })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificate: pem(certificate),
    key: await keyPem(keys.privateKey),
    notBeforeMs: notBefore.getTime(),
    notAfterMs: notAfter.getTime(),
  };
}

/** The authority in two PEM texts; throws, saying what is wrong, when they are none. No key stands in the message. */
export function readAuthority(certificate: string, key: string): Authority {
  const parsed = readCertificate(certificate);
  let isPair: boolean;
  try {
    isPair = parsed.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw new Error("the key cannot be read");
  }
  if (!isPair) throw new Error("the key is not that of the certificate");
  if (createPublicKey(key).asymmetricKeyDetails?.namedCurve !== "prime256v1") throw new Error("the key is not P-256");
  return { certificate: normalized(certificate), key, ...validityOf(parsed) };
}

/** The CA certificate in a PEM text, normalized; throws when it is none. */
export function readCaCertificate(certificate: string): string {
  readCertificate(certificate);
  return normalized(certificate);
}

function readCertificate(certificate: string): X509Certificate {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch {
    throw new Error("the certificate cannot be read");
  }
  if (!parsed.ca) throw new Error("the certificate is not a CA's");
  return parsed;
}

function validityOf({ validFromDate, validToDate }: X509Certificate): { notBeforeMs: number; notAfterMs: number } {
  return { notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime() };
}

/** X.509 knows whole seconds only. */
function validity(nowMs: number, endMs: number): { readonly notBefore: Date; readonly notAfter: Date } {
  const wholeSecond = (ms: number): Date => new Date(Math.floor(ms / 1000) * 1000);
  return { notBefore: wholeSecond(nowMs - clockSkewMs), notAfter: wholeSecond(endMs) };
}

/** Positive and at most 20 octets (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

function pem(certificate: x509.X509Certificate): string {
  return normalized(certificate.toString("pem"));
}

function normalized(text: string): string {
  return `${text.trim()}\n`;
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "pem", type: "pkcs8" });
}
