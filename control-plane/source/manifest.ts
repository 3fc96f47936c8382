// One document of a file -> the objects in it, checked: lists unpacked, kinds told apart, names, schema, rules. What
// is found depends on the text alone, so that it can be kept while the text stays.
import { coreRules } from "./core-rules.ts";
import { type FieldPath, describeValue, formatFieldPath } from "./field-path.ts";
import { httpRouteRules } from "./gateway-api-rules.ts";
import { gatewayRules } from "./gateway-rules.ts";
import { type KindInfo, apiVersionOf, findKind, isServedVersion, knownKinds } from "./kinds.ts";
import { maxStringLength } from "./limits.ts";
import { type Fields, characterCount, checkRules } from "./rule.ts";
import { type Schemas, type Violation } from "./schemas.ts";
import { type Position, type YamlDocument, parseChunk } from "./yaml-documents.ts";

/** All rules that are checked by hand. */
export const allRules = [...httpRouteRules, ...gatewayRules, ...coreRules];

/** An object without errors, defaults not applied. */
export interface Manifest {
  readonly info: KindInfo;
  /** Empty where the manifest names none, and for kinds without namespaces. */
  readonly namespace: string;
  readonly name: string;
  /** Without null values, with the apiVersion that the schema knows. */
  readonly fields: Fields;
  /** In the chunk. */
  readonly position: Position;
}

/** A problem whose file is not known yet. */
export interface ManifestProblem extends Position {
  readonly severity: "error" | "warning";
  readonly object: string;
  readonly field: string;
  readonly message: string;
  /** "group/version Kind" of what Heddle does not read: said once, not for every object. */
  readonly unknownKind?: string;
}

export interface ParsedChunk {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly ManifestProblem[];
}

/** Never throws. */
export function readChunk(text: string, schemas: Schemas): ParsedChunk {
  const { documents, problems } = parseChunk(text);
  const reader = new ChunkReader(schemas);
  for (const { line, column, severity, message } of problems)
    reader.problems.push({ severity, line, column, object: "", field: "", message });
  for (const document of documents) reader.readValue(document, document.value, []);
  return { manifests: reader.manifests, problems: reader.problems };
}

class ChunkReader {
  readonly manifests: Manifest[] = [];
  readonly problems: ManifestProblem[] = [];
  readonly #schemas: Schemas;

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
  }

  readValue(document: YamlDocument, value: unknown, path: FieldPath): void {
    const report = (violation: Violation, object = "", extra: { unknownKind?: string } = {}): void => {
      const { severity, message } = violation;
      const place = document.positionOf([...path, ...violation.path]);
      this.problems.push({ severity, object, field: formatFieldPath(violation.path), message, ...place, ...extra });
    };
    const error = (message: string, at: FieldPath, object = ""): void =>
      report({ severity: "error", path: at, message }, object);

    if (typeof value !== "object" || value === null || Array.isArray(value))
      return error(`expected an object with apiVersion and kind, got ${describeValue(value)}`, []);
    const fields = value as Fields;
    const { apiVersion, kind } = fields;
    if (apiVersion === undefined && kind === undefined)
      return report({
        severity: "warning",
        path: [],
        message: "no apiVersion and no kind: not a Kubernetes object, ignored",
      });
    if (typeof kind !== "string" || kind === "")
      return error(kind === undefined ? "required" : `expected a kind, got ${describeValue(kind)}`, ["kind"]);
    if (typeof apiVersion !== "string" || apiVersion === "")
      return error(
        apiVersion === undefined ? "required" : `expected an API version, got ${describeValue(apiVersion)}`,
        ["apiVersion"],
      );

    if (isListKind(kind) && Array.isArray(fields["items"]) && path.length === 0) {
      fields["items"].forEach((item: unknown, index) => this.readValue(document, item, ["items", index]));
      return;
    }
    const info = findKind(apiVersion, kind);
    if (info === undefined) {
      const unknownKind = `${apiVersion} ${kind}`;
      return report({ severity: "warning", path: [], message: `Heddle does not read ${unknownKind}; ignored` }, "", {
        unknownKind,
      });
    }
    if (!isServedVersion(info, apiVersion))
      return error(`expected ${apiVersionOf(info)} for ${kind}, got ${apiVersion}`, ["apiVersion"]);
    this.#readObject(info, fields, document.positionOf(path), error, report);
  }

  #readObject(
    info: KindInfo,
    fields: Fields,
    position: Position,
    error: (message: string, at: FieldPath, object?: string) => void,
    report: (violation: Violation, object?: string) => void,
  ): void {
    const metadata = fields["metadata"];
    const given = (typeof metadata === "object" && metadata !== null ? metadata : {}) as Fields;
    const { name, namespace } = given;
    if (typeof name !== "string") {
      const message = name === undefined ? "required" : `expected a string, got ${describeValue(name)}`;
      return error(message, ["metadata", "name"], info.kind);
    }
    const isNamespaced = info.namespaced && typeof namespace === "string";
    const object = `${info.kind} ${isNamespaced ? `${namespace}/` : ""}${name}`;
    const long = info.group === "gateway.networking.k8s.io" ? findLongString(fields["spec"], ["spec"]) : undefined;
    if (long !== undefined) return error(`expected at most ${maxStringLength} characters`, long, object);
    const manifest = { ...fields, apiVersion: apiVersionOf(info) };
    const violations = [...this.#schemas[info.kind](manifest), ...checkNames(info, given)];
    const isBroken = (list: readonly Violation[]): boolean => list.some(({ severity }) => severity === "error");
    // Rules read fields by the types that the schema promises.
    if (!isBroken(violations)) violations.push(...checkRules(allRules, info.kind, manifest));
    for (const violation of violations) report(violation, object);
    if (isBroken(violations)) return;
    this.manifests.push({ info, namespace: isNamespaced ? namespace : "", name, fields: manifest, position });
  }
}

function isListKind(kind: string): boolean {
  return kind === "List" || knownKinds.some((info) => kind === `${info.kind}List`);
}

/** Names as the API server takes them: they become file names, keys and addresses. */
function checkNames(info: KindInfo, { name, namespace }: Fields): readonly Violation[] {
  const violations: Violation[] = [];
  const check = (field: string, value: unknown, isLabel: boolean): void => {
    const max = isLabel ? 63 : 253;
    const pattern = isLabel
      ? /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/
      : /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
    if (typeof value === "string" && value.length <= max && pattern.test(value)) return;
    const expected = isLabel ? "a lower-case DNS label of at most 63" : "a lower-case DNS name of at most 253";
    const message = `expected ${expected} characters, got ${describeValue(value)}`;
    violations.push({ severity: "error", path: ["metadata", field], message });
  };
  check("name", name, info.kind === "Namespace" || info.kind === "Service");
  if (info.namespaced && namespace !== undefined) check("namespace", namespace, true);
  return violations;
}

/** The first string too long to match patterns against; undefined when there is none. */
export function findLongString(value: unknown, path: FieldPath): FieldPath | undefined {
  if (typeof value === "string")
    return value.length > maxStringLength && characterCount(value) > maxStringLength ? path : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    // Selectors have no bound in the definitions, and are compared, not matched.
    if (key === "selector") continue;
    const found = findLongString(item, [...path, Array.isArray(value) ? Number(key) : key]);
    if (found !== undefined) return found;
  }
  return undefined;
}
