// What every injected pod is given unless its annotations say otherwise. Owns the type and the defaults; where an
// installation's own values come from is the caller's.
import { controlPlaneHost, controlPlanePorts } from "../../proto/kubernetes.ts";

export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;

/** Kubernetes quantities; "" leaves one out. */
export interface ProxyResources {
  readonly cpuRequest: string;
  readonly cpuLimit: string;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
}

export interface InjectionSettings {
  readonly image: string;
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  /** host:port, as in the control plane's certificate. */
  readonly controlPlaneAddress: string;
  readonly logLevel: (typeof logLevels)[number];
  /** Where agents send spans, a URL; "" turns tracing off. Port 4317 is OTLP over gRPC, any other over HTTP. */
  readonly otlpEndpoint: string;
  /** Share of new traces that are recorded, "0" to "1". */
  readonly traceSampling: string;
  /** Copies under way at a time. */
  readonly mirrorConcurrency: number;
  readonly resources: ProxyResources;
  /** The API server's minor version: native sidecars are on by default from 29 on. */
  readonly kubernetesMinorVersion: number;
}

/** All but the image, which an installation must name. */
export const defaultInjectionSettings: Omit<InjectionSettings, "image"> = {
  imagePullPolicy: "IfNotPresent",
  controlPlaneAddress: `${controlPlaneHost}:${controlPlanePorts.discovery}`,
  logLevel: "info",
  otlpEndpoint: "",
  traceSampling: "1",
  mirrorConcurrency: 64,
  // An agent at rest holds about 60 MB, and 35 MB more with tracing; CPU is what the pod's own traffic costs.
  resources: { cpuRequest: "20m", cpuLimit: "", memoryRequest: "96Mi", memoryLimit: "256Mi" },
  kubernetesMinorVersion: 36,
};

/** First minor version of Kubernetes whose init containers may restart Always without a feature gate. */
export const firstNativeSidecarVersion = 29;
