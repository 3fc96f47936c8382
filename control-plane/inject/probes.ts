// Probes of the application -> probes of the agent. Capture accepts every connection, so that the kubelet would find an
// application that is down open for TCP, and its HTTP probes would become traffic; asked at a path of its own, the agent
// asks the application what the kubelet would have asked. Owns the rewriting and its way back. Pure.
import {
  appProbeKinds,
  appProbePath,
  appProbesVariable,
  type AppProbe,
  type AppProbeKind,
  type AppProbes,
  parseAppProbes,
} from "../../proto/app-probes.ts";
import { agentPorts } from "../../proto/kubernetes.ts";
import type { Container, Probe } from "./pod.ts";

/** The field of a container that holds the probe. */
export const probeFields: Readonly<Record<AppProbeKind, "livenessProbe" | "readinessProbe" | "startupProbe">> = {
  liveness: "livenessProbe",
  readiness: "readinessProbe",
  startup: "startupProbe",
};

export interface RewrittenContainers {
  readonly containers: readonly Container[];
  readonly probes: AppProbes;
}

/**
 * Containers with their probes at the agent, all timings kept. `earlier` are the probes that a former injection
 * rewrote. Left alone: exec probes; probes with a host of their own, which ask somebody else; and what the kubelet
 * could not ask either (a port name that no port has): its verdict stays.
 */
export function rewriteProbes(containers: readonly Container[], earlier: AppProbes): RewrittenContainers {
  const probes: Record<string, AppProbe> = {};
  const rewritten = containers.map((container) => {
    const changed: Partial<Record<(typeof probeFields)[AppProbeKind], Probe>> = {};
    for (const kind of appProbeKinds) {
      const probe = container[probeFields[kind]];
      if (probe === undefined || probe === null || !container.name) continue;
      const path = appProbePath(container.name, kind);
      const known = isRewritten(probe, path) ? earlier[path] : appProbe(probe, container);
      if (known === undefined) continue;
      probes[path] = known;
      const { httpGet: _http, tcpSocket: _tcp, grpc: _grpc, ...timings } = probe;
      changed[probeFields[kind]] = { ...timings, httpGet: { path, port: agentPorts.health, scheme: "HTTP" } };
    }
    return Object.keys(changed).length === 0 ? container : { ...container, ...changed };
  });
  return { containers: rewritten, probes };
}

/** The probes that a former injection rewrote, as its proxy was told; null when that cannot be read. */
export function earlierProbes(proxy: Container | undefined): AppProbes | null {
  const text = proxy?.env?.find(({ name }) => name === appProbesVariable)?.value ?? "";
  const result = parseAppProbes(text);
  return "probes" in result ? result.probes : null;
}

/** The first probe that asks the agent and whose original is not known: nobody could answer it. */
export function lostProbe(containers: readonly Container[], earlier: AppProbes): string | null {
  for (const container of containers) {
    for (const kind of appProbeKinds) {
      const probe = container[probeFields[kind]];
      const path = appProbePath(container.name ?? "", kind);
      if (probe && asksAgent(probe) && !(isRewritten(probe, path) && earlier[path] !== undefined)) {
        return `container ${container.name ?? ""}, ${probeFields[kind]}`;
      }
    }
  }
  return null;
}

function asksAgent({ httpGet, tcpSocket, grpc }: Probe): boolean {
  const port = httpGet?.port ?? tcpSocket?.port ?? grpc?.port;
  return port !== undefined && Number(port) === agentPorts.health;
}

function isRewritten({ httpGet }: Probe, path: string): boolean {
  return httpGet?.port === agentPorts.health && httpGet.path === path;
}

/** What the kubelet would ask; undefined when it is left to it. */
function appProbe({ httpGet, tcpSocket, grpc, timeoutSeconds }: Probe, container: Container): AppProbe | undefined {
  const timing = { timeoutSeconds: Math.max(1, timeoutSeconds ?? 1) };
  const port = resolvePort(httpGet?.port ?? tcpSocket?.port ?? grpc?.port, container);
  if (port === null || httpGet?.host || tcpSocket?.host) return undefined;
  if (httpGet) {
    const scheme = (httpGet.scheme || "HTTP").toUpperCase();
    if (scheme !== "HTTP" && scheme !== "HTTPS") return undefined;
    const path = httpGet.path ?? "";
    const headers = httpGet.httpHeaders ?? [];
    return {
      ...timing,
      httpGet: {
        path: path.startsWith("/") ? path : `/${path}`,
        port,
        scheme,
        ...(headers.length === 0 ? {} : { httpHeaders: headers.map(({ name, value }) => ({ name, value })) }),
      },
    };
  }
  if (tcpSocket) return { ...timing, tcpSocket: { port } };
  return grpc ? { ...timing, grpc: { port, service: grpc.service ?? "" } } : undefined;
}

/** A number, or the name of a port of the same container (Probe, HTTPGetAction.port), or a number as text. */
function resolvePort(port: number | string | undefined, { ports }: Container): number | null {
  const named = typeof port === "string" ? ports?.find(({ name }) => name === port)?.containerPort : undefined;
  const number = named ?? Number(port);
  return Number.isInteger(number) && number >= 1 && number <= 65_535 ? number : null;
}
