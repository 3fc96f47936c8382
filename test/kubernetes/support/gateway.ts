// A Gateway under test, from outside: its address out of its status, requests to it, and certainty about what it holds.
//
// Exact counts need to know when a route is in force without drawing from its split. A marker route of the Gateway, with
// a host of its own, tells: what was applied before it is in force once it answers, because the API server orders the
// changes of HTTPRoutes and an agent's snapshot is whole. Its other rules ask one Service each whether it has endpoints.
import { type Answer, type RequestOptions, send, tally } from "./http-client.ts";
import { kubectl } from "./kubectl.ts";
import { reachService, type Way } from "./reach.ts";
import { waitFor } from "./wait-for.ts";

const gatewayClass = "heddle";
const markerName = "test-marker";
const markerHost = "marker.heddle.test";
const programmedTimeout = "60s";

export interface GatewayOptions {
  readonly name: string;
  readonly namespace: string;
  /** Where the routes are, and the Services they name; the Gateway's own unless said. */
  readonly routeNamespace?: string;
  readonly port?: number;
}

export class Gateway {
  readonly way: Way;
  /** `.status.addresses[0].value`. */
  readonly address: string;
  readonly #options: GatewayOptions;
  #marks = 0;

  private constructor(options: GatewayOptions, address: string, way: Way) {
    this.#options = options;
    this.address = address;
    this.way = way;
  }

  /** Waits until the Gateway is Programmed and takes connections. The caller closes it. */
  static async open(options: GatewayOptions): Promise<Gateway> {
    const { name, namespace, port = 80 } = options;
    const wait = ["wait", "-n", namespace, `gateway/${name}`, "--for=condition=Programmed"];
    await kubectl([...wait, `--timeout=${programmedTimeout}`], { deadlineMs: 80_000 });
    const addressPath = "jsonpath={.status.addresses[0].value}";
    const address = await kubectl(["get", "gateway", name, "-n", namespace, "-o", addressPath]);
    return new Gateway(options, address, await reachService(namespace, `${name}-${gatewayClass}`, port));
  }

  close(): Promise<void> {
    return this.way.close();
  }

  send(path: string, options?: RequestOptions): Promise<Answer> {
    return send(this.way, path, options);
  }

  /** How often each answer, through `key`, came of `count` requests, each on a connection of its own unless given. */
  count(
    count: number,
    path: string,
    key: (answer: Answer) => string,
    options?: RequestOptions,
  ): Promise<Record<string, number>> {
    return tally(count, () => this.send(path, options), key);
  }

  /**
   * Waits until all HTTPRoutes that were applied before are in force, and each of `services`, such as "echo-v1:80", has a
   * ready endpoint. Draws from no other route's split. Resolves with the milliseconds from before kubectl, which takes
   * most of them, to the marker's first answer.
   */
  async settled(...services: readonly string[]): Promise<number> {
    const mark = `/settled/${++this.#marks}`;
    const startedMs = performance.now();
    await kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(this.#marker(mark, services)) });
    const headers = { host: markerHost };
    // A rule without a backend answers 500, an unknown path 404.
    await waitFor(`the gateway holds mark ${mark}`, async () => (await this.send(mark, { headers })).status === 500, {
      deadlineMs: 30_000,
      pollMs: 10,
    });
    const tookMs = performance.now() - startedMs;
    for (const service of services) {
      await waitFor(`${service} has a ready endpoint`, async () => {
        const { status } = await this.send(`/service/${service}`, { headers });
        return status !== 503;
      });
    }
    return tookMs;
  }

  #marker(mark: string, services: readonly string[]): object {
    const { name, namespace, routeNamespace = namespace } = this.#options;
    const serviceRules = services.map((service) => {
      const [backend, port] = service.split(":");
      return {
        matches: [{ path: { type: "Exact", value: `/service/${service}` } }],
        backendRefs: [{ name: backend, port: Number(port) }],
      };
    });
    return {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: markerName, namespace: routeNamespace },
      spec: {
        parentRefs: [{ name, namespace }],
        hostnames: [markerHost],
        rules: [{ matches: [{ path: { type: "Exact", value: mark } }] }, ...serviceRules],
      },
    };
  }
}

/** A Gateway with one HTTP listener on port 80. */
export function httpGateway(name: string): object {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name },
    spec: { gatewayClassName: gatewayClass, listeners: [{ name: "http", protocol: "HTTP", port: 80 }] },
  };
}

/** Waits until the Deployments are rolled out whole. */
export async function rolledOut(namespace: string, ...deployments: readonly string[]): Promise<void> {
  for (const deployment of deployments) {
    await kubectl(["-n", namespace, "rollout", "status", `deployment/${deployment}`, "--timeout=180s"], {
      deadlineMs: 200_000,
    });
  }
}
