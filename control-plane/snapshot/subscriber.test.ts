// What one agent is told, over random histories of a mesh and random refusals: whatever it refuses, what it holds is
// consistent at every moment, nothing that it refused comes again, and everything arrives once it refuses no more.
import test, { type ExecutionContext } from "ava";
import * as fc from "fast-check";
import { decodeResource } from "../../proto/discovery.ts";
import type { DiscoveryResponse, Resource, ResourceError } from "../../proto/messages.ts";
import { endpointsOf, Mesh, routeOf } from "../../test/protocol/mesh.ts";
import { closureOf } from "./scope.ts";
import { Subscriber } from "./subscriber.ts";
import { dependenciesOf } from "./resource.ts";

const services = ["a", "b", "c"] as const;

/** One change of the mesh. */
type Change =
  | { readonly kind: "endpoints"; readonly service: string; readonly address: number }
  | { readonly kind: "routes"; readonly weights: readonly number[]; readonly paths: readonly number[] }
  | { readonly kind: "cluster"; readonly service: string; readonly version: number }
  | { readonly kind: "frontend"; readonly service: string; readonly exists: boolean };

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("endpoints" as const), service: fc.constantFrom(...services), address: fc.nat(3) }),
  fc.record({
    kind: fc.constant("routes" as const),
    weights: fc.array(fc.nat(2), { minLength: 3, maxLength: 3 }),
    paths: fc.array(fc.nat(2), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant("cluster" as const), service: fc.constantFrom(...services), version: fc.nat(3) }),
  fc.record({ kind: fc.constant("frontend" as const), service: fc.constantFrom(...services), exists: fc.boolean() }),
);

function change(mesh: Mesh, step: Change): void {
  switch (step.kind) {
    case "endpoints":
      mesh.endpoints.set(`shop/${step.service}:80`, endpointsOf(`10.0.0.${step.address}`));
      break;
    case "cluster":
      mesh.clusters.set(`shop/${step.service}:80`, { protocol: "HTTP1", defaultWorkloadVersion: `${step.version}` });
      break;
    case "frontend":
      if (step.exists) {
        const frontend = { listener: `shop/${step.service}:80`, consumerListeners: new Map() };
        mesh.frontends.set(`${step.service}.shop:80`, frontend);
      } else mesh.frontends.delete(`${step.service}.shop:80`);
      break;
    case "routes": {
      const [a = 0, b = 0, c = 0] = step.weights;
      mesh.claim("a", {
        "shop/one": routeOf({ paths: step.paths.map((path) => `/${path}`), backends: { "shop/b:80": a } }),
        ...(b > 0 ? { "shop/two": routeOf({ backends: { "shop/c:80": b } }) } : {}),
        "shop/three": routeOf(
          ...step.paths.slice(1).map((path) => ({ paths: [`/${path}`], backends: { "shop/a:80": c } })),
        ),
      });
      break;
    }
  }
}

/** An agent that keeps what it is sent and refuses some versions. */
class ModelAgent {
  held = new Map<string, Resource>();
  readonly answers = new Map<string, DiscoveryResponse["answers"][number]>();
  readonly #refuses: (resource: Resource) => boolean;
  readonly refused = new Set<string>();

  constructor(refuses: (resource: Resource) => boolean) {
    this.#refuses = refuses;
  }

  receive(response: DiscoveryResponse): ResourceError[] {
    const errors: ResourceError[] = [];
    for (const { type, name, version, ...rest } of response.resources) {
      if (!this.#refuses({ type, name, version, ...rest })) continue;
      errors.push({ type, name, version, reason: "refused by the model" });
      this.refused.add(`${type}/${name}@${version}`);
    }
    if (errors.length > 0) return errors;
    this.held = new Map(this.held);
    for (const resource of response.resources) this.held.set(`${resource.type}/${resource.name}`, resource);
    for (const { type, name } of response.removedResources) this.held.delete(`${type}/${name}`);
    for (const answer of response.answers) this.answers.set(answer.subscription, answer);
    return [];
  }

  /** What contradicts itself in what is held, "" when nothing does. */
  contradiction(): string {
    for (const answer of this.answers.values()) {
      for (const listener of answer.listeners) {
        if (!this.held.has(`LISTENER/${listener}`)) return `${answer.subscription} has no LISTENER/${listener}`;
      }
    }
    for (const [key, resource] of this.held) {
      if (resource.type === "RESOURCE_TYPE_UNSPECIFIED") return `${key} has no type`;
      const body = decodeResource(resource.type, resource.body);
      for (const dependency of dependenciesOf(resource.type, resource.name, body)) {
        if (!this.held.has(dependency)) return `${key} refers to ${dependency}, which is not held`;
      }
      if (resource.type !== "ROUTE_CONFIGURATION") continue;
      const { routes, virtualHosts } = decodeResource(resource.type, resource.body);
      for (const { entries } of virtualHosts) {
        for (const { route, rule, match } of entries) {
          const bytes = this.held.get(`ROUTE/${routes[route]}`)?.body ?? Buffer.alloc(0);
          if (decodeResource("ROUTE", bytes).rules[rule]?.matches[match] === undefined) {
            return `${key} points at ${routes[route]}, rule ${rule}, match ${match}`;
          }
        }
      }
    }
    return "";
  }
}

function converse(t: ExecutionContext, subscriber: Subscriber, agent: ModelAgent, mesh: Mesh): void {
  const snapshot = mesh.snapshot();
  for (let round = 0; round < 40; round++) {
    const response = subscriber.next(snapshot);
    if (response === null) return;
    t.is(subscriber.next(snapshot), null, "one response in flight");
    const errors = agent.receive(response);
    t.is(subscriber.acknowledge(response.nonce, errors, 0), errors.length === 0 ? "acknowledged" : "refused");
    if (agent.contradiction() !== "") throw new Error(agent.contradiction());
  }
  throw new Error("the conversation does not end");
}

test("whatever an agent refuses, it holds a consistent set, and all of it once it refuses no more", (t) => {
  fc.assert(
    fc.property(fc.array(changes, { minLength: 1, maxLength: 12 }), fc.nat(255), (steps, seed) => {
      const mesh = new Mesh();
      for (const service of services) mesh.service(service);
      let refuses = true;
      const agent = new ModelAgent(
        (resource) => refuses && Number.parseInt(resource.version.slice(0, 2), 16) % 4 === seed % 4,
      );
      const names = services.map((service) => `frontend:${service}:80`);
      const node = { id: "n", namespace: "shop", pod: "p", labels: {}, mode: "SIDECAR" as const, agentVersion: "" };
      const subscriber = new Subscriber(node, { subscriptions: names, knownResources: [] }, mesh.snapshot());
      converse(t, subscriber, agent, mesh);
      for (const step of steps) {
        change(mesh, step);
        converse(t, subscriber, agent, mesh);
      }
      // Everything that it refused gets another version, and it refuses nothing.
      refuses = false;
      for (const key of agent.refused) {
        const name = key.slice(key.indexOf("/") + 1, key.lastIndexOf("@"));
        if (key.startsWith("CLUSTER/")) mesh.clusters.set(name, { protocol: "H2C", defaultWorkloadVersion: "new" });
        if (key.startsWith("ENDPOINTS/")) mesh.endpoints.set(name, endpointsOf("10.9.9.9"));
        if (key.startsWith("LISTENER/")) mesh.listeners.set(name, { ...mesh.listeners.get(name)!, port: 81 });
      }
      mesh.claim("a", { "shop/new": routeOf({ paths: ["/new"], backends: { "shop/b:80": 1 } }) });
      converse(t, subscriber, agent, mesh);
      const snapshot = mesh.snapshot();
      const wanted = services
        .filter((service) => mesh.frontends.has(`${service}.shop:80`))
        .flatMap((service) => closureOf(snapshot, `LISTENER/shop/${service}:80`));
      t.is(subscriber.withheld.size, 0);
      t.is(subscriber.acknowledgedGeneration, snapshot.generation);
      t.deepEqual(
        [...agent.held].map(([key, { version }]) => `${key} ${version}`).sort(),
        [...new Set(wanted)].map(({ key, version }) => `${key} ${version}`).sort(),
      );
    }),
    { numRuns: 300 },
  );
});
