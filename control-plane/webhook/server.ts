// The HTTPS server that the API server asks before a pod is made: reads a review, has it answered, tells about it. Owns
// sockets, limits, the certificate of the moment and the order of closing; answers are admission-review.ts's.
//
//   POST /inject   an AdmissionReview for an AdmissionReview; anything else is refused with a sentence
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
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
  /** How long a server that is closing goes on as before: the API server's node learns later than we that it ends. */
  readonly lingerMs: number;
  readonly logger: Logger;
  readonly events: InjectionEvents;
  readonly metrics: WebhookMetrics;
}

/** What etcd takes, and so the most that a pod can be. */
const maxBodyBytes = 3 * 1024 * 1024;

const connectionLimits = {
  handshakeTimeout: 3000,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1000,
  // Longer than the API server keeps an idle connection (90 s): it must be the one that closes it.
  keepAliveTimeout: 120_000,
};
const maxConnections = 500;
/** What is under way when the server stops listening has this long. */
const closeDeadlineMs = 1000;

export class WebhookServer {
  readonly #options: WebhookServerOptions;
  readonly #server: Server;
  /** Every connection, also those whose handshake has not begun, which the HTTP layer does not know. */
  readonly #sockets = new Set<Socket>();
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
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    // Scanners and half-open probes are no news.
    this.#server.on("tlsClientError", (error) =>
      options.logger.debug({ error: error.message }, "TLS handshake with the webhook failed"),
    );
    if (options.certificate !== null) this.setCertificate(options.certificate);
  }

  /** Whether it listens, with a certificate to answer with. */
  get isReady(): boolean {
    return this.#server.listening && this.#hasCertificate && !this.#closing;
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

  /** Is not ready at once, stops listening after `lingerMs`, and resolves when no connection is left, a second later. */
  async close(): Promise<void> {
    this.#closing = true;
    await new Promise((resolve) => {
      setTimeout(resolve, this.#options.lingerMs);
    });
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(() => {
        for (const socket of this.#sockets) socket.destroy();
      }, closeDeadlineMs);
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
    const answer = answerReview(body, this.#options.settings());
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
