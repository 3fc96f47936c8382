// The agent's local admin pages: liveness, readiness, metrics, the configuration it holds, draining. Owns the HTTP
// server and the shape of the pages; what they show is asked of the agent.
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface AdminPages {
  /** Why the agent is not ready; "" when it is. */
  readonly notReady: () => string;
  readonly metrics: () => string;
  readonly config: () => unknown;
  readonly drainState: () => unknown;
  readonly startDrain: () => void;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const plain = "text/plain; charset=utf-8";

const pages: Readonly<Record<string, { readonly methods: readonly string[]; readonly about: string }>> = {
  "/livez": { methods: ["GET"], about: "200 while the process runs" },
  "/readyz": { methods: ["GET"], about: "200 when traffic may be sent here, else 503 and why" },
  "/metrics": { methods: ["GET"], about: "metrics as Prometheus text" },
  "/config": { methods: ["GET"], about: "the configuration this agent holds, as JSON" },
  "/drain": {
    methods: ["GET", "POST"],
    about: "GET: what is still open, as JSON; POST: stop taking requests, then exit",
  },
};

/** Who connects and says nothing is given up soon: probes must find room. */
const connectionLimits = { headersTimeout: 3000, requestTimeout: 5000, connectionsCheckingInterval: 1000 };
const maxConnections = 100;

export class AdminServer {
  readonly #pages: AdminPages;
  readonly #server: http.Server;

  constructor(adminPages: AdminPages) {
    this.#pages = adminPages;
    this.#server = http.createServer(connectionLimits, (request, response) => {
      request.resume();
      const reply = this.#reply(request.method ?? "", request.url ?? "/");
      response.writeHead(reply.status, { "content-type": reply.type, "content-length": Buffer.byteLength(reply.body) });
      response.end(request.method === "HEAD" ? undefined : reply.body);
    });
    this.#server.maxConnections = maxConnections;
  }

  /** Binds; resolves with the port. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #reply(method: string, url: string): Reply {
    const [path = "/"] = url.split("?");
    const page = pages[path];
    if (page === undefined) {
      const list = Object.entries(pages).map(([known, { about }]) => `${known}  ${about}\n`);
      return { status: path === "/" ? 200 : 404, type: plain, body: list.join("") };
    }
    const asked = method === "HEAD" ? "GET" : method;
    if (!page.methods.includes(asked)) {
      return { status: 405, type: plain, body: `${path} takes ${page.methods.join(" and ")}\n` };
    }
    switch (path) {
      case "/livez":
        return { status: 200, type: plain, body: "ok\n" };
      case "/readyz": {
        const reason = this.#pages.notReady();
        return reason === ""
          ? { status: 200, type: plain, body: "ok\n" }
          : { status: 503, type: plain, body: `${reason}\n` };
      }
      case "/metrics":
        return { status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body: this.#pages.metrics() };
      case "/config":
        return json(200, this.#pages.config());
      default:
        if (asked === "POST") this.#pages.startDrain();
        return json(asked === "POST" ? 202 : 200, this.#pages.drainState());
    }
  }
}

function json(status: number, value: unknown): Reply {
  const shown = (_key: string, member: unknown): unknown =>
    member instanceof Map ? Object.fromEntries(member) : member;
  return { status, type: "application/json", body: `${JSON.stringify(value, shown, 2)}\n` };
}
