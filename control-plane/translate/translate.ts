// ClusterState to Translation: composes the parts of this folder and remembers their results. Pure: the same state
// gives the same output whatever came before, and nothing that was passed in is changed. What was remembered only
// decides which objects keep their identity and how much is computed again.
import type { Cluster, Endpoints, Listener, Route, RouteConfiguration, Workload } from "../../proto/messages.ts";
import type { ClusterState, Gateway, HttpRoute, Pod, Service } from "../source/cluster-state.ts";
import { condition } from "./conditions.ts";
import { type ServiceClusters, translateService } from "./endpoints.ts";
import { type ServiceFrontends, translateFrontends } from "./frontends.ts";
import { gatewayStatus, servedListeners } from "./gateway-status.ts";
import { type GatewayView, viewGateway } from "./gateway-view.ts";
import { type AttachedRoute, orderRoutes } from "./precedence.ts";
import { groupBy, retain, sameElements } from "./retain.ts";
import { type TranslatedRoute, translateRoute } from "./route.ts";
import { ResultCache, type Tables } from "./tables.ts";
import type { Condition, Frontend, GatewayStatus, RouteParentStatus, Statuses, Translation } from "./translation.ts";
import { translatePod } from "./workloads.ts";

export interface TranslateOptions {
  /** GatewayClasses with this controllerName are ours. */
  readonly controllerName: string;
  /** "namespace/name" of the Gateways that an agent acknowledged; the others are Programmed=False/Pending. */
  readonly programmedGateways?: ReadonlySet<string>;
  /** Addresses that Gateways can be reached at. Absent: spec.addresses is not judged by value. */
  readonly usableAddresses?: ReadonlySet<string>;
}

interface RouteConfigurationEntry {
  readonly attached: readonly AttachedRoute[];
  readonly body: RouteConfiguration;
}

/** Keep one per source: its memory is one translation deep. */
export class Translator {
  readonly #gatewayViews = new ResultCache<Gateway, GatewayView>();
  readonly #routes = new ResultCache<HttpRoute, TranslatedRoute>();
  readonly #services = new ResultCache<Service, ServiceClusters>();
  readonly #workloads = new ResultCache<Pod, Workload | null>();
  #tables: Tables = emptyTables();
  #frontends = new Map<string, ServiceFrontends>();
  #routeConfigurations = new Map<string, RouteConfigurationEntry>();
  #gatewayListeners: ReadonlyMap<string, Listener> = new Map();
  #gateways: ReadonlyMap<string, readonly string[]> = new Map();
  #gatewayStatuses: ReadonlyMap<string, GatewayStatus> = new Map();
  #gatewayClassStatuses: ReadonlyMap<string, readonly Condition[]> = new Map();

  /** Never throws for what objects say: what is wrong with one becomes its condition. */
  translate(state: ClusterState, options: TranslateOptions): Translation {
    const tables = this.#buildTables(state, options);
    const routes = new Map<string, Route>();
    const routeStatuses = new Map<string, readonly RouteParentStatus[]>();
    const attached = new Map<string, AttachedRoute[]>();
    const attachedCounts = new Map<string, number>();
    for (const [key, route] of state.httpRoutes) {
      const result = this.#routes.get(key, route, tables, (reader, previous) =>
        translateRoute(route, reader, previous),
      );
      for (const { name, body } of result.variants) routes.set(name, body);
      if (result.statuses.length > 0) routeStatuses.set(key, result.statuses);
      for (const [place, attachedRoute] of result.places) {
        const there = attached.get(place);
        if (there === undefined) attached.set(place, [attachedRoute]);
        else there.push(attachedRoute);
        if (result.accepted) attachedCounts.set(place, (attachedCounts.get(place) ?? 0) + 1);
      }
    }
    this.#routes.sweep();

    const clusters = new Map<string, Cluster>();
    const endpoints = new Map<string, Endpoints>();
    for (const [key, service] of state.services) {
      const result = this.#services.get(key, service, tables, (reader, previous) =>
        translateService(service, reader, previous),
      );
      for (const named of result.clusters) {
        clusters.set(named.name, named.cluster);
        endpoints.set(named.name, named.endpoints);
      }
    }
    this.#services.sweep();

    const { listeners, gateways } = this.#translateGateways(tables);
    const frontends = this.#translateFrontends(state, attached, listeners);
    return {
      listeners,
      routeConfigurations: this.#orderRoutes(listeners, attached),
      routes,
      clusters,
      endpoints,
      workloads: this.#translateWorkloads(state, tables),
      gateways,
      frontends,
      statuses: this.#statuses(state, options, tables, attachedCounts, routeStatuses),
    };
  }

  #buildTables(state: ClusterState, options: TranslateOptions): Tables {
    const before = this.#tables;
    const gatewayViews = new Map<string, GatewayView>();
    for (const [key, gateway] of state.gateways) {
      if (state.gatewayClasses.get(gateway.gatewayClassName)?.controllerName !== options.controllerName) continue;
      gatewayViews.set(
        key,
        this.#gatewayViews.get(key, gateway, before, () => viewGateway(gateway)),
      );
    }
    this.#gatewayViews.sweep();
    this.#tables = {
      services: state.services,
      namespaces: state.namespaces,
      pods: state.pods,
      gatewayViews,
      gateways: state.gateways,
      gatewaysByName: groupBy(state.gateways.values(), ({ meta }) => meta.name, before.gatewaysByName),
      grantsByNamespace: groupBy(
        state.referenceGrants.values(),
        ({ meta }) => meta.namespace,
        before.grantsByNamespace,
      ),
      slicesByService: groupBy(
        state.endpointSlices.values(),
        ({ meta, serviceName }) => `${meta.namespace}/${serviceName}`,
        before.slicesByService,
      ),
    };
    return this.#tables;
  }

  #translateGateways(tables: Tables): { listeners: Map<string, Listener>; gateways: Translation["gateways"] } {
    const listeners = new Map<string, Listener>();
    const gateways = new Map<string, readonly string[]>();
    for (const [key, view] of tables.gatewayViews) {
      const names: string[] = [];
      for (const { resourceName, hostname, listener } of servedListeners(view)) {
        const body: Listener = {
          port: listener.port,
          hostname,
          routeConfiguration: resourceName,
          cluster: "",
          displayName: resourceName,
        };
        listeners.set(resourceName, retain(this.#gatewayListeners.get(resourceName), body));
        names.push(resourceName);
      }
      gateways.set(key, retain(this.#gateways.get(key), names));
    }
    this.#gatewayListeners = new Map(listeners);
    this.#gateways = gateways;
    return { listeners, gateways };
  }

  /** Adds the frontends' listeners to `listeners`. */
  #translateFrontends(
    state: ClusterState,
    attached: ReadonlyMap<string, unknown>,
    listeners: Map<string, Listener>,
  ): Translation["frontends"] {
    const consumers = new Map<string, string[]>();
    for (const place of attached.keys()) {
      const at = place.indexOf("@");
      if (at < 0) continue;
      const frontend = place.slice(0, at);
      const namespaces = consumers.get(frontend) ?? [];
      namespaces.push(place.slice(at + 1));
      consumers.set(frontend, namespaces);
    }
    for (const namespaces of consumers.values()) namespaces.sort();
    const results = new Map<string, ServiceFrontends>();
    const frontends = new Map<string, Frontend>();
    for (const [key, service] of state.services) {
      const result = translateFrontends(service, attached, consumers, this.#frontends.get(key));
      results.set(key, result);
      for (const [name, listener] of result.listeners) listeners.set(name, listener);
      for (const [names, frontend] of result.frontends) {
        for (const name of names) {
          // Two Services that claim one address: the first by name has it, whatever the order of objects.
          const other = frontends.get(name);
          if (other === undefined || frontend.listener < other.listener) frontends.set(name, frontend);
        }
      }
    }
    this.#frontends = results;
    return frontends;
  }

  #orderRoutes(
    listeners: ReadonlyMap<string, Listener>,
    attached: ReadonlyMap<string, readonly AttachedRoute[]>,
  ): Translation["routeConfigurations"] {
    const entries = new Map<string, RouteConfigurationEntry>();
    const bodies = new Map<string, RouteConfiguration>();
    for (const { routeConfiguration: name } of listeners.values()) {
      if (name === "") continue;
      const routes = attached.get(name) ?? [];
      const before = this.#routeConfigurations.get(name);
      const entry =
        before !== undefined && sameElements(before.attached, routes)
          ? before
          : { attached: routes, body: retain(before?.body, orderRoutes(routes)) };
      entries.set(name, entry);
      bodies.set(name, entry.body);
    }
    this.#routeConfigurations = entries;
    return bodies;
  }

  #translateWorkloads(state: ClusterState, tables: Tables): Translation["workloads"] {
    const workloads = new Map<string, Workload>();
    for (const [key, pod] of state.pods) {
      const workload = this.#workloads.get(key, pod, tables, (_reader, previous) =>
        retain(previous, translatePod(pod)),
      );
      if (workload !== null) workloads.set(key, workload);
    }
    this.#workloads.sweep();
    return workloads;
  }

  #statuses(
    state: ClusterState,
    options: TranslateOptions,
    tables: Tables,
    attachedCounts: ReadonlyMap<string, number>,
    httpRoutes: Statuses["httpRoutes"],
  ): Statuses {
    const gatewayClasses = new Map<string, readonly Condition[]>();
    for (const [name, { controllerName, meta }] of state.gatewayClasses) {
      if (controllerName !== options.controllerName) continue;
      const accepted = condition(
        "Accepted",
        "True",
        "Accepted",
        "Heddle serves Gateways of this class",
        meta.generation,
      );
      gatewayClasses.set(name, retain(this.#gatewayClassStatuses.get(name), [accepted]));
    }
    const gateways = new Map<string, GatewayStatus>();
    for (const [key, view] of tables.gatewayViews) {
      const programmed = options.programmedGateways?.has(key) ?? false;
      const status = gatewayStatus(view, attachedCounts, { programmed, usableAddresses: options.usableAddresses });
      gateways.set(key, retain(this.#gatewayStatuses.get(key), status));
    }
    this.#gatewayClassStatuses = gatewayClasses;
    this.#gatewayStatuses = gateways;
    return { gatewayClasses, gateways, httpRoutes };
  }
}

function emptyTables(): Tables {
  return {
    services: new Map(),
    namespaces: new Map(),
    pods: new Map(),
    gatewayViews: new Map(),
    gateways: new Map(),
    gatewaysByName: new Map(),
    grantsByNamespace: new Map(),
    slicesByService: new Map(),
  };
}
