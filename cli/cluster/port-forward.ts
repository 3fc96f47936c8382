// One HTTP GET of a port inside a pod, loopback ones included, over a port-forward of the API server: how pages that no
// Service shows are read. Owns the connection from its first byte to its end; what a page says is for who asked.
import { request } from "node:http";
import { Duplex, PassThrough, Writable } from "node:stream";
import type { ClusterClient } from "./client.ts";
import { ApiFailure, describeDenial } from "./api-failure.ts";

export interface PodPage {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
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
export async function getFromPod(
  client: ClusterClient,
  page: PodPage,
  timeoutMs = defaultTimeoutMs,
): Promise<PageAnswer> {
  const { PortForward } = await import("@kubernetes/client-node");
  const place = `pod ${page.namespace}/${page.pod} port ${page.port}`;
  const timeout = AbortSignal.timeout(timeoutMs);
  const toPod = new PassThrough();
  const connection = new Duplex({
    read() {},
    write: (chunk: Buffer, _encoding, done) => void toPod.write(chunk, done),
  });
  const fromPod = new Writable({
    write(chunk: Buffer, _encoding, done) {
      connection.push(chunk);
      done();
    },
  });
  let refusal = "";
  const errors = new Writable({
    write(chunk: Buffer, _encoding, done) {
      refusal += chunk.toString("utf8");
      // The channel opens with an empty message.
      if (refusal !== "") {
        connection.destroy(new Error(refusal));
      }
      done();
    },
  });
  const opening = new PortForward(client.kubeConfig).portForward(
    page.namespace,
    page.pod,
    [page.port],
    fromPod,
    errors,
    toPod,
  );
  let socket: ForwardedSocket | null = null;
  try {
    // Without retries the promise is for one socket, never for a way to ask for one.
    socket = (await within(opening, timeout)) as unknown as ForwardedSocket;
    socket.addEventListener("close", () => connection.destroy(new Error("the API server ended the port-forward")));
    return await within(exchange(page, connection), timeout);
  } catch (error) {
    throw describe(error, refusal, place, page, timeoutMs);
  } finally {
    socket?.close();
    if (socket === null) {
      // Too late for us, but it must not stay open.
      void opening.then((late) => (late as unknown as ForwardedSocket).close()).catch(() => {});
    }
    connection.destroy();
  }
}

interface ForwardedSocket {
  addEventListener(type: "close", listener: () => void): void;
  close(): void;
}

function exchange(page: PodPage, connection: Duplex): Promise<PageAnswer> {
  return new Promise((resolve, reject) => {
    connection.on("error", reject);
    const outgoing = request(
      { path: page.path, headers: { host: "localhost", connection: "close" }, createConnection: () => connection },
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

/** Rejects with the signal's reason when it fires first. */
function within<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  work.catch(() => {});
  return Promise.race([work, promise]).finally(() => signal.removeEventListener("abort", onAbort));
}

function describe(error: unknown, refusal: string, place: string, page: PodPage, timeoutMs: number): ApiFailure {
  const message = typeof error === "object" && error !== null && "message" in error ? String(error.message) : "";
  // The handshake of a WebSocket: "Unexpected server response: 403".
  const status = Number(/Unexpected server response: (\d+)/.exec(message)?.[1] ?? 0);
  if (status === 404) {
    return new ApiFailure("missing", `there is no running pod ${page.namespace}/${page.pod}`);
  }
  if (status !== 0) {
    return describeDenial(`/api/v1/namespaces/${page.namespace}/pods/${page.pod}/portforward`, status, "");
  }
  if (error instanceof Error && error.name === "TimeoutError") {
    return new ApiFailure("unreachable", `${place} does not answer in ${timeoutMs / 1000} s`);
  }
  const reason = refusal === "" ? message || "connection lost" : refusal;
  return new ApiFailure(
    "unreachable",
    /connection refused/i.test(reason) ? `${place}: nothing listens there` : `${place}: ${reason.trim()}`,
  );
}
