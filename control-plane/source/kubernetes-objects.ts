// An object as the API server sends it -> what the control plane keeps of it. The conversions and rules are those of
// every source; owned here is what a cluster has and nobody reads, and therefore is not kept: it would fill the memory
// and make changes out of noise. Pure.
import type { ApiObject } from "../kubernetes/object-store.ts";
import type { ClusterObject } from "./build-cluster-state.ts";
import type { Container, EndpointSlice, HttpRoute, ObjectMeta, Pod } from "./cluster-state.ts";
import { convertObject } from "./convert.ts";
import { formatFieldPath } from "./field-path.ts";
import type { KindInfo } from "./kinds.ts";
import { maxStringLength } from "./limits.ts";
import { allRules, findLongString } from "./manifest.ts";
import { type Fields, checkRules } from "./rule.ts";
import type { Violation } from "./schemas.ts";
import type { Problem } from "./source.ts";

/** An object that the API server should have refused: its last version that could be read stays in use. */
export interface RejectedObject {
  readonly kind: "Rejected";
  readonly problems: readonly Problem[];
  readonly uid: string | undefined;
  /** Whom to tell: the route with its parents and without rules, where those can be read; null for other kinds. */
  readonly refusedRoute: HttpRoute | null;
}

export type KeptObject = ClusterObject | RejectedObject;

const servedRules = allRules.filter(({ isLeftToTranslation }) => isLeftToTranslation !== true);
const gatewayGroup = "gateway.networking.k8s.io";

/** What to keep of one object; null for a pod that has run to its end. May change `object`. Never throws. */
export function keepObject(info: KindInfo, object: ApiObject): KeptObject | null {
  if (info.kind === "Pod" && isFinished(object)) return null;
  removeNulls(object);
  const { namespace, name } = object.metadata;
  const label = `${info.kind} ${namespace ? `${namespace}/` : ""}${name}`;
  try {
    const violations = judge(info, object);
    if (violations.length > 0) {
      const problems = violations.map(({ path, message }) => problem(label, formatFieldPath(path), message));
      return reject(info, object, problems);
    }
    return narrow(convertObject(info.kind, object, metaOf(info, object)));
  } catch (error) {
    // An older or foreign schema let something through that ours does not know.
    const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return reject(info, object, [problem(label, "", message)]);
  }
}

function reject(info: KindInfo, object: ApiObject, problems: readonly Problem[]): RejectedObject {
  const meta = metaOf(info, object);
  const message = problems.map((each) => [each.field, each.message].filter((part) => part !== "").join(": "));
  const refusedRoute = info.kind === "HTTPRoute" ? refuseRoute(object, meta, message.join("; ")) : null;
  return { kind: "Rejected", problems, uid: meta.uid, refusedRoute };
}

function refuseRoute(object: ApiObject, meta: ObjectMeta, refused: string): HttpRoute | null {
  try {
    const { parentRefs, hostnames } = object["spec"] as Fields;
    const route = convertObject("HTTPRoute", { spec: { parentRefs, hostnames, rules: [] } }, meta);
    return route.kind === "HTTPRoute" ? { ...route, refused } : null;
  } catch {
    return null;
  }
}

/**
 * The API server has checked the schema and the rules of the definitions; older ones lack some of them. What none of
 * them forbids is translation's to answer: one slip must not take the rest of its object away.
 */
function judge(info: KindInfo, object: ApiObject): readonly Violation[] {
  if (info.group === gatewayGroup) {
    const path = findLongString(object["spec"], ["spec"]);
    if (path !== undefined)
      return [{ severity: "error", path, message: `expected at most ${maxStringLength} characters` }];
  }
  return checkRules(servedRules, info.kind, object as Fields).filter(({ severity }) => severity === "error");
}

function problem(object: string, field: string, message: string): Problem {
  return { severity: "error", file: "", line: 0, column: 0, object, field, message };
}

function isFinished(object: ApiObject): boolean {
  const phase = (object["status"] as { readonly phase?: unknown } | undefined)?.phase;
  return phase === "Succeeded" || phase === "Failed";
}

function metaOf({ group }: KindInfo, { metadata }: ApiObject): ObjectMeta {
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    // Statuses are written for the Gateway API alone; elsewhere a new generation says nothing that its fields do not.
    generation: group === gatewayGroup ? (metadata.generation ?? 1) : 1,
    ...(group === gatewayGroup && metadata.uid !== undefined && { uid: metadata.uid }),
    creationTimestampMs: Date.parse(metadata.creationTimestamp ?? "") || 0,
    labels: { ...metadata.labels },
    annotations: ownAnnotations(metadata.annotations ?? {}),
  };
}

/** Ours only: others are long (kubectl's copy of the object) or change with every heartbeat. */
function ownAnnotations(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const own: Record<string, string> = {};
  for (const [key, value] of Object.entries(annotations)) if (key.startsWith("heddle.dev/")) own[key] = value;
  return own;
}

function narrow(object: ClusterObject): ClusterObject {
  if (object.kind === "Pod") return narrowPod(object);
  return object.kind === "EndpointSlice" ? narrowSlice(object) : object;
}

/** What processes are started from is the kubelet's business. */
function narrowPod(pod: Pod): Pod {
  const containers = pod.containers.map(({ name, ports }): Container => ({ name, image: "", env: [], ports }));
  return { ...pod, containers };
}

/** The Service's name, its only label of use, is a field of its own. */
function narrowSlice(slice: EndpointSlice): EndpointSlice {
  return { ...slice, meta: { ...slice.meta, labels: {} } };
}

/** Go writes an empty list as null; rules and conversions know absent fields only. */
function removeNulls(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(fields)) {
    const field = fields[key];
    if (field === null) Reflect.deleteProperty(fields, key);
    else if (typeof field === "object") removeNulls(field);
  }
}
