// The whole precedence order, against a reading of the specification that shares no code with translation or matching:
// every match of every route is a candidate for every request, and the best by C.2's list wins. Random routes on random
// listeners, from manifests to what an agent's tables answer.
import test from "ava";
import * as fc from "fast-check";
import { SnapshotBuilder } from "../../control-plane/snapshot/snapshot.ts";
import { FolderLoader } from "../../control-plane/source/folder-loader.ts";
import { loadSchemas } from "../../control-plane/source/schemas.ts";
import { formatProblem } from "../../control-plane/source/source.ts";
import { Translator } from "../../control-plane/translate/translate.ts";
import { asGatewayAgent } from "../golden/agent.ts";

const schemas = await loadSchemas();

interface Match {
  readonly path: { readonly type: "Exact" | "PathPrefix"; readonly value: string };
  readonly headers: readonly string[];
  readonly queryParams: readonly string[];
  readonly method: string;
}

interface Route {
  readonly hostnames: readonly string[];
  readonly age: number;
  readonly rules: readonly (readonly Match[])[];
}

interface Request {
  readonly host: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly query: readonly string[];
  readonly method: string;
}

const names = ["a", "b"];
const hostnames = ["x.example", "a.x.example", "b.a.x.example", "*.x.example", "*.a.x.example", "y.example"];
const match: fc.Arbitrary<Match> = fc.record({
  path: fc.record({
    type: fc.constantFrom("Exact", "PathPrefix"),
    value: fc.constantFrom("/", "/p", "/p/", "/p/q", "/pq"),
  }),
  headers: fc.subarray(names),
  queryParams: fc.subarray(names),
  method: fc.constantFrom("", "", "GET", "PUT"),
});
const route: fc.Arbitrary<Route> = fc.record({
  hostnames: fc.subarray(hostnames, { maxLength: 3 }),
  age: fc.nat(1),
  rules: fc.array(fc.array(match, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
});
const request: fc.Arbitrary<Request> = fc.record({
  host: fc.constantFrom("x.example", "a.x.example", "b.a.x.example", "c.b.x.example", "y.example", "z"),
  path: fc.constantFrom("/", "/p", "/p/", "/p/q", "/p/q/", "/pq", "/r"),
  headers: fc.subarray(names),
  query: fc.subarray(names),
  method: fc.constantFrom("GET", "PUT", "POST"),
});

/** B.2, by the definition: "*.x" is one or more labels left of x. */
function covers(pattern: string, host: string): boolean {
  return pattern === "" || pattern === host || (pattern.startsWith("*.") && host.endsWith(pattern.slice(1)));
}

/** C.2.1: exact by its characters, then wildcard by its characters, then none. */
function hostRank(pattern: string): number {
  return pattern === "" ? 0 : pattern.startsWith("*") ? pattern.length : 1000 + pattern.length;
}

function best(patterns: readonly string[], host: string): number {
  return Math.max(-1, ...patterns.filter((pattern) => covers(pattern, host)).map(hostRank));
}

function matches({ path, headers, queryParams, method }: Match, asked: Request): boolean {
  const elements = (text: string): string[] => text.split("/").filter((element) => element !== "");
  const prefix = elements(path.value);
  const pathHolds =
    path.type === "Exact"
      ? path.value === asked.path
      : prefix.every((element, index) => elements(asked.path)[index] === element);
  return (
    pathHolds &&
    (method === "" || method === asked.method) &&
    headers.every((name) => asked.headers.includes(name)) &&
    queryParams.every((name) => asked.query.includes(name))
  );
}

function expected(listeners: readonly string[], routes: readonly Route[], asked: Request): string {
  const [listener] = listeners
    .filter((pattern) => covers(pattern, asked.host))
    .sort((left, right) => hostRank(right) - hostRank(left));
  if (listener === undefined) return "no listener";
  const candidates = routes.flatMap((one, index) => {
    // A route without hostnames has the listener's; a listener's narrower hostname narrows the route's.
    const own = one.hostnames.length === 0 ? [listener] : one.hostnames;
    const host = best(own, asked.host);
    if (host < 0) return [];
    const narrowed = Math.max(host, hostRank(listener));
    return one.rules.flatMap((rule, ruleIndex) =>
      rule.flatMap((candidate, matchIndex) => {
        if (!matches(candidate, asked)) return [];
        const { path, method, headers, queryParams } = candidate;
        const length = path.type === "PathPrefix" ? path.value.replace(/(.)\/$/, "$1").length : path.value.length;
        const key = [
          -narrowed,
          path.type === "Exact" ? 0 : 1,
          -length,
          method === "" ? 1 : 0,
          -headers.length,
          -queryParams.length,
          one.age,
          index,
          ruleIndex,
          matchIndex,
        ];
        return [{ key, verdict: `shop/r${index} ${ruleIndex}` }];
      }),
    );
  });
  candidates.sort((left, right) => {
    const at = left.key.findIndex((value, index) => value !== right.key[index]);
    return at < 0 ? 0 : (left.key[at] ?? 0) - (right.key[at] ?? 0);
  });
  return candidates[0]?.verdict ?? "no route";
}

function manifests(listeners: readonly string[], routes: readonly Route[]): string {
  const group = "gateway.networking.k8s.io/v1";
  const exactly = (list: readonly string[]) => list.map((name) => ({ name, value: "1" }));
  const objects = [
    { kind: "GatewayClass", metadata: { name: "heddle" }, spec: { controllerName: "heddle.dev/gateway-controller" } },
    {
      kind: "Gateway",
      metadata: { name: "gw", namespace: "shop" },
      spec: {
        gatewayClassName: "heddle",
        listeners: listeners.map((hostname, index) => ({
          name: `l${index}`,
          port: 80,
          protocol: "HTTP",
          ...(hostname !== "" && { hostname }),
        })),
      },
    },
    ...routes.map(({ hostnames: own, age, rules }, index) => ({
      kind: "HTTPRoute",
      metadata: { name: `r${index}`, namespace: "shop", creationTimestamp: `2026-01-0${age + 1}T00:00:00Z` },
      spec: {
        parentRefs: [{ name: "gw" }],
        hostnames: own,
        rules: rules.map((list) => ({
          matches: list.map(({ path, headers, queryParams, method }) => ({
            path,
            headers: exactly(headers),
            queryParams: exactly(queryParams),
            ...(method !== "" && { method }),
          })),
        })),
      },
    })),
  ];
  return objects.map((object) => JSON.stringify({ apiVersion: group, ...object })).join("\n---\n");
}

test("C.2 the best match over all routes of the best listener, whatever they are", (t) => {
  const listenerSets = fc.subarray(["", "*.x.example", "*.a.x.example", "a.x.example", "y.example"], { minLength: 1 });
  const routes = fc.array(route, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(listenerSets, routes, fc.array(request, { minLength: 20, maxLength: 20 }), (listeners, list, asked) => {
      const loader = new FolderLoader(schemas, { defaultNamespace: "shop", now: () => 0 });
      const { state, problems } = loader.load([{ path: "all.yaml", text: manifests(listeners, list) }]);
      if (state === null) throw new Error(problems.map(formatProblem).join("\n"));
      const translation = new Translator().translate(state, { controllerName: "heddle.dev/gateway-controller" });
      const built = new SnapshotBuilder({ epoch: "test" }).build(translation);
      if (!built.ok) throw new Error(built.faults.join("\n"));
      const port = asGatewayAgent(built.snapshot, "shop/gw").gatewayPorts.get(80);
      for (const one of asked) {
        const { host, path, method, headers, query } = one;
        const listener = port?.listenerFor(host) ?? null;
        const rule = listener?.routes?.match({
          host,
          path,
          method,
          query: query.map((name) => `${name}=1`).join("&"),
          header: (name) => (headers.includes(name) ? "1" : undefined),
        });
        const found = listener === null ? "no listener" : rule ? `${rule.route} ${rule.index}` : "no route";
        const wanted = expected(listeners, list, one);
        if (found !== wanted) throw new Error(`${JSON.stringify(one)}: ${found} instead of ${wanted}`);
      }
    }),
    { numRuns: 150 },
  );
  t.pass();
});
