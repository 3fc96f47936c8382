// Cases of the rules of Gateways, classes and core objects.
import {
  manifest,
  gateway,
  listeners,
  namespaces,
  expression,
  certificates,
  gatewayClass,
  service,
  slice,
  deployment,
  pod,
  type Case,
} from "./rule-case.ts";

export const objectRuleCases: readonly Case[] = [
  {
    id: "listener-names-unique",
    good: listeners({ name: "a" }, { name: "b" }),
    bad: listeners({ name: "a" }, { name: "a" }),
    problem: "spec.listeners[1]: the name of item 0 again",
  },
  {
    id: "listener-distinct",
    good: listeners({ port: 80, hostname: "a.example" }, { port: 80 }),
    bad: listeners({ port: 80 }, { port: 80 }),
    problem: "spec.listeners[1]: the port, protocol and hostname of item 0 again",
  },
  {
    id: "listener-tls-forbidden",
    good: listeners({ protocol: "HTTPS", tls: certificates }),
    bad: listeners({ tls: certificates }),
    problem: "spec.listeners[0].tls: not allowed with protocol HTTP",
  },
  {
    id: "listener-https-terminates",
    good: listeners({ protocol: "HTTPS", tls: { mode: "Terminate", ...certificates } }),
    bad: listeners({ protocol: "HTTPS", tls: { mode: "Passthrough" } }),
    problem: "spec.listeners[0].tls.mode: expected Terminate with protocol HTTPS",
  },
  {
    id: "listener-tls-mode",
    good: listeners({ protocol: "TLS", tls: { mode: "Passthrough" } }),
    bad: listeners({ protocol: "TLS" }),
    problem: "spec.listeners[0].tls.mode: required with protocol TLS",
  },
  {
    id: "listener-tls-certificates",
    good: listeners({ protocol: "HTTPS", tls: { options: { "a.example/b": "c" } } }),
    bad: listeners({ protocol: "HTTPS", tls: {} }),
    problem: "spec.listeners[0].tls.certificateRefs: required with mode Terminate",
  },
  {
    id: "listener-hostname-forbidden",
    good: listeners({ protocol: "TCP" }),
    bad: listeners({ protocol: "TCP", hostname: "a.example" }),
    problem: "spec.listeners[0].hostname: not allowed with protocol TCP",
  },
  {
    id: "listener-namespaces",
    good: namespaces({ from: "All" }),
    bad: namespaces({ from: "Any" }),
    problem: 'spec.listeners[0].allowedRoutes.namespaces.from: expected one of All, Selector, Same, got "Any"',
  },
  {
    id: "listener-selector",
    good: namespaces({ from: "Selector", selector: {} }),
    bad: namespaces({ from: "Selector" }),
    problem: "spec.listeners[0].allowedRoutes.namespaces.selector: required with from: Selector",
  },
  {
    id: "selector-operators",
    good: expression({ operator: "In", values: ["a"] }),
    bad: expression({ operator: "Is", values: ["a"] }),
    problem:
      'spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions[0].operator: expected one of In, NotIn, Exists, DoesNotExist, got "Is"',
  },
  {
    id: "selector-operators",
    good: expression({ operator: "Exists" }),
    bad: expression({ operator: "NotIn" }),
    problem:
      "spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions[0].values: required with operator NotIn",
  },
  {
    id: "addresses-unique",
    good: gateway({
      addresses: [{ value: "10.0.0.1" }, {}, {}, ...[1, 2].map(() => ({ type: "a.example/b", value: "c" }))],
    }),
    bad: gateway({ addresses: [{ value: "10.0.0.1" }, { type: "IPAddress", value: "10.0.0.1" }] }),
    problem: "spec.addresses[1]: the address of item 0 again",
  },
  {
    id: "address-hostname",
    good: gateway({ addresses: [{ type: "Hostname", value: "*.a.example" }] }),
    bad: gateway({ addresses: [{ type: "Hostname", value: "A_b" }] }),
    problem: "spec.addresses[0].value: expected a lower-case DNS name",
  },
  {
    id: "infrastructure-keys",
    good: gateway({ infrastructure: { labels: { "a.example/b_C.d": "x" } } }),
    bad: gateway({ infrastructure: { labels: { "a b": "x" } } }),
    problem:
      'spec.infrastructure.labels["a b"]: expected a key of up to 63 characters, optionally after a DNS name and a slash',
  },
  {
    id: "class-description",
    good: gatewayClass({ description: "\u{1f33f}".repeat(64) }),
    bad: gatewayClass({ description: "x".repeat(65) }),
    problem: "spec.description: expected a text of at most 64 characters",
  },
  {
    id: "service-port-range",
    good: service({ port: 65_535, targetPort: 1 }),
    bad: service({ port: 65_536 }),
    problem: "spec.ports[0].port: expected a port from 1 to 65535, got 65536",
  },
  {
    id: "service-port-range",
    good: service({ port: 1, targetPort: "http" }),
    bad: service({ port: 1, targetPort: 0 }),
    problem: "spec.ports[0].targetPort: expected a port from 1 to 65535, got 0",
  },
  {
    id: "service-port-names",
    good: service({ port: 1, name: "a" }, { port: 2, name: "b" }),
    bad: service({ port: 1, name: "a" }, { port: 2 }),
    problem: "spec.ports[1].name: required, because the Service has several ports",
  },
  {
    id: "service-ports-distinct",
    good: service({ port: 1, name: "a" }, { port: 1, name: "b", protocol: "UDP" }),
    bad: service({ port: 1, name: "a" }, { port: 1, name: "b" }),
    problem: "spec.ports[1]: the port and protocol of item 0 again",
  },
  {
    id: "service-ports-required",
    good: manifest("Service", "v1", { spec: { clusterIP: "None" } }),
    bad: manifest("Service", "v1", { spec: {} }),
    problem: "spec.ports: required: at least one port",
  },
  {
    id: "slice-addresses",
    good: slice({ addressType: "IPv6", endpoints: [{ addresses: ["::1"] }] }),
    bad: slice({ endpoints: [{ addresses: ["10.0.0.1", "::1"] }] }),
    problem: 'endpoints[0].addresses[1]: expected an IPv4 address, got "::1"',
  },
  {
    id: "slice-addresses",
    good: slice({ addressType: "FQDN", endpoints: [{ addresses: ["a.example"] }] }),
    bad: slice({ addressType: "IPv6", endpoints: [{ addresses: ["a.example"] }] }),
    problem: 'endpoints[0].addresses[0]: expected an IPv6 address, got "a.example"',
  },
  {
    id: "slice-ports",
    good: slice({ ports: [{ port: 1, name: "a" }, { name: "b" }] }),
    bad: slice({ ports: [{ port: 0 }] }),
    problem: "ports[0].port: expected a port from 1 to 65535, got 0",
  },
  {
    id: "slice-ports",
    good: slice({ ports: [{ port: 1 }] }),
    bad: slice({ ports: [{ port: 1 }, { port: 2 }] }),
    problem: "ports[1]: the name of item 0 again",
  },
  {
    id: "deployment-selector",
    good: deployment({}),
    bad: deployment({ selector: { matchLabels: { app: "b" } } }),
    problem: "spec.selector.matchLabels.app: expected the template to have the label app: b",
  },
  {
    id: "deployment-replicas",
    good: deployment({ replicas: 0 }),
    bad: deployment({ replicas: -1 }),
    problem: "spec.replicas: expected a number >= 0",
  },
  {
    id: "container-names-unique",
    good: pod({ name: "a" }, { name: "b" }),
    bad: pod({ name: "a" }, { name: "a" }),
    problem: "spec.containers[1]: the name of item 0 again",
  },
  {
    id: "container-ports",
    good: pod({ name: "a", ports: [{ containerPort: 1 }] }),
    bad: deployment({}, { name: "a", ports: [{ containerPort: 70_000 }] }),
    problem: "spec.template.spec.containers[0].ports[0].containerPort: expected a port from 1 to 65535, got 70000",
  },
  {
    id: "probe-ports",
    good: pod({ name: "a", readinessProbe: { httpGet: { port: "http" } } }),
    bad: pod({ name: "a", readinessProbe: { tcpSocket: { port: 0 } } }),
    problem: "spec.containers[0].readinessProbe.tcpSocket.port: expected a port from 1 to 65535, got 0",
  },
  {
    id: "probe-times",
    good: pod({ name: "a", readinessProbe: { periodSeconds: 0 } }),
    bad: pod({ name: "a", readinessProbe: { periodSeconds: -1 } }),
    problem: "spec.containers[0].readinessProbe.periodSeconds: expected a number >= 0",
  },
];
