// One HTTP GET of a port inside a pod: how pages that no Service shows are read. What a page says is for who asked.
import { request } from "node:http";
import type { Duplex } from "node:stream";
import type { ClusterClient } from "./client.ts";
import { withPodConnection, type PodPort } from "./pod-connection.ts";

export interface PodPage extends PodPort {
  /** With query. */
  readonly path: string;
}

export interface PageAnswer {
  readonly status: number;
  readonly body: string;
}

const defaultTimeoutMs = 5000;
const maxPageBytes = 256 * 1024 * 1024;

/** The answer, whatever its status. Throws an ApiFailure when the pod does not answer in `timeoutMs`. */
export function getFromPod(client: ClusterClient, page: PodPage, timeoutMs = defaultTimeoutMs): Promise<PageAnswer> {
  return withPodConnection(client, page, timeoutMs, (connection) => exchange(page.path, connection));
}

function exchange(path: string, connection: Duplex): Promise<PageAnswer> {
  return new Promise((resolve, reject) => {
    connection.on("error", reject);
    const outgoing = request(
      { path, headers: { host: "localhost", connection: "close" }, createConnection: () => connection },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes > maxPageBytes) {
            response.destroy(new Error(`a page of more than ${maxPageBytes} bytes`));
          }
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
        );
        response.on("error", reject);
      },
    );
    outgoing.on("error", reject);
    outgoing.end();
  });
}
