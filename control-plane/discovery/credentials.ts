// The discovery server's TLS: gRPC server credentials whose certificate can be replaced while the server runs. New
// connections get the newest one, open ones keep what they were made with, so a renewal ends no stream. Makes no
// certificate: whoever does calls update(). Until the first update every connection is closed unanswered.
import { ServerCredentials } from "@grpc/grpc-js";

/** A certificate chain and its key, PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export class RenewableServerCredentials extends ServerCredentials {
  constructor() {
    // Both ends are ours and know TLS 1.3.
    super({ minVersion: "TLSv1.3" });
  }

  /** New connections get `pair` from here on; null: they are closed. */
  update(pair: KeyPair | null): void {
    this.updateSecureContextOptions(
      pair === null ? null : { cert: pair.certificate, key: pair.key, minVersion: "TLSv1.3" },
    );
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
