// Structural validation with the published schemas. Owns turning a validator's findings into sentences; what no
// schema can say is in the rule tables. The schemas are imported on first use: they cost memory that agents, and
// control planes with another source, must not pay.
import { findUnreadFields, nearestName } from "./field-recorder.ts";
import { describeValue, type FieldPath } from "./field-path.ts";
import type { KnownKind } from "./kinds.ts";

/** A mistake at a field of an object. */
export interface Violation {
  readonly severity: "error" | "warning";
  readonly path: FieldPath;
  readonly message: string;
}

/** Checks a manifest against the schema of its kind. */
export type Schemas = Readonly<Record<KnownKind, (manifest: object) => readonly Violation[]>>;

interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

type Validator = ((data: unknown) => boolean) & { errors?: readonly SchemaError[] | null };

/** Imports the schemas of all kinds. */
export async function loadSchemas(): Promise<Schemas> {
  const [gatewayClass, gateway, route, grant, namespace, service, slice, deployment, pod] = await Promise.all([
    import("@kubernetes-models/gateway-api/_schemas/IoK8sSigsGatewayApiApisV1GatewayClass"),
    import("@kubernetes-models/gateway-api/_schemas/IoK8sSigsGatewayApiApisV1Gateway"),
    import("@kubernetes-models/gateway-api/_schemas/IoK8sSigsGatewayApiApisV1HTTPRoute"),
    import("@kubernetes-models/gateway-api/_schemas/IoK8sSigsGatewayApiApisV1ReferenceGrant"),
    import("kubernetes-models/_schemas/IoK8sApiCoreV1Namespace"),
    import("kubernetes-models/_schemas/IoK8sApiCoreV1Service"),
    import("kubernetes-models/_schemas/IoK8sApiDiscoveryV1EndpointSlice"),
    import("kubernetes-models/_schemas/IoK8sApiAppsV1Deployment"),
    import("kubernetes-models/_schemas/IoK8sApiCoreV1Pod"),
  ]);
  return {
    GatewayClass: checker("GatewayClass", gatewayClass.validate),
    Gateway: checker("Gateway", gateway.validate),
    HTTPRoute: checker("HTTPRoute", route.validate),
    ReferenceGrant: checker("ReferenceGrant", grant.validate),
    Namespace: checker("Namespace", namespace.validate),
    Service: checker("Service", service.validate),
    EndpointSlice: checker("EndpointSlice", slice.validate),
    Deployment: checker("Deployment", deployment.validate),
    Pod: checker("Pod", pod.validate),
  };
}

/** Fields of the API that the published schemas do not have yet. */
const fieldsBeyondSchemas: ReadonlySet<string> = new Set(["GatewayClass spec.description"]);

function checker(kind: KnownKind, validator: Validator): (manifest: object) => readonly Violation[] {
  return (manifest) => {
    let errors: readonly SchemaError[] = [];
    const unread = findUnreadFields(manifest, (view) => {
      if (!validator(view)) errors = validator.errors ?? [];
    });
    const violations: Violation[] = [];
    const seen = new Set<string>();
    for (const error of errors) {
      const violation = explain(error, manifest);
      const key = `${violation.path.join("\0")}\0${violation.message}`;
      // Some schemas state the same rule twice.
      if (!seen.has(key)) violations.push(violation);
      seen.add(key);
    }
    for (const { path, known } of unread) {
      if (isFreeForm(path) || fieldsBeyondSchemas.has(`${kind} ${path.join(".")}`)) continue;
      if (errors.some((error) => isInside(path, pathOf(error)))) continue;
      const name = String(path.at(-1));
      const meant = nearestName(name, known);
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      violations.push({ severity: "warning", path, message: `unknown field, ignored${hint}` });
    }
    return violations;
  };
}

/** Parts that a server writes: what stands there is not the author's. */
function isFreeForm(path: FieldPath): boolean {
  return path[0] === "status" || (path[0] === "metadata" && path[1] === "managedFields");
}

function isInside(path: FieldPath, outer: FieldPath): boolean {
  return outer.length < path.length && outer.every((part, index) => part === path[index]);
}

function pathOf(error: SchemaError): FieldPath {
  return error.instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((part) => (/^(?:0|[1-9]\d*)$/.test(part) ? Number(part) : part));
}

function explain(error: SchemaError, manifest: object): Violation {
  const path = pathOf(error);
  const value = valueAt(manifest, path);
  const fault = (message: string, at: FieldPath = path): Violation => ({ severity: "error", path: at, message });
  const got = describeValue(value);
  const { params } = error;
  switch (error.keyword) {
    case "required":
      return fault("required", [...path, String(params["missingProperty"])]);
    case "type":
      return fault(`expected ${typeName(params["type"])}, got ${got}${quotesHint(params["type"], value)}`);
    case "enum": {
      const allowed = Array.isArray(params["allowedValues"]) ? params["allowedValues"].map(String) : [];
      return fault(`expected one of ${allowed.join(", ")}, got ${got}`);
    }
    case "pattern":
      return fault(`expected ${describePattern(String(params["pattern"]))}, got ${got}`);
    case "minimum":
    case "maximum":
    case "exclusiveMinimum":
    case "exclusiveMaximum":
      return fault(`expected a number ${String(params["comparison"])} ${String(params["limit"])}, got ${got}`);
    case "minLength":
    case "maxLength":
      return fault(
        `expected ${bound(error.keyword)} ${String(params["limit"])} characters, got ${typeof value === "string" ? value.length : got}`,
      );
    case "minItems":
    case "maxItems":
      return fault(`expected ${bound(error.keyword)} ${String(params["limit"])} items, got ${count(value)}`);
    case "minProperties":
    case "maxProperties":
      return fault(`expected ${bound(error.keyword)} ${String(params["limit"])} entries, got ${count(value)}`);
    case "format":
      return fault(`expected ${String(params["format"])}, got ${got}`);
    default:
      return fault(`does not hold: ${error.keyword} ${JSON.stringify(params)}`);
  }
}

/** YAML's most common trap: true, 1.0 and on are no strings without quotes, and "80" is no number. */
function quotesHint(type: unknown, value: unknown): string {
  if (type === "string" && (typeof value === "boolean" || typeof value === "number")) return "; put it in quotes";
  const isNumeric = typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value));
  return (type === "integer" || type === "number") && isNumeric ? "; remove the quotes" : "";
}

function bound(keyword: string): string {
  return keyword.startsWith("min") ? "at least" : "at most";
}

function count(value: unknown): number {
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

function typeName(type: unknown): string {
  const names: Record<string, string> = {
    object: "a map",
    array: "a list",
    integer: "a whole number",
    number: "a number",
  };
  const name = (one: unknown): string => names[String(one)] ?? `a ${String(one)}`;
  return Array.isArray(type) ? type.map(name).join(" or ") : name(type);
}

/** The patterns of the Gateway API in words; any other is shown as it is. */
function describePattern(pattern: string): string {
  if (pattern.startsWith("^(\\*\\.)?")) return 'a lower-case DNS name, optionally beginning with "*."';
  if (pattern.startsWith("^$|")) return "an API group (a lower-case DNS name, or empty for the core group)";
  if (pattern.startsWith("^([0-9]{1,5}(h|m|s|ms))")) return "a duration such as 500ms or 1m30s";
  if (pattern.startsWith("^[A-Za-z0-9!#$")) return "a header name (letters, digits and hyphens)";
  if (/^\^\[a-z0-9\]\(\[-a-z0-9\]\*\[a-z0-9\]\)\?\$$/.test(pattern)) return "a lower-case DNS label";
  if (pattern.startsWith("^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.") && pattern.endsWith(")*$"))
    return "a lower-case DNS name";
  if (pattern.startsWith("^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.") && pattern.includes("\\/"))
    return "a domain and a path, such as example.com/name";
  return `a value of the form ${pattern}`;
}

function valueAt(root: unknown, path: FieldPath): unknown {
  let value = root;
  for (const part of path)
    value = typeof value === "object" && value !== null ? (value as Record<string | number, unknown>)[part] : undefined;
  return value;
}
