// The one module that loads the wire contract: the service definition, the client constructor, and the coding of
// resource bodies. Loaded once, synchronously, from the .proto files beside it; the options are the ones that
// generated/ was made with ("npm run generate"), so that the types tell the truth about the values.
// Knows no rule of the protocol: those are in README.md and in the two discovery/ folders.
import { createHash } from "node:crypto";
import { loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import type { ProtoGrpcType } from "./generated/discovery.ts";
import type { DiscoveryDefinition } from "./generated/heddle/v1/Discovery.ts";
import type {
  AgentMessage,
  Cluster,
  DiscoveryResponse,
  Endpoints,
  Listener,
  Route,
  RouteConfiguration,
  Workload,
} from "./messages.ts";

export type { DiscoveryClient, DiscoveryHandlers } from "./generated/heddle/v1/Discovery.ts";
export type { AgentMessage as AgentMessageInput } from "./generated/heddle/v1/AgentMessage.ts";
export type { DiscoveryResponse as DiscoveryResponseInput } from "./generated/heddle/v1/DiscoveryResponse.ts";

/** "major.minor" of the protocol that this tree speaks. A minor may add fields; a major may change meaning. */
export const protocolVersion = "1.0";

/** The message that each resource type's body is. */
export interface ResourceBodies {
  readonly LISTENER: Listener;
  readonly ROUTE_CONFIGURATION: RouteConfiguration;
  readonly ROUTE: Route;
  readonly CLUSTER: Cluster;
  readonly ENDPOINTS: Endpoints;
  readonly WORKLOAD: Workload;
}

/** Names of the resource types as they travel, without RESOURCE_TYPE_UNSPECIFIED. */
export type ResourceTypeName = keyof ResourceBodies;

/** Every resource type, in the order of ResourceType's numbers. */
export const resourceTypeNames: readonly ResourceTypeName[] = [
  "LISTENER",
  "ROUTE_CONFIGURATION",
  "ROUTE",
  "CLUSTER",
  "ENDPOINTS",
  "WORKLOAD",
];

const packageDefinition = loadSync("heddle/v1/discovery.proto", {
  includeDirs: [import.meta.dirname],
  longs: Number,
  enums: String,
  bytes: Buffer,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: true,
});

const grpcTypes = loadPackageDefinition(packageDefinition) as unknown as ProtoGrpcType;

/** Constructor of clients: `new DiscoveryClientConstructor(address, credentials, options).stream()`. */
export const DiscoveryClientConstructor = grpcTypes.heddle.v1.Discovery;

/** What a server registers its handler under. */
export const discoveryService: DiscoveryDefinition = DiscoveryClientConstructor.service;

type Coder<Message> = MessageTypeDefinition<Message, Message>;

const types = grpcTypes.heddle.v1;
const bodyCoders = {
  LISTENER: types.Listener as Coder<Listener>,
  ROUTE_CONFIGURATION: types.RouteConfiguration as Coder<RouteConfiguration>,
  ROUTE: types.Route as Coder<Route>,
  CLUSTER: types.Cluster as Coder<Cluster>,
  ENDPOINTS: types.Endpoints as Coder<Endpoints>,
  WORKLOAD: types.Workload as Coder<Workload>,
};

function coderOf<Type extends ResourceTypeName>(type: Type): Coder<ResourceBodies[Type]> {
  // One entry per type, each of its own body: what the mapped type says and the compiler cannot follow.
  return bodyCoders[type] as unknown as Coder<ResourceBodies[Type]>;
}

/** The bytes of a resource body. The same value always gives the same bytes (no resource has a map field). */
export function encodeResource<Type extends ResourceTypeName>(type: Type, body: ResourceBodies[Type]): Buffer {
  return coderOf(type).serialize(body);
}

/**
 * The body that `bytes` hold, every field present. Throws when they are no message of that type. Enum values that
 * this tree does not know come out as numbers, whatever the type says: callers check enums.
 */
export function decodeResource<Type extends ResourceTypeName>(type: Type, bytes: Buffer): ResourceBodies[Type] {
  return coderOf(type).deserialize(bytes);
}

/** One agent message's bytes, for tests and tools that speak below gRPC. */
export function encodeAgentMessage(message: AgentMessage): Buffer {
  return (types.AgentMessage as Coder<AgentMessage>).serialize(message);
}

/** The response that `bytes` hold; throws when they are none. */
export function decodeDiscoveryResponse(bytes: Buffer): DiscoveryResponse {
  return (types.DiscoveryResponse as Coder<DiscoveryResponse>).deserialize(bytes);
}

/** Version of a resource: the first 128 bits of the SHA-256 of its body, hexadecimal. */
export function contentHash(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex").slice(0, 32);
}

/** Whether a server of `protocolVersion` accepts `offered`: same major, at most one minor behind or ahead. */
export function isCompatibleProtocol(offered: string): boolean {
  const parts = /^(\d{1,6})\.(\d{1,6})$/.exec(offered);
  if (parts === null) return false;
  const [major, minor] = protocolVersion.split(".").map(Number) as [number, number];
  return Number(parts[1]) === major && Math.abs(Number(parts[2]) - minor) <= 1;
}
