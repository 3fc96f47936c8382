// ClusterState to Translation: composes the parts of this folder and remembers their results. Pure: the same state
// gives the same output whatever came before, and nothing that was passed in is changed. What was remembered only
// decides which objects keep their identity and how much is computed again.
import type { Listener, Route, RouteConfiguration, Workload } from "../../proto/messages.ts";
import type { ClusterState, Gateway, HttpRoute, Pod } from "../source/cluster-state.ts";
import { gatewayClassConditions, gatewayStatus, servedListeners } from "./gateway-status.ts";
import { type GatewayView, type PortFault, viewGateway } from "./gateway-view.ts";
import { type AttachedRoute, orderRoutes } from "./precedence.ts";
import { groupBy, retain, sameElements, sameMap } from "./retain.ts";
import { type TranslatedRoute, translateRoute } from "./route.ts";
import { ClusterTranslator, FrontendTranslator } from "./services.ts";
import { emptyRound, nextRound, ResultCache, type Round } from "./tables.ts";
import type {
  Condition,
  GatewayAddress,
  GatewayStatus,
  RouteParentStatus,
  Statuses,
  Translation,
} from "./translation.ts";
import { translatePod } from "./workloads.ts";

export interface TranslateOptions {
  /** GatewayClasses with this controllerName are ours. */
  readonly controllerName: string;
  /** "namespace/name" of the Gateways that an agent acknowledged; the others are Programmed=False/Pending. */
  readonly programmedGateways?: ReadonlySet<string>;
  /** Where a Gateway ("namespace/name") can be reached. Absent: its addresses are not judged. */
  readonly addressesOf?: (gateway: string) => readonly GatewayAddress[];
  /** "namespace/name" of Gateways whose infrastructure.parametersRef is of no use -> why. */
  readonly gatewayParameterErrors?: ReadonlyMap<string, string>;
  /** Ports that agents cannot bind; the same function for a Translator's life. */
  readonly portFault?: PortFault;
  /** "namespace/name" of Gateways that nothing can be made for to serve them -> why. */
  readonly gatewayObstacles?: ReadonlyMap<string, { readonly reason: string; readonly message: string }>;
}

/** What all HTTPRoutes together come to. */
interface TranslatedRoutes {
  readonly routes: ReadonlyMap<string, Route>;
  readonly statuses: Statuses["httpRoutes"];
  /** Routes by listener or frontend resource, in no particular order. */
  readonly attached: ReadonlyMap<string, readonly AttachedRoute[]>;
  /** How many accepted routes each of them has. */
  readonly counts: ReadonlyMap<string, number>;
}

interface OrderedRoutes {
  readonly attached: readonly AttachedRoute[];
  readonly body: RouteConfiguration;
}

/** Keep one per source: its memory is one translation deep. */
export class Translator {
  readonly #gatewayViews = new ResultCache<Gateway, GatewayView>();
  readonly #routeResults = new ResultCache<HttpRoute, TranslatedRoute>();
  readonly #workloadResults = new ResultCache<Pod, Workload | null>();
  readonly #clusters = new ClusterTranslator();
  readonly #frontends = new FrontendTranslator();
  #round: Round = emptyRound();
  #routes: TranslatedRoutes = { routes: new Map(), statuses: new Map(), attached: new Map(), counts: new Map() };
  #ordered: ReadonlyMap<string, OrderedRoutes> = new Map();
  #workloads: ReadonlyMap<string, Workload> = new Map();
  #gatewayListeners: ReadonlyMap<string, Listener> = new Map();
  #gateways: ReadonlyMap<string, readonly string[]> = new Map();
  #gatewayStatuses: ReadonlyMap<string, GatewayStatus> = new Map();
  #gatewayClassStatuses: ReadonlyMap<string, readonly Condition[]> = new Map();

  /** Never throws for what objects say: what is wrong with one becomes its condition. */
  translate(state: ClusterState, options: TranslateOptions): Translation {
    const round = this.#startRound(state, options);
    const { routes, attached, counts, statuses: httpRoutes } = this.#translateRoutes(state.httpRoutes, round);
    const { clusters, endpoints } = this.#clusters.translate(state.services, round);
    const { listeners: frontendListeners, frontends } = this.#frontends.translate(state.services, attached.keys());
    this.#translateGateways(round);
    const listeners = new Map([...frontendListeners, ...this.#gatewayListeners]);
    return {
      listeners,
      routeConfigurations: this.#orderRoutes(listeners, attached),
      routes,
      clusters,
      endpoints,
      workloads: this.#translateWorkloads(state.pods, round),
      gateways: this.#gateways,
      frontends,
      statuses: { ...this.#gatewayStatusesOf(state, options, round, counts), httpRoutes },
    };
  }

  #startRound(state: ClusterState, options: TranslateOptions): Round {
    const before = this.#round.tables;
    const views = new Map<string, GatewayView>();
    for (const [key, gateway] of state.gateways) {
      if (state.gatewayClasses.get(gateway.gatewayClassName)?.controllerName !== options.controllerName) continue;
      const view = this.#gatewayViews.get(key, gateway, this.#round, () => viewGateway(gateway, options.portFault));
      views.set(key, view);
    }
    this.#gatewayViews.sweep();
    const grants = state.referenceGrants.values();
    const slices = state.endpointSlices.values();
    this.#round = nextRound(this.#round, {
      services: state.services,
      namespaces: state.namespaces,
      pods: state.pods,
      gatewayViews: sameMap(before.gatewayViews, views),
      gateways: state.gateways,
      gatewaysByName: groupBy(state.gateways.values(), ({ meta }) => meta.name, before.gatewaysByName),
      gatewaysByNamespace: groupBy(state.gateways.values(), ({ meta }) => meta.namespace, before.gatewaysByNamespace),
      gatewayClasses: groupBy(
        state.gatewayClasses.values(),
        ({ controllerName }) => (controllerName === options.controllerName ? "ours" : "others"),
        before.gatewayClasses,
      ),
      grantsByNamespace: groupBy(grants, ({ meta }) => meta.namespace, before.grantsByNamespace),
      slicesByService: groupBy(
        slices,
        ({ meta, serviceName }) => `${meta.namespace}/${serviceName}`,
        before.slicesByService,
      ),
    });
    return this.#round;
  }

  #translateRoutes(httpRoutes: ClusterState["httpRoutes"], round: Round): TranslatedRoutes {
    const results: [string, TranslatedRoute][] = [];
    for (const [key, route] of httpRoutes) {
      results.push([
        key,
        this.#routeResults.get(key, route, round, (reader, previous) => translateRoute(route, reader, previous)),
      ]);
    }
    if (!this.#routeResults.sweep()) return this.#routes;
    const routes = new Map<string, Route>();
    const statuses = new Map<string, readonly RouteParentStatus[]>();
    const attached = new Map<string, AttachedRoute[]>();
    const counts = new Map<string, number>();
    for (const [key, result] of results) {
      for (const { name, body } of result.variants) routes.set(name, body);
      if (result.statuses.length > 0) statuses.set(key, result.statuses);
      for (const [place, route] of result.places) {
        const there = attached.get(place);
        if (there === undefined) attached.set(place, [route]);
        else there.push(route);
        if (result.accepted) counts.set(place, (counts.get(place) ?? 0) + 1);
      }
    }
    this.#routes = { routes, statuses, attached, counts };
    return this.#routes;
  }

  #translateGateways({ tables }: Round): void {
    const listeners = new Map<string, Listener>();
    const gateways = new Map<string, readonly string[]>();
    for (const [key, view] of tables.gatewayViews) {
      const served = servedListeners(view);
      for (const { resourceName, hostname, listener } of served) {
        const body: Listener = {
          port: listener.port,
          hostname,
          routeConfiguration: resourceName,
          cluster: "",
          displayName: resourceName,
        };
        listeners.set(resourceName, retain(this.#gatewayListeners.get(resourceName), body));
      }
      const names = served.map(({ resourceName }) => resourceName);
      gateways.set(key, retain(this.#gateways.get(key), names));
    }
    this.#gatewayListeners = listeners;
    this.#gateways = gateways;
  }

  #orderRoutes(
    listeners: ReadonlyMap<string, Listener>,
    attached: ReadonlyMap<string, readonly AttachedRoute[]>,
  ): Translation["routeConfigurations"] {
    const ordered = new Map<string, OrderedRoutes>();
    const bodies = new Map<string, RouteConfiguration>();
    for (const { routeConfiguration: name } of listeners.values()) {
      if (name === "") continue;
      const routes = attached.get(name) ?? [];
      const before = this.#ordered.get(name);
      const isSame = before !== undefined && sameElements(before.attached, routes);
      const entry = isSame ? before : { attached: routes, body: retain(before?.body, orderRoutes(routes)) };
      ordered.set(name, entry);
      bodies.set(name, entry.body);
    }
    this.#ordered = ordered;
    return bodies;
  }

  #translateWorkloads(pods: ClusterState["pods"], round: Round): Translation["workloads"] {
    const results: [string, Workload | null][] = [];
    for (const [key, pod] of pods) {
      const compute = (_: unknown, previous: Workload | null | undefined) => retain(previous, translatePod(pod));
      results.push([key, this.#workloadResults.get(key, pod, round, compute)]);
    }
    if (!this.#workloadResults.sweep()) return this.#workloads;
    const workloads = new Map<string, Workload>();
    for (const [key, workload] of results) if (workload !== null) workloads.set(key, workload);
    this.#workloads = workloads;
    return workloads;
  }

  #gatewayStatusesOf(
    state: ClusterState,
    options: TranslateOptions,
    { tables }: Round,
    attachedCounts: ReadonlyMap<string, number>,
  ): Omit<Statuses, "httpRoutes"> {
    const gatewayClasses = new Map<string, readonly Condition[]>();
    for (const [name, gatewayClass] of state.gatewayClasses) {
      if (gatewayClass.controllerName !== options.controllerName) continue;
      const conditions = gatewayClassConditions(gatewayClass);
      gatewayClasses.set(name, retain(this.#gatewayClassStatuses.get(name), conditions));
    }
    const gateways = new Map<string, GatewayStatus>();
    for (const [key, view] of tables.gatewayViews) {
      const status = gatewayStatus(view, attachedCounts, {
        programmed: options.programmedGateways?.has(key) ?? false,
        addresses: options.addressesOf?.(key),
        parameterError: options.gatewayParameterErrors?.get(key),
        obstacle: options.gatewayObstacles?.get(key),
      });
      gateways.set(key, retain(this.#gatewayStatuses.get(key), status));
    }
    this.#gatewayClassStatuses = gatewayClasses;
    this.#gatewayStatuses = gateways;
    return { gatewayClasses, gateways };
  }
}
