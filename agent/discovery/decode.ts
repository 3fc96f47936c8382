// From the wire to the agent's own values: every body of a response becomes a domain resource, or an error that says
// which resource, which field and why. Nothing here depends on other resources; compile.ts checks references.
import { decodeResource, type ResourceBodies, type ResourceTypeName } from "../../proto/discovery.ts";
import type * as wire from "../../proto/messages.ts";
import type * as domain from "../snapshot/resources.ts";
import { decodeRoute } from "./decode-route.ts";
import { checkPort, DecodeFault, readEnum } from "./decode-fields.ts";

/** A resource of any type, decoded. */
export type DecodedResource =
  | { readonly type: "listener"; readonly value: domain.Listener }
  | { readonly type: "route-configuration"; readonly value: domain.RouteConfiguration }
  | { readonly type: "route"; readonly value: domain.Route }
  | { readonly type: "cluster"; readonly value: domain.Cluster }
  | { readonly type: "endpoints"; readonly value: domain.Endpoints }
  | { readonly type: "workload"; readonly value: domain.Workload };

/** Why a resource is refused; `type` as it came. */
export interface DecodeError {
  readonly type: wire.ResourceType;
  readonly name: string;
  readonly version: string;
  readonly reason: string;
}

export type DecodeResult =
  | { readonly ok: true; readonly resource: DecodedResource }
  | { readonly ok: false; readonly error: DecodeError };

/** Decodes one resource of a response. Never throws. */
export function decodeWireResource(resource: wire.Resource): DecodeResult {
  try {
    return { ok: true, resource: decodeBody(resource) };
  } catch (error) {
    // Bytes that are no message make the protobuf decoder throw errors of many kinds: each is the resource's fault.
    const reason = error instanceof Error ? error.message : String(error);
    const { type, name, version } = resource;
    return { ok: false, error: { type, name, version, reason } };
  }
}

function decodeBody(resource: wire.Resource): DecodedResource {
  const identity = { name: resource.name, version: resource.version };
  if (resource.name === "") throw new DecodeFault("name", "is empty");
  if (resource.version === "") throw new DecodeFault("version", "is empty");
  switch (resource.type) {
    case "LISTENER":
      return { type: "listener", value: { ...identity, ...decodeListener(bodyOf(resource.type, resource)) } };
    case "ROUTE_CONFIGURATION": {
      const body = bodyOf(resource.type, resource);
      return { type: "route-configuration", value: { ...identity, ...body } };
    }
    case "ROUTE":
      return { type: "route", value: { ...identity, rules: decodeRoute(bodyOf(resource.type, resource)) } };
    case "CLUSTER":
      return { type: "cluster", value: { ...identity, ...decodeCluster(bodyOf(resource.type, resource)) } };
    case "ENDPOINTS":
      return { type: "endpoints", value: { ...identity, ...decodeEndpoints(bodyOf(resource.type, resource)) } };
    case "WORKLOAD":
      return { type: "workload", value: { ...identity, ...decodeWorkload(bodyOf(resource.type, resource)) } };
    case "RESOURCE_TYPE_UNSPECIFIED":
      throw new DecodeFault("type", "is unspecified");
    default:
      throw new DecodeFault("type", `${String(resource.type satisfies never)} is unknown`);
  }
}

function bodyOf<Type extends ResourceTypeName>(type: Type, resource: wire.Resource): ResourceBodies[Type] {
  return decodeResource(type, resource.body);
}

function decodeListener(body: wire.Listener): Omit<domain.Listener, "name" | "version"> {
  const { port, hostname, routeConfiguration, cluster, displayName } = body;
  checkPort(port, "port");
  return { port, hostname, routeConfiguration, cluster, displayName };
}

function decodeCluster(body: wire.Cluster): Omit<domain.Cluster, "name" | "version"> {
  const protocol = readEnum({ HTTP1: "http1", H2C: "h2c" } as const, body.protocol, "protocol");
  return { protocol, defaultWorkloadVersion: body.defaultWorkloadVersion };
}

function decodeEndpoints(body: wire.Endpoints): Omit<domain.Endpoints, "name" | "version"> {
  const endpoints = body.endpoints.map(({ address, port, workloadVersion, pod }, index) => {
    if (address === "") throw new DecodeFault(`endpoints[${index}].address`, "is empty");
    checkPort(port, `endpoints[${index}].port`);
    return { address, port, workloadVersion, pod };
  });
  return { endpoints };
}

function decodeWorkload(body: wire.Workload): Omit<domain.Workload, "name" | "version"> {
  const protocols = { DETECT: "detect", HTTP1: "http1", H2C: "h2c", TCP: "tcp" } as const;
  const inboundPorts = body.inboundPorts.map((inbound, index) => {
    const { port, applicationAddress, applicationPort } = inbound;
    checkPort(port, `inboundPorts[${index}].port`);
    checkPort(applicationPort, `inboundPorts[${index}].applicationPort`);
    const protocol = readEnum(protocols, inbound.protocol, `inboundPorts[${index}].protocol`);
    return { port, applicationAddress, applicationPort, protocol };
  });
  return { serviceName: body.serviceName, workloadVersion: body.workloadVersion, inboundPorts };
}
