// The certificate that a port inside a pod shows, and whether a CA bundle and a host verify it: exactly what a client of
// that port would do.
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import type { ClusterClient } from "./client.ts";
import { withPodConnection, type PodPort } from "./pod-connection.ts";

export interface ShownCertificate {
  /** "" when the bundle and the host verify it. */
  readonly fault: string;
  readonly notAfterMs: number;
}

const timeoutMs = 5000;

/** `bundle` is PEM. Throws an ApiFailure when the port does not speak TLS in time. */
export function certificateOf(
  client: ClusterClient,
  place: PodPort,
  bundle: string,
  host: string,
): Promise<ShownCertificate> {
  return withPodConnection(client, place, timeoutMs, (connection) => handshake(connection, bundle, host));
}

function handshake(connection: Duplex, bundle: string, host: string): Promise<ShownCertificate> {
  return new Promise((resolve, reject) => {
    connection.on("error", reject);
    // Whether it is verified is the answer, not a condition of it.
    const socket = connect({ socket: connection, ca: bundle, servername: host, rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerX509Certificate();
      const fault = socket.authorized ? "" : String(socket.authorizationError ?? "not verified");
      socket.destroy();
      if (certificate === undefined) {
        reject(new Error("it shows no certificate"));
        return;
      }
      resolve({ fault, notAfterMs: Date.parse(certificate.validTo) });
    });
    socket.on("error", reject);
  });
}
