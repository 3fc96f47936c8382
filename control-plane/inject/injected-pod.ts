// A pod -> the pod with our containers. Derived anew from the pod without them, so that injecting twice is injecting
// once, also when another webhook added containers in between. Owns the order of containers. Pure.
//
//   native:  capture, proxy (restarts Always), the pod's init containers | the pod's containers
//   classic: the pod's init containers, capture | proxy, the pod's containers
//
// In classic mode the pod's init containers run while no agent does: they must come before capture to have a network.
import { createHash } from "node:crypto";
import { annotations, containerNames, labels } from "../../proto/kubernetes.ts";
import { type PodOptions, readPodOptions } from "./options.ts";
import { overlay } from "./overlay.ts";
import type { Container, Pod } from "./pod.ts";
import { earlierProbes, rewriteProbes } from "./probes.ts";
import type { InjectionSettings } from "./settings.ts";
import { captureContainer, proxyContainer, type Volume, volumes } from "./template.ts";

/** The proxy of a former injection, wherever it stands; undefined when the pod has none or does not say so. */
export function injectedProxy(pod: Pod): Container | undefined {
  if (pod.metadata?.annotations?.[annotations.injected] === undefined) return undefined;
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(isNamed(containerNames.proxy));
}

/** The pod's own containers and init containers. */
export function ownContainers({ spec }: Pod): {
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
} {
  return {
    containers: spec.containers.filter(isOwn),
    initContainers: (spec.initContainers ?? []).filter(isOwn),
  };
}

/** The pod as it should be. `options` must have come without errors. */
export function injectedPod(pod: Pod, settings: InjectionSettings, options: PodOptions): Pod {
  return withSidecar(pod, settings, options, templateHash(settings));
}

/**
 * What a pod's annotation heddle.dev/injected says: a hash of what a bare pod is given. It changes with the settings and
 * with the template, not with the pod.
 */
export function templateHash(settings: InjectionSettings): string {
  const bare: Pod = { spec: { containers: [] } };
  const { options } = readPodOptions(bare, settings);
  const injected = withSidecar(bare, settings, options, "");
  return createHash("sha256").update(JSON.stringify(injected)).digest("hex").slice(0, 12);
}

function withSidecar(pod: Pod, settings: InjectionSettings, options: PodOptions, hash: string): Pod {
  const present = injectedProxy(pod);
  const earlier = earlierProbes(present) ?? {};
  const own = ownContainers(pod);
  const containers = rewriteProbes(own.containers, earlier);
  const initContainers = rewriteProbes(own.initContainers, earlier);
  const probes = { ...initContainers.probes, ...containers.probes };

  const native = options.sidecar === "native";
  const inits = pod.spec.initContainers ?? [];
  const ours = (name: string, container: Container, among: readonly Container[]): Container => {
    const former = present === undefined ? undefined : among.find(isNamed(name));
    return former === undefined
      ? container
      : (overlay(withoutStaleSettings(former, container), container) as Container);
  };
  const capture = ours(containerNames.capture, captureContainer(settings, options), inits);
  const proxy = ours(
    containerNames.proxy,
    proxyContainer(pod, settings, options, probes),
    native ? inits : pod.spec.containers,
  );
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...pod.metadata?.annotations, [annotations.injected]: hash },
    },
    spec: {
      ...pod.spec,
      initContainers: native ? [capture, proxy, ...initContainers.containers] : [...initContainers.containers, capture],
      containers: native ? containers.containers : [proxy, ...containers.containers],
      volumes: withVolumes(pod.spec.volumes ?? []),
    },
  };
}

/** What others mounted and set stays; a setting of the agent that it no longer gets must not. */
function withoutStaleSettings(former: Container, container: Container): Container {
  const names = new Set(container.env?.map(({ name }) => name));
  const { env, ...others } = former;
  const kept = env?.filter(({ name }) => names.has(name) || !/^(HEDDLE|OTEL)_/.test(name)) ?? [];
  return kept.length === 0 ? others : { ...others, env: kept };
}

/** Each of ours in the place where it stands, or at the end. */
function withVolumes(present: readonly Volume[]): readonly Volume[] {
  const ours = volumes();
  const known = new Set(present.map(({ name }) => name));
  return [
    ...present.map((volume) => {
      const own = ours.find(isNamed(volume.name));
      return own === undefined ? volume : (overlay(volume, own) as Volume);
    }),
    ...ours.filter(({ name }) => !known.has(name)),
  ];
}

/** "true" or "false" as the pod's label says, or null without one. */
export function injectLabel(pod: Pod): string | null {
  return pod.metadata?.labels?.[labels.podInject] ?? null;
}

function isOwn({ name }: Container): boolean {
  return name !== containerNames.proxy && name !== containerNames.capture;
}

function isNamed(wanted: string): (item: { readonly name?: string | null }) => boolean {
  return ({ name }) => name === wanted;
}
