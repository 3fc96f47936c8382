// What one agent holds, as tables: listeners, rules, clusters with their endpoints, and names that it asked for. Pure
// over the agent's page /config.
import type {
  Answer,
  Cluster,
  Endpoints,
  Listener,
  Match,
  Mirror,
  Route,
  RouteConfiguration,
  Workload,
} from "../../agent/snapshot/resources.ts";
import { printRows } from "../get/rows.ts";

type ByName<Value> = Readonly<Record<string, Value>>;

/** The page /config of an agent: its resources with maps as objects. */
export interface ConfigPage {
  readonly version: string;
  readonly mode: string;
  readonly discovery?: {
    readonly state: string;
    readonly address: string;
    /** Why the stream before this one ended. */
    readonly lastEnd?: { readonly details: string } | null;
  };
  /** Gateway mode: listener port to bound port. */
  readonly listeners?: Readonly<Record<string, number>>;
  readonly resources: {
    readonly generation: string;
    readonly listeners: ByName<Listener>;
    readonly routeConfigurations: ByName<RouteConfiguration>;
    readonly routes: ByName<Route>;
    readonly clusters: ByName<Cluster>;
    readonly endpoints: ByName<Endpoints>;
    readonly workloads: ByName<Workload>;
    readonly answers: ByName<Answer>;
  };
}

/** Lines without line ends. */
export function printConfig(place: string, page: ConfigPage): readonly string[] {
  const { resources, discovery } = page;
  const stream =
    discovery === undefined
      ? "not asked for any configuration yet"
      : `discovery ${discovery.state} at ${discovery.address}${discovery.lastEnd?.details ? `, the stream before ended: ${discovery.lastEnd.details}` : ""}`;
  return [
    `${place}: ${page.mode}, version ${page.version || "unknown"}, generation ${resources.generation || "none"}, ${stream}`,
    ...section("listeners", listenerRows(page)),
    ...section("routes", routeRows(page)),
    ...section("clusters", clusterRows(page)),
    ...section("endpoints", endpointRows(page)),
    ...section("inbound", inboundRows(page)),
    ...section("subscriptions", subscriptionRows(page)),
  ];
}

type Rows = Parameters<typeof printRows>[0];

/** A table under its title; nothing for an empty one. */
function section(title: string, rows: Rows): readonly string[] {
  return rows.length === 0 ? [] : ["", title, ...printRows(rows).split("\n")];
}

function listenerRows({ resources, listeners: bound = {} }: ConfigPage): Rows {
  return Object.values(resources.listeners).map(({ displayName, port, hostname, routeConfiguration, cluster }) => ({
    listener: displayName,
    port,
    "bound to": bound[port] ?? "-",
    host: hostname || "*",
    "goes to":
      cluster === "" ? routesOf(resources.routeConfigurations[routeConfiguration]) : `straight to cluster ${cluster}`,
  }));
}

function routesOf(configuration: RouteConfiguration | undefined): string {
  return configuration === undefined || configuration.routes.length === 0
    ? "no route: 404"
    : `routes ${configuration.routes.join(", ")}`;
}

function routeRows({ resources }: ConfigPage): Rows {
  return Object.values(resources.routes).flatMap(({ name, rules }) =>
    rules.flatMap((rule, index): Rows => {
      const head = { route: name, rule: index, matches: rule.matches.map(describeMatch).join(" or ") };
      if (rule.unsupported !== "") {
        return [{ ...head, backend: `500: ${rule.unsupported}`, weight: "-", mirrors: "" }];
      }
      if (rule.backends.length === 0) {
        return [{ ...head, backend: "500: no backends", weight: "-", mirrors: "" }];
      }
      return rule.backends.map((backend) => ({
        ...head,
        backend:
          backend.invalidReason === "" ? backend.displayName : `${backend.displayName} (500: ${backend.invalidReason})`,
        weight: backend.weight,
        mirrors: [...rule.mirrors, ...backend.mirrors].map(describeMirror).join(", "),
      }));
    }),
  );
}

function describeMatch({ method, path, headers, queryParameters }: Match): string {
  const sign = (regularExpression: boolean): string => (regularExpression ? "~" : "=");
  const prefix = { prefix: "", exact: "=", "regular-expression": "~" }[path.kind];
  return [
    method,
    `${prefix}${path.value}`,
    ...headers.map((header) => `${header.name}${sign(header.regularExpression)}${header.value}`),
    ...queryParameters.map((query) => `?${query.name}${sign(query.regularExpression)}${query.value}`),
  ]
    .filter((part) => part !== "")
    .join(" ");
}

function describeMirror({ displayName, numerator, denominator }: Mirror): string {
  return numerator === denominator ? displayName : `${displayName} (${numerator} of ${denominator})`;
}

function clusterRows({ resources }: ConfigPage): Rows {
  return Object.values(resources.clusters).map(({ name, protocol, defaultWorkloadVersion }) => {
    const endpoints = resources.endpoints[name]?.endpoints ?? [];
    const versions = new Set(endpoints.map(({ workloadVersion }) => workloadVersion || defaultWorkloadVersion));
    return {
      cluster: name,
      protocol,
      endpoints: endpoints.length,
      versions: [...versions].toSorted().join(", ") || "-",
    };
  });
}

function endpointRows({ resources }: ConfigPage): Rows {
  return Object.values(resources.endpoints).flatMap(({ name, endpoints }) =>
    endpoints.map(({ address, port, workloadVersion, pod }) => ({
      cluster: name,
      address: address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`,
      version: workloadVersion || resources.clusters[name]?.defaultWorkloadVersion || "-",
      pod: pod || "-",
    })),
  );
}

function inboundRows({ resources }: ConfigPage): Rows {
  return Object.values(resources.workloads).flatMap(({ serviceName, workloadVersion, inboundPorts }) =>
    inboundPorts.map(({ port, applicationPort, protocol }) => ({
      workload: serviceName,
      version: workloadVersion,
      port,
      application: applicationPort,
      protocol,
    })),
  );
}

function subscriptionRows({ resources }: ConfigPage): Rows {
  return Object.entries(resources.answers).map(([name, { state, listeners, workload }]) => ({
    subscription: name,
    answer: state === "not-found" ? "no such frontend: passes through" : state,
    holds: [...listeners, workload].filter((held) => held !== "").join(", ") || "-",
  }));
}
