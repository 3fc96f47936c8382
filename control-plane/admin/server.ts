// The admin server: health, metrics and debug pages over HTTP, for people and probes. Read only, and on loopback
// unless configured otherwise: it shows everything and asks nobody who they are. On a second address it may serve
// health, metrics and /programmed alone, where a kubelet, a Prometheus and the other replicas reach them.
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Page, agentsPage, problemsPage, snapshotPage, statsPage, statusPage } from "./debug-pages.ts";
import { expositionContentType } from "./exposition.ts";
import { renderMetrics } from "./metrics-page.ts";
import type { AdminView } from "./view.ts";

export interface AdminServerOptions {
  readonly host: string;
  /** 0 is any free port. */
  readonly port: number;
  readonly view: AdminView;
  /** Debug pages as well, or health, metrics and /programmed only. */
  readonly shows: "everything" | "health";
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Who connects and says nothing is given up soon: probes must find room. */
const connectionLimits = { headersTimeout: 3000, requestTimeout: 5000, connectionsCheckingInterval: 1000 };

const plain = "text/plain; charset=utf-8";

/** Path -> what it shows, and the answer. */
const pages: Readonly<
  Record<string, { readonly about: string; readonly answer: (view: AdminView, query: URLSearchParams) => Answer }>
> = {
  "/healthz": { about: "200 while the process runs", answer: () => text(200, "ok") },
  "/readyz": {
    about: "200 once the first snapshot is served, 503 before",
    answer: (view) =>
      view.isReady() ? text(200, "ready") : text(503, "no snapshot yet: the source has no good state"),
  },
  "/metrics": {
    about: "Prometheus text",
    answer: (view) => ({ status: 200, contentType: expositionContentType, body: renderMetrics(view) }),
  },
  "/programmed": {
    about: "Gateways that agents of this replica hold, for the one that leads",
    answer: (view) => json({ ok: true, value: [...view.programmed()] }),
  },
  "/debug/agents": { about: "connected agents: sent, acknowledged, refused", answer: (view) => json(agentsPage(view)) },
  "/debug/snapshot": {
    about: "what is served; ?agent=NODE-ID or ?subscription=NAME[&namespace=NAMESPACE] for a part",
    answer: (view, query) => json(snapshotPage(view, query)),
  },
  "/debug/status": { about: "statuses of Gateways and routes", answer: (view) => json(statusPage(view)) },
  "/debug/stats": { about: "agents' reports, per rule and workload version", answer: (view) => json(statsPage(view)) },
  "/debug/problems": { about: "mistakes in what the source reads", answer: (view) => json(problemsPage(view)) },
};

const healthPages: typeof pages = Object.fromEntries(
  Object.entries(pages).filter(([path]) => !path.startsWith("/debug/")),
);

export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #server: Server;

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#server = createServer(connectionLimits, (request, response) => this.#serve(request, response));
    this.#server.maxConnections = 100;
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

  /** Stops at once; nobody waits for an answer that matters. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { status, contentType, body, headers } = this.#answer(request);
    response.writeHead(status, {
      "content-type": contentType,
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
      ...headers,
    });
    response.end(request.method === "HEAD" ? undefined : body);
    // A body that nobody asked for is not read on.
    if (!request.complete) response.once("finish", () => request.destroy());
  }

  #answer(request: IncomingMessage): Answer {
    const target = request.url ?? "/";
    const mark = target.indexOf("?");
    const path = mark === -1 ? target : target.slice(0, mark);
    if (request.method !== "GET" && request.method !== "HEAD")
      return { ...text(405, "only GET and HEAD"), headers: { allow: "GET, HEAD" } };
    const shown = this.#options.shows === "everything" ? pages : healthPages;
    if (path === "/" || path === "/debug") return text(200, indexOf(shown));
    const page = Object.hasOwn(shown, path) ? shown[path] : undefined;
    if (page === undefined) return text(404, `no such page; there are:\n${indexOf(shown)}`);
    try {
      return page.answer(this.#options.view, new URLSearchParams(mark === -1 ? "" : target.slice(mark + 1)));
    } catch (error) {
      return text(500, `this page failed: ${String(error)}`);
    }
  }
}

function indexOf(shown: typeof pages): string {
  const lines = Object.entries(shown).map(([path, { about }]) => `${path.padEnd(16)} ${about}`);
  return lines.join("\n");
}

function text(status: number, body: string): Answer {
  return { status, contentType: plain, body: `${body}\n` };
}

function json(page: Page): Answer {
  if (!page.ok) return text(page.status, page.message);
  return { status: 200, contentType: "application/json", body: `${JSON.stringify(page.value, null, 2)}\n` };
}
