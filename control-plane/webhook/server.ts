// The HTTPS server that the API server asks before a pod is made: reads a review, has it answered, tells about it. Owns
// sockets, limits, the certificate of the moment and the order of closing; answers are admission-review.ts's.
//
//   POST /inject   an AdmissionReview for an AdmissionReview; anything else is refused with a sentence
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Logger } from "../discovery/logger.ts";
import type { InjectionSettings } from "../inject/settings.ts";
import { answerReview, type ReviewOutcome } from "./admission-review.ts";
import type { InjectionEvents } from "./injection-events.ts";
import type { WebhookMetrics } from "./metrics.ts";

export interface WebhookCertificate {
  /** PEM, leaf first. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

export interface WebhookServerOptions {
  readonly host: string;
  /** 0 is any free port. */
  readonly port: number;
  /** Null: handshakes fail until `setCertificate`. */
  readonly certificate: WebhookCertificate | null;
  /** Asked for every pod. */
  readonly settings: () => InjectionSettings;
  /** Null when the namespace is not known: the webhook's selectors are trusted. */
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>> | null;
  readonly logger: Logger;
  readonly events: InjectionEvents;
  readonly metrics: WebhookMetrics;
}

/** What etcd takes, and so the most that a pod can be. */
const maxBodyBytes = 3 * 1024 * 1024;

const connectionLimits = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1000,
  // Longer than the API server keeps an idle connection (90 s): it must be the one that closes it.
  keepAliveTimeout: 120_000,
};
const maxConnections = 500;
const closeDeadlineMs = 5000;

export class WebhookServer {
  readonly #options: WebhookServerOptions;
  readonly #server: Server;
  #hasCertificate = false;
  #closing = false;

  constructor(options: WebhookServerOptions) {
    this.#options = options;
    this.#server = createServer({ ...connectionLimits, minVersion: "TLSv1.2" }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        options.logger.debug({ error: String(error) }, "a request to the webhook ended early");
        response.destroy();
      });
    });
    this.#server.maxConnections = maxConnections;
    // Scanners and half-open probes are no news.
    this.#server.on("tlsClientError", (error) =>
      options.logger.debug({ error: error.message }, "TLS handshake with the webhook failed"),
    );
    if (options.certificate !== null) this.setCertificate(options.certificate);
  }

  /** Whether it has a certificate to answer with. */
  get isReady(): boolean {
    return this.#hasCertificate && !this.#closing;
  }

  /** New connections see this one; those that are open go on. Throws when certificate and key do not fit. */
  setCertificate({ certificate, key }: WebhookCertificate): void {
    this.#server.setSecureContext({ cert: certificate, key });
    this.#hasCertificate = true;
  }

  /** Listens; resolves with the port. */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off("error", reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Stops accepting; what is being asked is answered, for a while. */
  close(): Promise<void> {
    this.#closing = true;
    return new Promise((resolve) => {
      const deadline = setTimeout(() => this.#server.closeAllConnections(), closeDeadlineMs);
      this.#server.close(() => {
        clearTimeout(deadline);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#closing) response.setHeader("connection", "close");
    const refused = refusal(request);
    if (refused !== null) {
      refuse(response, ...refused);
      return;
    }
    const body = await readBody(request);
    if (body === null) {
      refuse(response, 413, `a review has at most ${maxBodyBytes} bytes`);
      return;
    }
    const { settings, namespaceLabels } = this.#options;
    const answer = answerReview(body, { settings: settings(), namespaceLabels });
    this.#tell(answer.outcome);
    const isReview = answer.status === 200;
    const contentType = isReview ? "application/json" : "text/plain; charset=utf-8";
    response.writeHead(answer.status, { "content-type": contentType }).end(isReview ? answer.body : `${answer.body}\n`);
  }

  #tell(outcome: ReviewOutcome): void {
    const { logger, metrics, events } = this.#options;
    const { result, reason, message, namespace, pod, dryRun, owner } = outcome;
    metrics.countInjection(result, reason);
    const fields = {
      result,
      reason,
      namespace,
      pod,
      ...(owner === null ? {} : { owner: `${owner.kind}/${owner.name}` }),
      ...(dryRun ? { dryRun } : {}),
    };
    if (result === "failed") logger.warn(fields, message);
    else if (result === "unchanged") logger.debug(fields, "injected before");
    else logger.info(fields, message === "" ? "injected" : message);
    if (result === "skipped" && !dryRun) events.skipped(outcome);
  }
}

/** Status and sentence, or null for a request to be read. */
function refusal({ method, url = "", headers }: IncomingMessage): readonly [number, string] | null {
  if (url.split("?", 1)[0] !== "/inject") return [404, "POST /inject is all there is"];
  if (method !== "POST") return [405, "POST /inject is all there is"];
  if (!/^application\/json\s*(;|$)/i.test(headers["content-type"] ?? "")) {
    return [415, "a review is application/json"];
  }
  return Number(headers["content-length"] ?? 0) > maxBodyBytes
    ? [413, `a review has at most ${maxBodyBytes} bytes`]
    : null;
}

/** The rest of the request is not read. */
function refuse(response: ServerResponse, status: number, message: string): void {
  const allow = status === 405 ? { allow: "POST" } : {};
  response
    .writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close", ...allow })
    .end(`${message}\n`);
}

/** Null when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
