// A byte stream to one port inside a pod, loopback ones included, over a port-forward of the API server. Owns the
// WebSocket from its opening to its end; what is said over the stream is for who asked.
import { Duplex, PassThrough, Writable } from "node:stream";
import { ApiFailure, describeDenial } from "./api-failure.ts";
import type { ClusterClient } from "./client.ts";

export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

interface ForwardedSocket {
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  addEventListener(type: "close", listener: () => void): void;
  close(): void;
}

const closing = 2;

/**
 * Gives `use` a stream to the port and ends it afterwards. Throws an ApiFailure when there is no such pod or port, when
 * the stream breaks, and when all of it takes longer than `timeoutMs`.
 */
export async function withPodConnection<Result>(
  client: ClusterClient,
  place: PodPort,
  timeoutMs: number,
  use: (connection: Duplex) => Promise<Result>,
): Promise<Result> {
  const { PortForward } = await import("@kubernetes/client-node");
  const failed = Promise.withResolvers<never>();
  // Whoever races it may be done already.
  failed.promise.catch(() => {});
  const timer = setTimeout(() => failed.reject(new Error(`no answer in ${timeoutMs / 1000} s`)), timeoutMs);
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
  // From the start: a refusal may come before anybody uses the stream.
  connection.on("error", failed.reject);
  const opening = new PortForward(client.kubeConfig).portForward(
    place.namespace,
    place.pod,
    [place.port],
    fromPod,
    errors,
    toPod,
  );
  let socket: ForwardedSocket | null = null;
  try {
    // Without retries the promise is for one socket, never for a way to ask for one.
    socket = (await Promise.race([opening, failed.promise])) as unknown as ForwardedSocket;
    // What came before the end is still to be read.
    socket.addEventListener("close", () => connection.push(null));
    if (socket.readyState >= closing) {
      connection.push(null);
    }
    return await Promise.race([use(connection), failed.promise]);
  } catch (error) {
    throw describe(error, refusal, place);
  } finally {
    clearTimeout(timer);
    socket?.close();
    if (socket === null) {
      // Too late for us, but it must not stay open.
      void opening.then((late) => (late as unknown as ForwardedSocket).close()).catch(() => {});
    }
    toPod.destroy();
    connection.destroy();
  }
}

function describe(error: unknown, refusal: string, place: PodPort): ApiFailure {
  const { namespace, pod, port } = place;
  const words = `pod ${namespace}/${pod} port ${port}`;
  const message = typeof error === "object" && error !== null && "message" in error ? String(error.message) : "";
  // The handshake of a WebSocket: "Unexpected server response: 403".
  const status = Number(/Unexpected server response: (\d+)/.exec(message)?.[1] ?? 0);
  if (status === 404) {
    return new ApiFailure("missing", `there is no running pod ${namespace}/${pod}`);
  }
  if (status !== 0) {
    return describeDenial(`/api/v1/namespaces/${namespace}/pods/${pod}/portforward`, status, "");
  }
  const reason = refusal === "" ? message || "connection lost" : refusal;
  return new ApiFailure(
    "unreachable",
    /connection refused/i.test(reason) ? `${words}: nothing listens there` : `${words}: ${reason.trim()}`,
  );
}
