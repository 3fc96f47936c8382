// A certificate for a server of a test, signed by an authority of its own.
import { issueServingCertificate, makeAuthority } from "../../control-plane/certificates/authority.ts";

const hourMs = 3_600_000;

/** PEM, valid for an hour; nobody knows who signed it. */
export async function certificateFor(host: string): Promise<{ readonly certificate: string; readonly key: string }> {
  const authority = await makeAuthority(Date.now(), hourMs);
  return issueServingCertificate(authority, [host], Date.now(), hourMs);
}
