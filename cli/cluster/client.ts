// The API server as the user's kubeconfig reaches it: one request, one list, and failures in words that say what to do.
// Owns HTTP to the API server; the kubeconfig, its credentials and proxies are the Kubernetes client's. Every answer is
// raw JSON: what a field means is for who asked.
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import { ApiFailure, describeDenial, unreachable } from "./api-failure.ts";
import { loadKubeConfig, type ClusterFlags } from "./kube-config.ts";

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** What every object of the API has. */
export interface ApiObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

const requestTimeoutMs = 15_000;
/** Of one answer: a page of a list is far below it. */
const maxAnswerBytes = 256 * 1024 * 1024;
const pageSize = 500;

export class ClusterClient {
  /** For port-forwards, which need the same credentials. */
  readonly kubeConfig: KubeConfig;
  readonly server: string;
  readonly contextName: string;
  /** Of the context; "default" when it names none. */
  readonly defaultNamespace: string;

  private constructor(kubeConfig: KubeConfig) {
    this.kubeConfig = kubeConfig;
    this.server = kubeConfig.getCurrentCluster()?.server ?? "";
    this.contextName = kubeConfig.getCurrentContext();
    this.defaultNamespace = kubeConfig.getContextObject(this.contextName)?.namespace ?? "default";
  }

  /** Reads the kubeconfig only; nothing is dialled. Throws a CommandFailure when there is no cluster in it. */
  static async open(flags: ClusterFlags): Promise<ClusterClient> {
    return new ClusterClient(await loadKubeConfig(flags));
  }

  /** One request with any outcome that is an HTTP answer. Throws an ApiFailure when there is none. */
  async send(method: "GET" | "POST", path: string, body?: unknown): Promise<ApiAnswer> {
    const url = new URL(this.server.replace(/\/$/, "") + path);
    const options: RequestOptions = { method, timeout: requestTimeoutMs };
    const text = body === undefined ? "" : JSON.stringify(body);
    try {
      await this.kubeConfig.applyToHTTPSOptions(options);
    } catch (error) {
      throw new ApiFailure("unreachable", `cannot use the credentials of context ${this.contextName}: ${words(error)}`);
    }
    options.headers = {
      ...(options.headers as OutgoingHttpHeaders | undefined),
      accept: "application/json",
      ...(text !== "" && { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = (url.protocol === "http:" ? httpRequest : httpsRequest)(url, options, resolve);
      outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer in ${requestTimeoutMs / 1000} s`)));
      outgoing.on("error", reject);
      outgoing.end(text);
    }).catch((error: unknown) => {
      throw unreachable(this.server, error);
    });
    return { status: response.statusCode ?? 0, body: await this.#read(response) };
  }

  /** The object at a path. Throws an ApiFailure for every answer but 200. */
  async get(path: string): Promise<unknown> {
    const { status, body } = await this.send("GET", path);
    if (status !== 200) {
      throw describeDenial(path, status, body);
    }
    return body;
  }

  /** Every item of a list, page by page. `path` may have a query. Throws an ApiFailure. */
  async list<Item extends ApiObject>(path: string): Promise<readonly Item[]> {
    const items: Item[] = [];
    const separator = path.includes("?") ? "&" : "?";
    let from = "";
    do {
      const page = (await this.get(
        `${path}${separator}limit=${pageSize}${from === "" ? "" : `&continue=${encodeURIComponent(from)}`}`,
      )) as { readonly items?: readonly Item[] | null; readonly metadata?: { readonly continue?: string } };
      items.push(...(page.items ?? []));
      from = page.metadata?.continue ?? "";
    } while (from !== "");
    return items;
  }

  async #read(response: IncomingMessage): Promise<unknown> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > maxAnswerBytes) {
          throw new Error(`an answer of more than ${maxAnswerBytes} bytes`);
        }
        chunks.push(chunk);
      }
    } catch (error) {
      throw unreachable(this.server, error);
    }
    const text = Buffer.concat(chunks).toString("utf8");
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
