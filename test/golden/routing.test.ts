// Golden cases as an agent answers them: which rule takes a request, after translation, encoding and compilation.
import test from "ava";
import { asGatewayAgent, asSidecar } from "./agent.ts";
import { loadCase } from "./load-case.ts";
import type { CompiledListener, CompiledRule, MatchableRequest } from "../../agent/snapshot/compiled.ts";

interface RequestOptions {
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function request(path: string, { host = "localhost", headers = {} }: RequestOptions = {}): MatchableRequest {
  return { method: "GET", host, path, query: "", header: (name) => (name === "host" ? host : headers[name]) };
}

/** What a Gateway's listener on port 80 makes of requests: "route rule index", or "404". */
function gatewayOf(name: string, gateway: string): (path: string, options?: RequestOptions) => string {
  const port = asGatewayAgent(loadCase(name).snapshot, gateway).gatewayPorts.get(80);
  return (path, options) => {
    const asked = request(path, options);
    return describe(port?.listenerFor(asked.host), asked);
  };
}

function describe(listener: CompiledListener | null | undefined, asked: MatchableRequest): string {
  if (listener?.cluster) return `cluster ${listener.cluster.name}`;
  const rule: CompiledRule | null = listener?.routes?.match(asked) ?? null;
  return rule === null ? "404" : `${rule.route} rule ${rule.index}`;
}

test("T21 T24 the header picks the experimental version, in any case of its name and one case of its value", (t) => {
  const ask = gatewayOf("t21-header-rule", "task-api/task-api-gateway");
  t.is(ask("/api/version"), "task-api/task-api-ab rule 1");
  t.is(ask("/api/version", { headers: { "x-beta-user": "true" } }), "task-api/task-api-ab rule 0");
  t.is(ask("/api/version", { headers: { "x-beta-user": "True" } }), "task-api/task-api-ab rule 1");
  t.is(ask("/other"), "404");
});

test("T27 T28 premium requests meet their rule whichever way the rules stand", (t) => {
  const first = gatewayOf("t27-premium-first", "task-api/task-api-gateway");
  const last = gatewayOf("t28-premium-last", "task-api/task-api-gateway");
  const premium = { headers: { "x-api-tier": "premium" } };
  t.is(first("/api/tasks", premium), "task-api/task-api-combined rule 0");
  t.is(last("/api/tasks", premium), "task-api/task-api-combined rule 1");
  t.is(first("/api/tasks"), "task-api/task-api-combined rule 1");
  t.is(last("/api/tasks"), "task-api/task-api-combined rule 0");
});

test("R3 R4 R10 the canary header wins while its rule is there, and other hosts get 404", (t) => {
  const canary = gatewayOf("r2-https-refused", "production/production-gw");
  const header = { "x-canary": "true" };
  t.is(canary("/", { host: "app.example.com", headers: header }), "production/my-app-canary-route rule 0");
  t.is(canary("/", { host: "app.example.com" }), "production/my-app-canary-route rule 1");
  t.is(canary("/", { host: "other.host", headers: header }), "404");
  const emergency = gatewayOf("r10-emergency", "production/production-gw");
  t.is(emergency("/", { host: "app.example.com", headers: header }), "production/my-app-canary-route rule 0");
});

test("B.2 C.3 the best listener for a host is the only one asked", (t) => {
  const ask = gatewayOf("hostnames", "apps/edge");
  t.is(ask("/", { host: "www.example.com" }), "apps/exact rule 0");
  t.is(ask("/", { host: "a.b.foo.example.com" }), "apps/below-deeper rule 0");
  t.is(ask("/", { host: "c.foo.example.com" }), "apps/deeper rule 0");
  t.is(ask("/", { host: "c.example.com" }), "apps/no-hostnames rule 0", "of equals the older, here the first given");
  t.is(ask("/", { host: "example.com" }), "apps/apex rule 0");
});

test("B.3 a consumer route replaces the producer's for its own namespace, and no route means plain forwarding", (t) => {
  const { snapshot } = loadCase("mesh");
  const ask = (namespace: string, frontend: string, path: string) =>
    describe(asSidecar(snapshot, namespace).frontends.get(frontend)?.listener, request(path, { host: "echo-v1" }));
  t.is(ask("shop", "10.96.0.1:80", "/v2"), "shop/producer rule 0");
  t.is(ask("shop", "10.96.0.1:80", "/"), "404", "a request that no rule takes is not forwarded");
  t.is(ask("elsewhere", "echo.shop:80", "/v2"), "shop/producer rule 0");
  t.is(ask("client", "10.96.0.1:80", "/v2"), "client/consumer rule 0");
  t.is(ask("client", "[fd00::a]:8080", "/"), "client/consumer rule 0");
  t.is(ask("shop", "10.96.0.1:8080", "/"), "cluster shop/echo:8080", "the port that no producer route names");
});
