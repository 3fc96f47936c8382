// What the Gateway API demands of Gateways, GatewayClasses and ReferenceGrants beyond the published schemas; the
// rules of HTTPRoutes are in gateway-api-rules.ts.
import { type Fields, type Rule, characterCount, duplicates, fault, holds, items, text } from "./rule.ts";

const dnsName = /^(?:\*\.)?[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const qualifiedName =
  /^(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\/)?(?:[A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;
const listener = "spec.listeners[]";

function gateway(id: string, places: string | readonly string[], check: Rule["check"]): Rule {
  return { id, kinds: ["Gateway"], places: typeof places === "string" ? [places] : places, check };
}

/** Every rule of Gateways, GatewayClasses and ReferenceGrants. */
export const gatewayRules: readonly Rule[] = [
  gateway("listener-names-unique", "spec.listeners", (list) => duplicates(list, ({ name }) => text(name), "the name")),
  gateway("listener-distinct", "spec.listeners", (list) =>
    duplicates(
      list,
      ({ port, protocol, hostname }) => `${Number(port)} ${text(protocol)} ${text(hostname)}`,
      "the port, protocol and hostname",
    ),
  ),
  gateway("listener-tls-forbidden", listener, ({ protocol, tls }) =>
    ["HTTP", "TCP", "UDP"].includes(text(protocol)) && tls !== undefined
      ? fault(`not allowed with protocol ${text(protocol)}`, "tls")
      : holds,
  ),
  gateway("listener-https-terminates", listener, ({ protocol, tls }) =>
    protocol === "HTTPS" && tls !== undefined && mode(tls) !== "Terminate"
      ? fault("expected Terminate with protocol HTTPS", "tls", "mode")
      : holds,
  ),
  gateway("listener-tls-mode", listener, ({ protocol, tls }) =>
    protocol === "TLS" && tls === undefined ? fault("required with protocol TLS", "tls", "mode") : holds,
  ),
  gateway("listener-tls-certificates", `${listener}.tls`, (tls) =>
    mode(tls) === "Terminate" &&
    items(tls["certificateRefs"]).length === 0 &&
    Object.keys((tls["options"] as Fields | undefined) ?? {}).length === 0
      ? fault("required with mode Terminate", "certificateRefs")
      : holds,
  ),
  gateway("listener-hostname-forbidden", listener, ({ protocol, hostname }) =>
    ["TCP", "UDP"].includes(text(protocol)) && text(hostname) !== ""
      ? fault(`not allowed with protocol ${text(protocol)}`, "hostname")
      : holds,
  ),
  gateway("listener-namespaces", `${listener}.allowedRoutes.namespaces`, ({ from }) => {
    const allowed = ["All", "Selector", "Same"];
    return allowed.includes(text(from, "Same"))
      ? holds
      : fault(`expected one of ${allowed.join(", ")}, got ${JSON.stringify(from)}`, "from");
  }),
  {
    ...gateway("listener-selector", `${listener}.allowedRoutes.namespaces`, ({ from, selector }) =>
      from === "Selector" && selector === undefined ? fault("required with from: Selector", "selector") : holds,
    ),
    isLeftToTranslation: true,
  },
  {
    id: "selector-operators",
    kinds: ["Gateway"],
    isLeftToTranslation: true,
    places: [`${listener}.allowedRoutes.namespaces.selector.matchExpressions[]`],
    check: ({ operator, values }) => {
      const withValues = ["In", "NotIn"].includes(text(operator));
      if (!withValues && !["Exists", "DoesNotExist"].includes(text(operator)))
        return fault(`expected one of In, NotIn, Exists, DoesNotExist, got ${JSON.stringify(operator)}`, "operator");
      if (withValues === items(values).length > 0) return holds;
      return fault(
        withValues ? `required with operator ${text(operator)}` : `not allowed with operator ${text(operator)}`,
        "values",
      );
    },
  },
  gateway("addresses-unique", "spec.addresses", (list) =>
    duplicates(
      list,
      ({ type, value }) =>
        value !== undefined && ["IPAddress", "Hostname"].includes(text(type, "IPAddress"))
          ? `${text(type, "IPAddress")} ${text(value)}`
          : undefined,
      "the address",
    ),
  ),
  gateway("address-hostname", "spec.addresses[]", ({ type, value }) =>
    type === "Hostname" && value !== undefined && !dnsName.test(text(value))
      ? fault("expected a lower-case DNS name", "value")
      : holds,
  ),
  gateway("infrastructure-keys", ["spec.infrastructure.labels", "spec.infrastructure.annotations"], (map) =>
    Object.keys(map).flatMap((key) =>
      qualifiedName.test(key) && (key.split("/")[0] ?? "").length < 253
        ? holds
        : fault("expected a key of up to 63 characters, optionally after a DNS name and a slash", key),
    ),
  ),
  {
    id: "class-description",
    kinds: ["GatewayClass"],
    places: ["spec"],
    check: ({ description }) =>
      description === undefined || (typeof description === "string" && characterCount(description) <= 64)
        ? holds
        : fault("expected a text of at most 64 characters", "description"),
  },
];

function mode(tls: unknown): string {
  return text((tls as Fields)["mode"], "Terminate");
}
