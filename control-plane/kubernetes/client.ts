// The way to the API server: whose address and credentials are used, and single GET requests whose answers are read as
// they come. Every request has its own connection and reads tokens and certificates anew, so that rotated ones are used
// and a dead connection is never shared. What is asked for is list-watch.ts's; single objects are written with
// client-node's own API classes.
import { readFile } from "node:fs/promises";
import { type IncomingMessage, type RequestOptions, get as getPlain } from "node:http";
import { get as getOverTls } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";

/** An answer other than 200. `reason` is that of the API's Status object, for example Expired or Forbidden. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.reason = reason;
  }
}

/** Of an answer that is no list: a Status object. */
const maxErrorBytes = 64 * 1024;

/**
 * The cluster of KUBECONFIG, or the one that this process runs in.
 * @throws when neither is there: a default such as localhost would only fail later and less clearly.
 */
export function loadKubeConfig(environment: Readonly<Record<string, string | undefined>>): KubeConfig {
  const config = new KubeConfig();
  if (environment["KUBECONFIG"]) config.loadFromDefault();
  else if (environment["KUBERNETES_SERVICE_HOST"]) config.loadFromCluster();
  else throw new Error("no Kubernetes cluster: neither KUBECONFIG nor KUBERNETES_SERVICE_HOST is set");
  if (config.getCurrentCluster() === null) throw new Error("no Kubernetes cluster: KUBECONFIG has no current context");
  return config;
}

/**
 * Sends a GET for `path`, which begins with a slash and may have a query. Resolves with the head of a 200; its body is
 * the caller's to read or destroy. `signal` ends the request at any time, its body included.
 * @throws ApiError for any other status, what Node throws for connections.
 */
export async function openResponse(
  kubeConfig: KubeConfig,
  path: string,
  options: { readonly accept: string; readonly signal: AbortSignal },
): Promise<IncomingMessage> {
  const server = kubeConfig.getCurrentCluster()?.server;
  if (server === undefined) throw new Error("no Kubernetes cluster");
  const request = await requestOptions(kubeConfig, options.accept);
  const url = new URL(server.replace(/\/$/, "") + path);
  const get = url.protocol === "http:" ? getPlain : getOverTls;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { ...request, signal: options.signal }, resolve)
      // Found dead within half a minute, whatever the other end of the connection became.
      .on("socket", (socket) => socket.setKeepAlive(true, 15_000))
      .on("error", reject);
  });
  if (response.statusCode === 200) return response;
  throw await readError(response);
}

/** Reads the whole body as text; throws RangeError once it is longer than `maxBytes`. */
export async function readBody(response: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new RangeError(`answer longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes).toString("utf8");
}

async function requestOptions(kubeConfig: KubeConfig, accept: string): Promise<RequestOptions> {
  const options: RequestOptions = { headers: {} };
  await kubeConfig.applyToHTTPSOptions(options);
  // The agent that client-node keeps holds the first certificates for ever; only one for a proxy is needed.
  if (!kubeConfig.getCurrentCluster()?.proxyUrl) options.agent = false;
  const headers: Record<string, string> = { ...(options.headers as Record<string, string>), Accept: accept };
  const provider = kubeConfig.getCurrentUser()?.authProvider as { config?: { tokenFile?: string } } | undefined;
  const tokenFile = provider?.config?.tokenFile;
  // client-node reads the file once a minute; a token can be refused before that.
  if (tokenFile) headers["Authorization"] = `Bearer ${(await readFile(tokenFile, "utf8")).trim()}`;
  return { ...options, headers };
}

async function readError(response: IncomingMessage): Promise<ApiError> {
  const status = response.statusCode ?? 0;
  try {
    const body = JSON.parse(await readBody(response, maxErrorBytes)) as { reason?: unknown; message?: unknown };
    const reason = typeof body.reason === "string" ? body.reason : "";
    return new ApiError(status, reason, typeof body.message === "string" ? body.message : `status ${status}`);
  } catch {
    response.destroy();
    return new ApiError(status, "", `status ${status} ${response.statusMessage ?? ""}`.trim());
  }
}
