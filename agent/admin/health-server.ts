// What others than the pod may ask the agent: liveness, readiness, metrics, and the probes of the application in its
// place. Owns the HTTP servers; what the answers are is asked of the agent. Configuration and draining are the admin
// server's, on loopback.
//
// With capture there are two servers. The rules send connections to the health port on to a port beside it, so whoever
// comes to the health port itself, from outside the pod, shows that inbound connections are not captured: it is told
// that the pod is not ready.
import type { IncomingMessage } from "node:http";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { ProbeVerdict } from "../probes/verdict.ts";
import { connectionLimits, exposition, maxConnections, readiness, type Reply, send, text } from "./reply.ts";

export interface HealthPages {
  /** Why the agent is not ready; "" when it is. */
  readonly notReady: () => string;
  readonly metrics: () => string;
  /** Asks the application; null where no probe has this path. Never rejects. */
  readonly probe: (path: string, userAgent: string) => Promise<ProbeVerdict | null>;
}

const notCaptured =
  "inbound connections are not captured: this one came past the rules; no way from PREROUTING to HEDDLE_INBOUND";

export class HealthServer {
  readonly #pages: HealthPages;
  readonly #servers: http.Server[] = [];

  constructor(pages: HealthPages) {
    this.#pages = pages;
  }

  /**
   * Binds `port`, and `capturedPort` where there is capture; resolves with the port. With capture "0.0.0.0" is every
   * address of IPv6 as well; "::" falls back to "0.0.0.0" where the kernel has none.
   */
  async listen(host: string, port: number, capturedPort: number | null): Promise<number> {
    if (capturedPort === null) return this.#listen(host, port, false);
    const everywhere = host === "0.0.0.0" ? "::" : host;
    const bound = await this.#listen(everywhere, port, true);
    await this.#listen(everywhere, capturedPort, false);
    return bound;
  }

  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  async #listen(host: string, port: number, pastCapture: boolean): Promise<number> {
    const server = http.createServer(connectionLimits, (request, response) => {
      request.resume();
      void this.#reply(request, pastCapture).then((reply) => send(request, response, reply));
    });
    server.maxConnections = maxConnections;
    const bind = (address: string): Promise<void> =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, address, () => {
          server.off("error", reject);
          resolve();
        });
      });
    try {
      await bind(host);
    } catch (error) {
      if (host !== "::" || (error as NodeJS.ErrnoException).code !== "EAFNOSUPPORT") throw error;
      await bind("0.0.0.0");
    }
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  async #reply(request: IncomingMessage, pastCapture: boolean): Promise<Reply> {
    const { method = "", url = "/", socket, headers } = request;
    if (method !== "GET" && method !== "HEAD") return text(405, "only GET is answered here");
    const [path = "/"] = url.split("?");
    switch (path) {
      case "/livez":
        return text(200, "ok");
      case "/readyz": {
        // What the pod asks itself passes no rule.
        const fromOutside = socket.remoteAddress !== socket.localAddress;
        return readiness(this.#pages.notReady() || (pastCapture && fromOutside ? notCaptured : ""));
      }
      case "/metrics":
        return exposition(this.#pages.metrics());
      default: {
        const verdict = await this.#pages.probe(path, headers["user-agent"] ?? "kube-probe");
        return verdict === null ? text(404, "no such page") : text(verdict.passed ? 200 : 503, verdict.reason);
      }
    }
  }
}
