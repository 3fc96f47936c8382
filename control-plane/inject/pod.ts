// What injection reads of a Pod, and the check that what arrived has that shape. Everything else of a pod is carried
// along unread. The API server sends lists that are empty as null. Values are the API server's business.

/** Fields by name; those of no interest here are kept. */
interface Fields {
  readonly [field: string]: unknown;
}

export interface ContainerPort extends Fields {
  readonly name?: string | null;
  readonly containerPort: number;
  readonly protocol?: string | null;
}

export interface Probe extends Fields {
  readonly timeoutSeconds?: number | null;
  readonly httpGet?: HttpGetAction | null;
  readonly tcpSocket?: { readonly port: number | string; readonly host?: string | null } | null;
  readonly grpc?: { readonly port: number; readonly service?: string | null } | null;
}

export interface HttpGetAction {
  readonly path?: string | null;
  readonly port: number | string;
  readonly scheme?: string | null;
  readonly host?: string | null;
  readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[] | null;
}

export interface Container extends Fields {
  readonly name?: string | null;
  readonly restartPolicy?: string | null;
  readonly ports?: readonly ContainerPort[] | null;
  readonly env?: readonly (Fields & { readonly name: string; readonly value?: string | null })[] | null;
  readonly securityContext?: (Fields & { readonly runAsUser?: number | null }) | null;
  readonly livenessProbe?: Probe | null;
  readonly readinessProbe?: Probe | null;
  readonly startupProbe?: Probe | null;
}

export interface OwnerReference extends Fields {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean | null;
}

export interface Pod extends Fields {
  readonly metadata?:
    | (Fields & {
        readonly name?: string | null;
        readonly generateName?: string | null;
        readonly namespace?: string | null;
        readonly labels?: Readonly<Record<string, string>> | null;
        readonly annotations?: Readonly<Record<string, string>> | null;
        readonly ownerReferences?: readonly OwnerReference[] | null;
      })
    | null;
  readonly spec: Fields & {
    readonly hostNetwork?: boolean | null;
    readonly restartPolicy?: string | null;
    readonly terminationGracePeriodSeconds?: number | null;
    readonly os?: { readonly name?: string | null } | null;
    readonly securityContext?: (Fields & { readonly runAsUser?: number | null }) | null;
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[] | null;
    readonly volumes?: readonly (Fields & { readonly name: string })[] | null;
  };
}

export type PodResult = { readonly pod: Pod } | { readonly problem: string };

/** Checks the shape; the problem names the field and what was expected. */
export function readPod(value: unknown): PodResult {
  const problem = podShape(value, "");
  return problem === "" ? { pod: value as Pod } : { problem };
}

/** "" when the value fits, else what is wrong where. */
type Shape = (value: unknown, path: string) => string;

const kindOf =
  (expected: string, fits: (value: unknown) => boolean): Shape =>
  (value, path) =>
    fits(value) ? "" : `${path.slice(1)}: expected ${expected}`;

const string = kindOf("a string", (value) => typeof value === "string");
const boolean = kindOf("true or false", (value) => typeof value === "boolean");
const integer = kindOf("a whole number", (value) => Number.isSafeInteger(value));
const integerOrString = kindOf("a port", (value) => Number.isSafeInteger(value) || typeof value === "string");

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const optional =
  (shape: Shape): Shape =>
  (value, path) =>
    value === undefined || value === null ? "" : shape(value, path);

const object =
  (shapes: Readonly<Record<string, Shape>>): Shape =>
  (value, path) => {
    if (!isObject(value)) return `${path.slice(1) || "pod"}: expected an object`;
    for (const [field, shape] of Object.entries(shapes)) {
      const problem = shape(value[field], `${path}.${field}`);
      if (problem !== "") return problem;
    }
    return "";
  };

const list =
  (shape: Shape): Shape =>
  (value, path) => {
    if (!Array.isArray(value)) return `${path.slice(1)}: expected a list`;
    for (const [index, item] of value.entries()) {
      const problem = shape(item, `${path}[${index}]`);
      if (problem !== "") return problem;
    }
    return "";
  };

const strings: Shape = (value, path) => {
  if (!isObject(value)) return `${path.slice(1)}: expected an object`;
  const wrong = Object.entries(value).find(([, item]) => typeof item !== "string");
  return wrong === undefined ? "" : `${path.slice(1)}["${wrong[0]}"]: expected a string`;
};

const probe = optional(
  object({
    timeoutSeconds: optional(integer),
    httpGet: optional(
      object({
        path: optional(string),
        port: integerOrString,
        scheme: optional(string),
        host: optional(string),
        httpHeaders: optional(list(object({ name: string, value: string }))),
      }),
    ),
    tcpSocket: optional(object({ port: integerOrString, host: optional(string) })),
    grpc: optional(object({ port: integer, service: optional(string) })),
  }),
);

const security = optional(object({ runAsUser: optional(integer) }));

const container = object({
  name: optional(string),
  restartPolicy: optional(string),
  ports: optional(list(object({ name: optional(string), containerPort: integer, protocol: optional(string) }))),
  env: optional(list(object({ name: string, value: optional(string) }))),
  securityContext: security,
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
});

const podShape = object({
  metadata: optional(
    object({
      name: optional(string),
      generateName: optional(string),
      namespace: optional(string),
      labels: optional(strings),
      annotations: optional(strings),
      ownerReferences: optional(list(object({ apiVersion: string, kind: string, name: string, uid: string }))),
    }),
  ),
  spec: object({
    hostNetwork: optional(boolean),
    restartPolicy: optional(string),
    terminationGracePeriodSeconds: optional(integer),
    os: optional(object({ name: optional(string) })),
    securityContext: security,
    containers: list(container),
    initContainers: optional(list(container)),
    volumes: optional(list(object({ name: string }))),
  }),
});
