// Rows of `heddle get`, as objects for -o json and as aligned columns for people. Pure.
import type { StatusObject } from "../../control-plane/status/status-object.ts";
import type { LiveRoute } from "../up/output/live-routes.ts";
import type { UpState } from "../up/state-server.ts";

type Row = Readonly<Record<string, string | number>>;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
}

interface RouteStatus {
  readonly parents: readonly {
    readonly parentRef: { readonly kind: string; readonly namespace: string; readonly name: string };
    readonly conditions: readonly Condition[];
  }[];
}

interface GatewayStatus {
  readonly addresses?: readonly { readonly value: string }[];
  readonly conditions: readonly Condition[];
  readonly listeners: readonly {
    readonly name: string;
    readonly attachedRoutes: number;
    readonly conditions: readonly Condition[];
  }[];
}

/** One row for each backend of each rule of each route; without live data one for each route. */
export function routeRows(statuses: readonly StatusObject[], live: readonly LiveRoute[]): readonly Row[] {
  const routes = new Map(live.map((route) => [route.route, route]));
  const rows: Row[] = [];
  const known = new Set<string>();
  for (const { kind, namespace, name, status } of statuses) {
    if (kind === "HTTPRoute") {
      const key = `${namespace}/${name}`;
      known.add(key);
      rows.push(...rowsOfRoute(key, status as unknown as RouteStatus, routes.get(key)));
    }
  }
  for (const route of live) {
    if (!known.has(route.route)) {
      rows.push(...rowsOfRoute(route.route, { parents: [] }, route));
    }
  }
  return rows;
}

function rowsOfRoute(route: string, { parents }: RouteStatus, live: LiveRoute | undefined): readonly Row[] {
  const parent =
    parents.length === 0
      ? "none of ours"
      : parents.map(({ parentRef: { kind, namespace, name } }) => `${kind} ${namespace}/${name}`).join(", ");
  const conditions = parents.map((entry) => describe(entry.conditions)).join("; ");
  const head = { route, parent, conditions };
  if (live === undefined) {
    return [head];
  }
  return live.rules.flatMap(({ rule, matches, backends, mirrors }): readonly Row[] => {
    const mirrored = mirrors.map((mirror) => `${mirror.backend} ${mirror.mirrored}`).join(", ");
    // A redirect, or a mistake: the route is there all the same.
    if (backends.length === 0) return [{ ...head, rule, matches, backend: "none", mirrors: mirrored }];
    return backends.map(({ backend, weight, share, requests, errors }) => ({
      ...head,
      rule,
      matches,
      backend,
      weight,
      share: share === null ? "-" : `${Number((share * 100).toFixed(1))}%`,
      requests,
      errors,
      mirrors: mirrored,
    }));
  });
}

/** One row for each listener. */
export function gatewayRows(statuses: readonly StatusObject[], bound: UpState["gateways"]): readonly Row[] {
  return statuses.flatMap(({ kind, namespace, name, status }) => {
    if (kind !== "Gateway") {
      return [];
    }
    const gateway = `${namespace}/${name}`;
    const { addresses, conditions, listeners } = status as unknown as GatewayStatus;
    const local = bound.filter((port) => port.gateway === gateway).map(({ localPort }) => `127.0.0.1:${localPort}`);
    return listeners.map((listener) => ({
      gateway,
      address: local.join(", ") || (addresses ?? []).map(({ value }) => value).join(", ") || "-",
      conditions: describe(conditions),
      listener: listener.name,
      routes: listener.attachedRoutes,
      "listener conditions": describe(listener.conditions),
    }));
  });
}

export function agentRows(agents: UpState["agents"], pods: UpState["pods"]): readonly Row[] {
  return [
    ...agents.map(({ name, state, restarts, pid, admin }) => ({
      process: name,
      state,
      restarts,
      pid: pid ?? "-",
      address: admin === "" ? "-" : `admin http://${admin}`,
    })),
    ...pods.map(({ namespace, name, state, restarts, pid, port }) => ({
      process: `pod ${namespace}/${name}`,
      state,
      restarts,
      pid: pid ?? "-",
      address: `127.0.0.1:${port}`,
    })),
  ];
}

/** "Accepted, ResolvedRefs=False (BackendNotFound)": what is as it should be needs no words. */
function describe(conditions: readonly Condition[]): string {
  return conditions
    .filter(({ type, status }) => !(type === "Conflicted" && status === "False"))
    .map(({ type, status, reason }) => (status === "True" ? type : `${type}=${status} (${reason})`))
    .join(", ");
}

/** Aligned columns under upper-case titles; "none" without rows. */
export function printRows(rows: readonly Row[]): string {
  const titles = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (titles.length === 0) {
    return "none";
  }
  const cells = [
    titles.map((title) => title.toUpperCase()),
    ...rows.map((row) => titles.map((t) => String(row[t] ?? ""))),
  ];
  const widths = titles.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  return cells
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
