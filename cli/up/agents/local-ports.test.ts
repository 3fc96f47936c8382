import test from "ava";
import type { Gateway, GatewayListener } from "../../../control-plane/source/cluster-state.ts";
import { localPortOf, planLocalPorts } from "./local-ports.ts";

function gateway(name: string, ...listeners: readonly Partial<GatewayListener>[]): Gateway {
  return {
    kind: "Gateway",
    meta: { namespace: "shop", name, generation: 1, creationTimestampMs: 0, labels: {}, annotations: {} },
    gatewayClassName: "heddle",
    listeners: listeners.map((listener) => ({
      name: "http",
      port: 80,
      protocol: "HTTP",
      allowedNamespaces: "Same",
      allowedKinds: [],
      ...listener,
    })),
    addresses: [],
  };
}

test("ports below 1024 get 8000 added", (t) => {
  t.deepEqual([80, 443, 1023, 1024, 8080].map(localPortOf), [8080, 8443, 9023, 1024, 8080]);
});

test("one socket for each port, none for protocols that are not served", (t) => {
  const { ports, conflicts } = planLocalPorts([
    gateway("edge", {}, { name: "other", hostname: "a.example" }, { name: "https", port: 443, protocol: "HTTPS" }),
  ]);
  t.deepEqual(ports, [{ gateway: "shop/edge", listenerPort: 80, localPort: 8080 }]);
  t.deepEqual(conflicts, []);
});

test("two that want the same local port: the first by name has it, the other is told", (t) => {
  const { ports, conflicts } = planLocalPorts([gateway("b", { port: 8080 }), gateway("a", {})]);
  t.deepEqual(ports, [{ gateway: "shop/a", listenerPort: 80, localPort: 8080 }]);
  t.is(conflicts.length, 1);
  t.regex(
    conflicts[0] ?? "",
    /^Gateway shop\/b: listener port 8080 is not bound, .* belongs to port 80 of Gateway shop\/a/,
  );
});
