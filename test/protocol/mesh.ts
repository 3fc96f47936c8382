// A small mesh as a Translation, made by hand: what the protocol tests publish. Bodies keep their identity until the
// test changes them, as translation's do.
import type { Endpoints, Match, Route, RouteConfiguration } from "../../proto/messages.ts";
import { SnapshotBuilder, type Snapshot } from "../../control-plane/snapshot/snapshot.ts";
import type { Frontend, Translation } from "../../control-plane/translate/translation.ts";

/** Exact-path match. */
export function pathMatch(path: string): Match {
  return { pathType: "PATH_EXACT", path, headers: [], queryParameters: [], method: "" };
}

export interface RuleOptions {
  readonly paths?: readonly string[];
  /** Cluster name -> weight. */
  readonly backends: Readonly<Record<string, number>>;
}

/** A Route of one rule per entry. */
export function routeOf(...rules: readonly RuleOptions[]): Route {
  return {
    rules: rules.map((rule) => ({
      name: "",
      matches: (rule.paths ?? ["/"]).map(pathMatch),
      requestHeaders: null,
      responseHeaders: null,
      mirrors: [],
      backends: Object.entries(rule.backends).map(([cluster, weight]) => ({
        displayName: cluster,
        cluster,
        weight,
        requestHeaders: null,
        responseHeaders: null,
        mirrors: [],
        invalidReason: "",
      })),
      unsupported: "",
    })),
  };
}

/** Endpoints on one address each. */
export function endpointsOf(...addresses: readonly string[]): Endpoints {
  return { endpoints: addresses.map((address) => ({ address, port: 8080, workloadVersion: "v1", pod: "" })) };
}

export class Mesh {
  readonly builder = new SnapshotBuilder({ epoch: "test" });
  readonly listeners = new Map<
    string,
    Translation["listeners"] extends ReadonlyMap<string, infer Body> ? Body : never
  >();
  readonly routeConfigurations = new Map<string, RouteConfiguration>();
  readonly routes = new Map<string, Route>();
  readonly clusters = new Map<string, Translation["clusters"] extends ReadonlyMap<string, infer Body> ? Body : never>();
  readonly endpoints = new Map<string, Endpoints>();
  readonly workloads = new Map<
    string,
    Translation["workloads"] extends ReadonlyMap<string, infer Body> ? Body : never
  >();
  readonly gateways = new Map<string, readonly string[]>();
  readonly frontends = new Map<string, Frontend>();

  /** A Service "namespace/name:80" on a cluster IP, with its cluster and one endpoint; no route claims it. */
  service(name: string, options: { namespace?: string; address?: string } = {}): this {
    const namespace = options.namespace ?? "shop";
    const resource = `${namespace}/${name}:80`;
    this.clusters.set(resource, { protocol: "HTTP1", defaultWorkloadVersion: name });
    this.endpoints.set(resource, endpointsOf("10.0.0.1"));
    this.listeners.set(resource, {
      port: 80,
      hostname: "",
      routeConfiguration: "",
      cluster: resource,
      displayName: resource,
    });
    const frontend = { listener: resource, consumerListeners: new Map() };
    this.frontends.set(`${name}.${namespace}:80`, frontend);
    if (options.address !== undefined) this.frontends.set(`${options.address}:80`, frontend);
    return this;
  }

  /** Routes of a Service, every match of every rule in order, in a virtual host for all hosts. */
  claim(service: string, routes: Readonly<Record<string, Route>>): this {
    this.#configure(`shop/${service}:80`, routes);
    const listener = this.listeners.get(`shop/${service}:80`)!;
    this.listeners.set(`shop/${service}:80`, { ...listener, cluster: "", routeConfiguration: `shop/${service}:80` });
    return this;
  }

  /** A Gateway with one listener per key, each with its routes. */
  gateway(name: string, listeners: Readonly<Record<string, Readonly<Record<string, Route>>>>): this {
    const names: string[] = [];
    for (const [section, routes] of Object.entries(listeners)) {
      const resource = `shop/${name}/${section}`;
      names.push(resource);
      this.#configure(resource, routes);
      this.listeners.set(resource, {
        port: 8080,
        hostname: "",
        routeConfiguration: resource,
        cluster: "",
        displayName: resource,
      });
    }
    this.gateways.set(`shop/${name}`, names);
    return this;
  }

  /** What a pod's sidecar is told of it. */
  workload(name: string): this {
    this.workloads.set(name, { serviceName: name, workloadVersion: "v1", inboundPorts: [] });
    return this;
  }

  translation(): Translation {
    return {
      listeners: new Map(this.listeners),
      routeConfigurations: new Map(this.routeConfigurations),
      routes: new Map(this.routes),
      clusters: new Map(this.clusters),
      endpoints: new Map(this.endpoints),
      workloads: new Map(this.workloads),
      gateways: new Map(this.gateways),
      frontends: new Map(this.frontends),
      statuses: { gatewayClasses: new Map(), gateways: new Map(), httpRoutes: new Map() },
    };
  }

  /** The next snapshot of the mesh as it is now. */
  snapshot(): Snapshot {
    const result = this.builder.build(this.translation());
    if (!result.ok) throw new Error(result.faults.join("; "));
    return result.snapshot;
  }

  #configure(name: string, routes: Readonly<Record<string, Route>>): void {
    const names = Object.keys(routes);
    for (const [route, body] of Object.entries(routes)) this.routes.set(route, body);
    const entries = names.flatMap((route, routeIndex) =>
      routes[route]!.rules.flatMap((rule, ruleIndex) =>
        rule.matches.map((_match, matchIndex) => ({ route: routeIndex, rule: ruleIndex, match: matchIndex })),
      ),
    );
    this.routeConfigurations.set(name, { routes: names, virtualHosts: [{ hostname: "", entries }] });
  }
}
