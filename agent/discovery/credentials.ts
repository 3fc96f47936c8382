// What the agent verifies the control plane by, and proves itself with: a CA bundle and a ServiceAccount token, both
// files that the kubelet replaces while the agent runs, hence read anew for every attempt. Owns reading and checking
// them; when to attempt is client.ts's. No file's content is ever said in an error.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { credentials as grpcCredentials, Metadata, type ChannelCredentials } from "@grpc/grpc-js";

export interface CredentialFiles {
  /** PEM bundle; "" for no TLS: on one machine. */
  readonly caFile: string;
  /** ServiceAccount token; "" for none. */
  readonly tokenFile: string;
}

/** Two or three certificates during rotation; more than this is not a CA bundle. */
const maxCaBytes = 1024 * 1024;
const maxTokenBytes = 16 * 1024;

/**
 * What one attempt connects with. The control plane's certificate must be signed by a certificate of the bundle and
 * name the host of the address. Throws, in words for the log, when a file cannot be used now; a later attempt may.
 */
export function readCredentials({ caFile, tokenFile }: CredentialFiles): ChannelCredentials {
  if (caFile === "") return grpcCredentials.createInsecure();
  const channel = grpcCredentials.createSsl(readCa(caFile));
  if (tokenFile === "") return channel;
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${readToken(tokenFile)}`);
  return grpcCredentials.combineChannelCredentials(
    channel,
    grpcCredentials.createFromMetadataGenerator((_options, done) => done(null, metadata)),
  );
}

function readCa(path: string): Buffer {
  const text = readText(path, "CA bundle", maxCaBytes);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const usable = blocks.filter(isCertificate);
  if (usable.length === 0) throw new Error(`the CA bundle ${path} holds no certificate`);
  // What cannot be read is left out, so that one bad block does not take the good ones with it.
  return Buffer.from(`${usable.join("\n")}\n`);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function readToken(path: string): string {
  const token = readText(path, "token", maxTokenBytes).trim();
  if (token === "") throw new Error(`the token file ${path} is empty`);
  // RFC 6750 section 2.1: what a bearer token is made of.
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) throw new Error(`the token file ${path} holds no token`);
  return token;
}

function readText(path: string, what: string, maxBytes: number): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code: unknown = Reflect.get(Object(error), "code");
    throw new Error(`cannot read the ${what} ${path}: ${typeof code === "string" ? code : "unknown error"}`, {
      cause: error,
    });
  }
  if (bytes.length > maxBytes) throw new Error(`the ${what} ${path} is larger than ${maxBytes} bytes`);
  return bytes.toString("latin1");
}
