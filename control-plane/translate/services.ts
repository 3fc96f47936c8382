// All Services of a state: their clusters, endpoints, frontends and the frontends' listeners, as the maps that a
// Translation holds. A map whose content did not change is the one from last time, so that a new weight on a route
// costs nothing here.
import type { Cluster, Endpoints, Listener } from "../../proto/messages.ts";
import type { Service } from "../source/cluster-state.ts";
import { type ServiceClusters, translateService } from "./endpoints.ts";
import { type ServiceFrontends, translateFrontends } from "./frontends.ts";
import { sameElements } from "./retain.ts";
import { ResultCache, type Round } from "./tables.ts";
import type { Frontend } from "./translation.ts";

interface ClusterMaps {
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly endpoints: ReadonlyMap<string, Endpoints>;
}

interface FrontendMaps {
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly frontends: ReadonlyMap<string, Frontend>;
}

/** Clusters and endpoints of all Services. */
export class ClusterTranslator {
  readonly #services = new ResultCache<Service, ServiceClusters>();
  #last: ClusterMaps = { clusters: new Map(), endpoints: new Map() };

  translate(services: ReadonlyMap<string, Service>, round: Round): ClusterMaps {
    const results: ServiceClusters[] = [];
    for (const [key, service] of services) {
      results.push(
        this.#services.get(key, service, round, (reader, previous) => translateService(service, reader, previous)),
      );
    }
    if (!this.#services.sweep()) return this.#last;
    const clusters = new Map<string, Cluster>();
    const endpoints = new Map<string, Endpoints>();
    for (const result of results) {
      for (const named of result.clusters) {
        clusters.set(named.name, named.cluster);
        endpoints.set(named.name, named.endpoints);
      }
    }
    this.#last = { clusters, endpoints };
    return this.#last;
  }
}

/** Frontends of all Services, and their listeners. */
export class FrontendTranslator {
  #results = new Map<string, ServiceFrontends>();
  #services: ReadonlyMap<string, Service> = new Map();
  #routedPlaces: readonly string[] = [];
  #last: FrontendMaps = { listeners: new Map(), frontends: new Map() };

  /** `places` are the resource names that routes attached to, those of Gateway listeners among them. */
  translate(services: ReadonlyMap<string, Service>, places: Iterable<string>): FrontendMaps {
    const routedPlaces = [...places].filter((place) => place.includes(":")).sort();
    const isSameRouting = sameElements(routedPlaces, this.#routedPlaces);
    if (isSameRouting && this.#isSameServices(services)) return this.#last;
    const routed = new Set(routedPlaces);
    const consumers = consumersByFrontend(routedPlaces);
    const results = new Map<string, ServiceFrontends>();
    for (const [key, service] of services) {
      const before = this.#results.get(key);
      const isKnown = isSameRouting && before !== undefined && this.#services.get(key) === service;
      results.set(key, isKnown ? before : translateFrontends(service, routed, consumers, before));
    }
    this.#results = results;
    this.#services = services;
    this.#routedPlaces = routedPlaces;
    this.#last = collect(results.values());
    return this.#last;
  }

  #isSameServices(services: ReadonlyMap<string, Service>): boolean {
    if (services === this.#services) return true;
    if (services.size !== this.#services.size) return false;
    for (const [key, service] of services) if (this.#services.get(key) !== service) return false;
    return true;
  }
}

/** Client namespaces by frontend, sorted because `routedPlaces` is. */
function consumersByFrontend(routedPlaces: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const consumers = new Map<string, string[]>();
  for (const place of routedPlaces) {
    const at = place.indexOf("@");
    if (at < 0) continue;
    const frontend = place.slice(0, at);
    const namespaces = consumers.get(frontend);
    if (namespaces === undefined) consumers.set(frontend, [place.slice(at + 1)]);
    else namespaces.push(place.slice(at + 1));
  }
  return consumers;
}

function collect(results: Iterable<ServiceFrontends>): FrontendMaps {
  const listeners = new Map<string, Listener>();
  const frontends = new Map<string, Frontend>();
  for (const result of results) {
    for (const [name, listener] of result.listeners) listeners.set(name, listener);
    for (const [names, frontend] of result.frontends) {
      for (const name of names) {
        // Two Services that claim one address: the first by name has it, whatever the order of objects.
        const other = frontends.get(name);
        if (other === undefined || frontend.listener < other.listener) frontends.set(name, frontend);
      }
    }
  }
  return { listeners, frontends };
}
