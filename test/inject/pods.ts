// Pods for tests of injection: as the API server would send them, and arbitrary ones.
import * as fc from "fast-check";
import type { Container, Pod } from "../../control-plane/inject/pod.ts";
import { defaultInjectionSettings, type InjectionSettings } from "../../control-plane/inject/settings.ts";
import { annotations } from "../../proto/kubernetes.ts";

export const settings: InjectionSettings = { ...defaultInjectionSettings, image: "heddle:test" };
export const shop = "shop";

export interface PodParts {
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly spec?: Record<string, unknown>;
}

export function makePod({ labels, annotations, containers, initContainers, spec }: PodParts = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: "web-",
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      containers: containers ?? [{ name: "app", image: "web:1", ports: [{ containerPort: 8080, name: "http" }] }],
      ...(initContainers === undefined ? {} : { initContainers }),
      ...spec,
    },
  };
}

const nullable = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null, freq: 8 });
const port = fc.oneof(fc.integer({ min: 1, max: 14_000 }), fc.constantFrom("http", "rpc", "8080", "nowhere"));
const probe = fc
  .record(
    {
      timeoutSeconds: fc.nat(5),
      periodSeconds: fc.nat(30),
      handler: fc.oneof(
        fc.record(
          {
            httpGet: fc.record(
              {
                port,
                path: fc.constantFrom("/", "ok", "/a?b=c", "/ü"),
                scheme: fc.constantFrom("HTTP", "HTTPS"),
                host: fc.constantFrom("", "10.0.0.1"),
                httpHeaders: nullable(
                  fc.array(fc.record({ name: fc.constantFrom("X-A", "Host"), value: fc.string() })),
                ),
              },
              { requiredKeys: ["port"] },
            ),
          },
          { requiredKeys: ["httpGet"] },
        ),
        fc.record({ tcpSocket: fc.record({ port }) }),
        fc.record({ grpc: fc.record({ port: fc.integer({ min: 1, max: 14_000 }), service: nullable(fc.string()) }) }),
        fc.constant({ exec: { command: ["true"] } }),
      ),
    },
    { requiredKeys: ["handler"] },
  )
  .map(({ handler, ...timings }) => ({ ...timings, ...handler }));

const containerFields = fc.record(
  {
    image: fc.constantFrom("a", "b"),
    ports: nullable(
      fc.array(
        fc.record({ containerPort: fc.integer({ min: 1, max: 14_000 }), name: fc.constantFrom("http", "rpc", "x") }),
        { maxLength: 3 },
      ),
    ),
    env: nullable(
      fc.array(fc.record({ name: fc.constantFrom("A", "HEDDLE_X"), value: fc.string() }), { maxLength: 2 }),
    ),
    livenessProbe: nullable(probe),
    readinessProbe: nullable(probe),
    startupProbe: nullable(probe),
    restartPolicy: fc.constant("Always"),
    securityContext: nullable(fc.record({ runAsUser: nullable(fc.integer({ min: 0, max: 5000 })) })),
  },
  { requiredKeys: [] },
);

/** Containers with names of their own. */
const containers = (prefix: string, minLength: number) =>
  fc
    .array(containerFields, { minLength, maxLength: 3 })
    .map((list): Container[] => list.map((fields, index) => ({ name: `${prefix}-${index}`, ...fields })));

const notes = fc.record(
  {
    [annotations.sidecar]: fc.constantFrom("native", "classic"),
    [annotations.excludeInboundPorts]: fc.constantFrom("80", " 80, 81 ,80", ""),
    [annotations.excludeOutboundAddresses]: fc.constantFrom("10.0.0.0/8", "fd00::1, 1.2.3.4/32"),
    [annotations.cpuRequest]: fc.constantFrom("0.5", "1500m", "2"),
    [annotations.memoryLimit]: fc.constantFrom("1024Mi", "1G"),
    [annotations.traceSampling]: fc.constantFrom("0", "0.25", "1"),
    "example.com/other~note": fc.string(),
  },
  { requiredKeys: [] },
);

/** Any pod that injection must take. */
export const anyPod: fc.Arbitrary<Pod> = fc
  .record({
    annotations: nullable(notes),
    containers: containers("app", 1),
    initContainers: fc.option(nullable(containers("init", 0)), { nil: undefined }),
    volumes: fc.option(nullable(fc.constant([{ name: "data", emptyDir: {} }])), { nil: undefined }),
    grace: fc.option(fc.nat(100), { nil: undefined }),
  })
  .map(({ annotations, containers, initContainers, volumes, grace }): Pod => ({
    metadata: { generateName: "web-", annotations },
    spec: {
      containers,
      ...(initContainers === undefined ? {} : { initContainers }),
      ...(volumes === undefined ? {} : { volumes }),
      ...(grace === undefined ? {} : { terminationGracePeriodSeconds: grace }),
    },
  }));
