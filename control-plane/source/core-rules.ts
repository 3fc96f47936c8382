// What the API server demands of Services, EndpointSlices, Deployments and Pods beyond the published schemas, as far
// as Heddle reads the fields: names, ports and selectors. The rest is left to a cluster to judge.
import { isIP } from "node:net";
import { type Fields, type Rule, duplicates, fault, holds, items, text } from "./rule.ts";

const containers = ["Deployment", "Pod"] as const;
const containerLists = ["spec.template.spec.containers", "spec.containers"];
const probes = containerLists.map((place) => `${place}[].readinessProbe`);

/** Every rule of core objects. */
export const coreRules: readonly Rule[] = [
  {
    id: "service-port-range",
    kinds: ["Service"],
    places: ["spec.ports[]"],
    check: ({ port, targetPort }) => [
      ...portFault(port, "port"),
      ...(typeof targetPort === "number" ? portFault(targetPort, "targetPort") : holds),
    ],
  },
  {
    id: "service-port-names",
    kinds: ["Service"],
    places: ["spec.ports"],
    check: (list) =>
      items(list).length > 1
        ? [
            ...items(list).flatMap(({ name }, index) =>
              text(name) === "" ? fault("required, because the Service has several ports", index, "name") : holds,
            ),
            ...duplicates(list, ({ name }) => text(name) || undefined, "the name"),
          ]
        : holds,
  },
  {
    id: "service-ports-distinct",
    kinds: ["Service"],
    places: ["spec.ports"],
    check: (list) =>
      duplicates(list, ({ port, protocol }) => `${Number(port)} ${text(protocol, "TCP")}`, "the port and protocol"),
  },
  {
    id: "service-ports-required",
    kinds: ["Service"],
    places: ["spec"],
    check: ({ type, clusterIP, ports }) =>
      items(ports).length === 0 && type !== "ExternalName" && clusterIP !== "None"
        ? fault("required: at least one port", "ports")
        : holds,
  },
  {
    id: "slice-addresses",
    kinds: ["EndpointSlice"],
    places: [""],
    check: ({ addressType, endpoints }) => {
      const version = { IPv4: 4, IPv6: 6 }[text(addressType)];
      return items(endpoints).flatMap(({ addresses }, endpoint) =>
        (items(addresses) as readonly unknown[]).flatMap((address, index) =>
          version === undefined || isIP(String(address)) === version
            ? holds
            : fault(
                `expected an ${text(addressType)} address, got ${JSON.stringify(address)}`,
                "endpoints",
                endpoint,
                "addresses",
                index,
              ),
        ),
      );
    },
  },
  {
    id: "slice-ports",
    kinds: ["EndpointSlice"],
    places: [""],
    check: ({ ports }) => [
      ...items(ports).flatMap(({ port }, index) =>
        port === undefined ? holds : portFault(port, "ports", index, "port"),
      ),
      ...duplicates(ports, ({ name }) => text(name), "the name").map(({ at, message }) => ({
        at: ["ports", ...at],
        message,
      })),
    ],
  },
  {
    id: "deployment-selector",
    kinds: ["Deployment"],
    places: ["spec"],
    check: ({ selector, template }) => {
      const wanted = Object.entries(((selector as Fields | undefined)?.["matchLabels"] as Fields | undefined) ?? {});
      const metadata = (template as Fields | undefined)?.["metadata"] as Fields | undefined;
      const labels = (metadata?.["labels"] as Fields | undefined) ?? {};
      return wanted.flatMap(([key, value]) =>
        labels[key] === value
          ? holds
          : fault(`expected the template to have the label ${key}: ${text(value)}`, "selector", "matchLabels", key),
      );
    },
  },
  {
    id: "deployment-replicas",
    kinds: ["Deployment"],
    places: ["spec"],
    check: ({ replicas }) => (Number(replicas ?? 1) >= 0 ? holds : fault("expected a number >= 0", "replicas")),
  },
  {
    id: "container-names-unique",
    kinds: containers,
    places: containerLists,
    check: (list) => duplicates(list, ({ name }) => text(name), "the name"),
  },
  {
    id: "container-ports",
    kinds: containers,
    places: containerLists.map((place) => `${place}[].ports[]`),
    check: ({ containerPort }) => portFault(containerPort, "containerPort"),
  },
  {
    id: "probe-ports",
    kinds: containers,
    places: [...probes.map((place) => `${place}.httpGet`), ...probes.map((place) => `${place}.tcpSocket`)],
    check: ({ port }) => (typeof port === "number" ? portFault(port, "port") : holds),
  },
  {
    id: "probe-times",
    kinds: containers,
    places: probes,
    check: (probe) =>
      ["periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold", "initialDelaySeconds"].flatMap(
        (field) => (Number(probe[field] ?? 0) >= 0 ? holds : fault("expected a number >= 0", field)),
      ),
  },
];

function portFault(port: unknown, ...at: readonly (string | number)[]): ReturnType<Rule["check"]> {
  return Number(port) >= 1 && Number(port) <= 65_535
    ? holds
    : fault(`expected a port from 1 to 65535, got ${Number(port)}`, ...at);
}
