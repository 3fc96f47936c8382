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
  addEventListener(type: "close", listener: () => void): void;
  close(): void;
}

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
  // Without a listener, an error between two users of the stream would end the process.
  connection.on("error", () => {});
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
    socket = (await within(opening, timeout)) as unknown as ForwardedSocket;
    socket.addEventListener("close", () => connection.destroy(new Error("the API server ended the port-forward")));
    return await within(use(connection), timeout);
  } catch (error) {
    throw describe(error, refusal, place, timeoutMs);
  } finally {
    socket?.close();
    if (socket === null) {
      // Too late for us, but it must not stay open.
      void opening.then((late) => (late as unknown as ForwardedSocket).close()).catch(() => {});
    }
    toPod.destroy();
    connection.destroy();
  }
}

/** Rejects with the signal's reason when it fires first. */
function within<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  work.catch(() => {});
  return Promise.race([work, promise]).finally(() => signal.removeEventListener("abort", onAbort));
}

function describe(error: unknown, refusal: string, place: PodPort, timeoutMs: number): ApiFailure {
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
  if (error instanceof Error && error.name === "TimeoutError") {
    return new ApiFailure("unreachable", `${words} does not answer in ${timeoutMs / 1000} s`);
  }
  const reason = refusal === "" ? message || "connection lost" : refusal;
  return new ApiFailure(
    "unreachable",
    /connection refused/i.test(reason) ? `${words}: nothing listens there` : `${words}: ${reason.trim()}`,
  );
}
