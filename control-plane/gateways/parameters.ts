// What a user may choose for the gateway that a Gateway gets, from the ConfigMap that its
// spec.infrastructure.parametersRef names: keys, what each accepts, and the sentence for what it does not. Pure; who
// reads ConfigMaps is parameter-reader.ts, what the choices become is gateway-objects.ts.

export interface GatewayParameters {
  /** Absent: the Deployment's replicas are left to others, a HorizontalPodAutoscaler for example. */
  readonly replicas?: number;
  readonly serviceType: "LoadBalancer" | "ClusterIP" | "NodePort";
  readonly cpuRequest: string;
  /** Absent: no limit. A CPU limit makes a proxy slow before it makes it cheap. */
  readonly cpuLimit?: string;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
  /** Absent: the agent's own default. */
  readonly logLevel?: string;
  /** Share of traces to sample where the caller did not decide. Absent: the installation's. */
  readonly traceSampling?: string;
}

export const defaultGatewayParameters: GatewayParameters = {
  serviceType: "LoadBalancer",
  cpuRequest: "100m",
  memoryRequest: "128Mi",
  memoryLimit: "512Mi",
};

export type ParametersResult =
  | { readonly ok: true; readonly parameters: GatewayParameters }
  /** One sentence for each bad key. */
  | { readonly ok: false; readonly errors: readonly string[] };

interface Key {
  readonly about: string;
  readonly expected: string;
  readonly accepts: (value: string) => boolean;
}

const logLevels = ["debug", "info", "warn", "error", "silent"];
const serviceTypes = ["LoadBalancer", "ClusterIP", "NodePort"];
const maxReplicas = 100;

const cpu = { expected: 'a CPU quantity such as "500m" or "2"', accepts: (value: string) => (cpuOf(value) ?? 0) > 0 };
const memory = {
  expected: 'a memory quantity such as "256Mi" or "1Gi"',
  accepts: (value: string) => (memoryOf(value) ?? 0) > 0,
};

const keys = {
  replicas: {
    about: "pods; more than one get a PodDisruptionBudget",
    expected: `a whole number from 1 to ${maxReplicas}`,
    accepts: (value) => /^[1-9]\d{0,2}$/.test(value) && Number(value) <= maxReplicas,
  },
  serviceType: {
    about: "type of the Service",
    expected: serviceTypes.join(", "),
    accepts: (value) => serviceTypes.includes(value),
  },
  cpuRequest: { about: "CPU that a pod is given for certain", ...cpu },
  cpuLimit: { about: "CPU that a pod may use at most", ...cpu },
  memoryRequest: { about: "memory that a pod is given for certain", ...memory },
  memoryLimit: { about: "memory at which a pod is killed", ...memory },
  logLevel: {
    about: "what the agent logs",
    expected: logLevels.join(", "),
    accepts: (value) => logLevels.includes(value),
  },
  traceSampling: {
    about: "share of traces to sample where the caller did not decide",
    expected: "a number from 0 to 1",
    accepts: (value) => /^(?:0(?:\.\d{1,9})?|1(?:\.0{1,9})?)$/.test(value),
  },
} as const satisfies Record<keyof GatewayParameters, Key>;

/** The table for people: every key, what it accepts, its default ("" for none) and what it is. */
export function describeGatewayParameters(): readonly {
  readonly name: string;
  readonly expected: string;
  readonly fallback: string;
  readonly about: string;
}[] {
  const fallbacks: Readonly<Record<string, string | number>> = { ...defaultGatewayParameters };
  return Object.entries(keys).map(([name, { about, expected }]) => ({
    name,
    expected,
    fallback: `${fallbacks[name] ?? ""}`,
    about,
  }));
}

/**
 * `data` of the ConfigMap. Every error at once, each with its key; a key that is not in the table is an error too, as it
 * is most likely misspelt.
 */
export function parseGatewayParameters(data: Readonly<Record<string, string>>): ParametersResult {
  const errors: string[] = [];
  const given: Record<string, string> = {};
  const known: Readonly<Record<string, Key>> = keys;
  for (const [name, text] of Object.entries(data)) {
    const key = Object.hasOwn(known, name) ? known[name] : undefined;
    const value = text.trim();
    if (key === undefined) errors.push(`${name} is not a parameter; ${Object.keys(keys).join(", ")} are`);
    else if (key.accepts(value)) given[name] = value;
    else errors.push(`${name} must be ${key.expected}, not ${JSON.stringify(text.slice(0, 64))}`);
  }
  const { replicas, serviceType, ...rest } = given;
  const parameters: GatewayParameters = {
    ...defaultGatewayParameters,
    ...(replicas !== undefined && { replicas: Number(replicas) }),
    ...(isServiceType(serviceType) && { serviceType }),
    ...rest,
  };
  // The API server would refuse the pods.
  if (exceeds(cpuOf(parameters.cpuRequest), cpuOf(parameters.cpuLimit)))
    errors.push(`cpuRequest ${parameters.cpuRequest} is more than cpuLimit ${parameters.cpuLimit}`);
  if (exceeds(memoryOf(parameters.memoryRequest), memoryOf(parameters.memoryLimit)))
    errors.push(`memoryRequest ${parameters.memoryRequest} is more than memoryLimit ${parameters.memoryLimit}`);
  return errors.length === 0 ? { ok: true, parameters } : { ok: false, errors };
}

function isServiceType(value: string | undefined): value is GatewayParameters["serviceType"] {
  return value !== undefined && serviceTypes.includes(value);
}

function exceeds(request: number | undefined, limit: number | undefined): boolean {
  return request !== undefined && limit !== undefined && request > limit;
}

/** Cores; undefined for what is no quantity. */
function cpuOf(value: string | undefined): number | undefined {
  const match = /^(\d{1,9})(m|\.\d{1,3})?$/.exec(value ?? "");
  if (match === null) return undefined;
  const [, whole = "", rest = ""] = match;
  return rest === "m" ? Number(whole) / 1000 : Number(whole + rest);
}

const memoryUnits: Readonly<Record<string, number>> = {
  "": 1,
  k: 1000,
  M: 1000 ** 2,
  G: 1000 ** 3,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
};

/** Bytes; undefined for what is no quantity. */
function memoryOf(value: string | undefined): number | undefined {
  const [, amount, unit = ""] = /^(\d{1,15}(?:\.\d{1,3})?)(Ki|Mi|Gi|k|M|G)?$/.exec(value ?? "") ?? [];
  return amount === undefined ? undefined : Number(amount) * (memoryUnits[unit] ?? 1);
}
