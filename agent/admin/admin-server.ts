// The agent's local admin pages: liveness, readiness, metrics, the configuration it holds, draining. Owns the HTTP
// server and the shape of the pages; what they show is asked of the agent.
import http from "node:http";
import type { AddressInfo } from "node:net";
import { connectionLimits, exposition, maxConnections, readiness, type Reply, send, text } from "./reply.ts";

export interface AdminPages {
  /** Why the agent is not ready; "" when it is. */
  readonly notReady: () => string;
  readonly metrics: () => string;
  readonly config: () => unknown;
  readonly drainState: () => unknown;
  readonly startDrain: () => void;
  /** The application has ended: nobody comes any more. */
  readonly startExit: () => void;
}

const pages: Readonly<Record<string, { readonly methods: readonly string[]; readonly about: string }>> = {
  "/livez": { methods: ["GET"], about: "200 while the process runs" },
  "/readyz": { methods: ["GET"], about: "200 when traffic may be sent here, else 503 and why" },
  "/metrics": { methods: ["GET"], about: "metrics as Prometheus text" },
  "/config": { methods: ["GET"], about: "the configuration this agent holds, as JSON" },
  "/drain": {
    methods: ["GET", "POST"],
    about: "GET: what is still open, as JSON; POST: stop taking requests, then exit",
  },
  "/exit": { methods: ["POST"], about: "the application has ended: finish what is under way, then exit" },
};

export class AdminServer {
  readonly #pages: AdminPages;
  readonly #server: http.Server;

  constructor(adminPages: AdminPages) {
    this.#pages = adminPages;
    this.#server = http.createServer(connectionLimits, (request, response) => {
      request.resume();
      send(request, response, this.#reply(request.method ?? "", request.url ?? "/"));
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
      const list = Object.entries(pages).map(([known, { about }]) => `${known}  ${about}`);
      return text(path === "/" ? 200 : 404, list.join("\n"));
    }
    const asked = method === "HEAD" ? "GET" : method;
    if (!page.methods.includes(asked)) {
      return text(405, `${path} takes ${page.methods.join(" and ")}`);
    }
    switch (path) {
      case "/livez":
        return text(200, "ok");
      case "/readyz":
        return readiness(this.#pages.notReady());
      case "/metrics":
        return exposition(this.#pages.metrics());
      case "/config":
        return json(200, this.#pages.config());
      case "/exit":
        this.#pages.startExit();
        return json(202, this.#pages.drainState());
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
