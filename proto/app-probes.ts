// What injection tells the agent of the application's probes: the kubelet asks the agent at a path of its own, and the
// agent asks the application what the kubelet would have asked. Owns the shape, its limits and its validation, on both
// sides of the environment variable HEDDLE_APP_PROBES. Pure; who rewrites and who dials is elsewhere.

/** The agent's environment variable: a JSON object, path -> AppProbe. */
export const appProbesVariable = "HEDDLE_APP_PROBES";

export type AppProbeKind = "liveness" | "readiness" | "startup";

export const appProbeKinds: readonly AppProbeKind[] = ["liveness", "readiness", "startup"];

interface AppProbeTiming {
  /** From 1; the kubelet's default is 1. */
  readonly timeoutSeconds: number;
}

export interface HttpGetProbe extends AppProbeTiming {
  readonly httpGet: {
    /** With query; "/" when the pod names none. */
    readonly path: string;
    /** A number: named ports are resolved by injection. */
    readonly port: number;
    /** HTTPS is not verified, as the kubelet does. */
    readonly scheme: "HTTP" | "HTTPS";
    /** Whom to dial; the pod's own address when absent. */
    readonly host?: string;
    readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
  };
}

export interface TcpSocketProbe extends AppProbeTiming {
  readonly tcpSocket: {
    readonly port: number;
    /** Whom to dial; the pod's own address when absent. */
    readonly host?: string;
  };
}

export interface GrpcProbe extends AppProbeTiming {
  readonly grpc: {
    readonly port: number;
    /** grpc.health.v1 HealthCheckRequest.service; "" for the server as a whole. */
    readonly service: string;
  };
}

export type AppProbe = HttpGetProbe | TcpSocketProbe | GrpcProbe;

/** By path, as made by `appProbePath`. */
export type AppProbes = Readonly<Record<string, AppProbe>>;

export type AppProbesResult = { readonly probes: AppProbes } | { readonly errors: readonly string[] };

/** The path at the agent's health port that stands for one probe of one container. */
export function appProbePath(container: string, kind: AppProbeKind): string {
  return `/app-probe/${container}/${kind}`;
}

/** Reads the environment variable; "" is no probes. Every error at once, each with the path that it concerns. */
export function parseAppProbes(text: string): AppProbesResult {
  if (text === "") return { probes: {} };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { errors: ["must be a JSON object of probes by path"] };
  }
  if (!isObject(parsed)) return { errors: ["must be a JSON object of probes by path"] };
  const errors: string[] = [];
  for (const [path, probe] of Object.entries(parsed)) {
    const problem = pathPattern.test(path) ? probeProblem(probe) : "is not /app-probe/CONTAINER/KIND";
    if (problem !== "") errors.push(`"${path}" ${problem}`);
  }
  return errors.length > 0 ? { errors } : { probes: parsed as AppProbes };
}

const pathPattern = /^\/app-probe\/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\/(liveness|readiness|startup)$/;

type UnknownObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is UnknownObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** "" when the value is a probe. */
function probeProblem(probe: unknown): string {
  if (!isObject(probe)) return "must be an object";
  const { timeoutSeconds, httpGet, tcpSocket, grpc } = probe;
  if (!Number.isInteger(timeoutSeconds) || Number(timeoutSeconds) < 1) return "needs timeoutSeconds of at least 1";
  const given = [httpGet, tcpSocket, grpc].filter((handler) => handler !== undefined);
  const handler = given[0];
  if (given.length !== 1 || !isObject(handler)) return "needs one of httpGet, tcpSocket and grpc";
  const port = Number(handler["port"]);
  if (typeof handler["port"] !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return "needs a port from 1 to 65535";
  }
  if (handler["host"] !== undefined && typeof handler["host"] !== "string") return "has a host that is no string";
  if (grpc !== undefined) return typeof handler["service"] === "string" ? "" : "needs grpc.service, a string";
  return httpGet === undefined ? "" : httpProblem(handler);
}

function httpProblem({ path, scheme, httpHeaders = [] }: UnknownObject): string {
  if (typeof path !== "string" || !path.startsWith("/")) return "needs httpGet.path that begins with /";
  if (scheme !== "HTTP" && scheme !== "HTTPS") return "needs httpGet.scheme HTTP or HTTPS";
  const readable =
    Array.isArray(httpHeaders) &&
    httpHeaders.every(
      (header: unknown) =>
        isObject(header) && typeof header["name"] === "string" && typeof header["value"] === "string",
    );
  return readable ? "" : "has httpGet.httpHeaders that are not names and values";
}
