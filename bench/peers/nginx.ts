// nginx doing the benchmark's job: split_clients for the split, map for the header, keep-alive to the upstreams.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accepts, findProgram, PROXY_CORE, startPinned, waitUntil } from "../harness/managed-process.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";
import { CANARY_PERCENT, type Peer, type RunningProxy, type Scenario } from "./peer.ts";

export const nginx: Peer = {
  name: "nginx",
  note: "no tracing, no metrics by version",
  missing: () => (findProgram("nginx") === null ? "not installed: apt-get install nginx-light" : null),
  start,
};

async function start(scenario: Scenario): Promise<RunningProxy> {
  const [port = 0] = await freePorts(1);
  const prefix = join(scenario.folder, `nginx-${port}`);
  mkdirSync(prefix, { recursive: true });
  const path = join(prefix, "nginx.conf");
  writeFileSync(path, configuration(scenario, port, prefix));
  const process = startPinned(PROXY_CORE, "nginx", ["-e", `${prefix}/error.log`, "-c", path]);
  await waitUntil("nginx accepting connections", () => accepts(port), process);
  return { port, process, stop: () => process.stop() };
}

function configuration({ routes, mirror, origin }: Scenario, port: number, prefix: string): string {
  const upstream = (name: string, to: number): string =>
    `upstream ${name} { server 127.0.0.1:${to}; keepalive 128; keepalive_requests 1000000000; }`;
  const pass = (to: string): string =>
    `proxy_pass http://${to}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;`;
  const locations = Array.from(
    { length: routes },
    (_, route) => `location /svc${route}/ { ${mirror ? "mirror /mirror;" : ""} ${pass("$chosen")} }`,
  );
  return `worker_processes 1; daemon off; pid ${prefix}/pid; error_log ${prefix}/error.log warn;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s;
  ${upstream("stable", origin.stablePort)}
  ${upstream("canary", origin.canaryPort)}
  ${upstream("copies", origin.mirrorPort)}
  split_clients $request_id $drawn { ${CANARY_PERCENT}% canary; * stable; }
  map $http_x_beta_user $chosen { "true" canary; default $drawn; }
  server {
    listen 127.0.0.1:${port};
    ${locations.join("\n    ")}
    location = /mirror { internal; ${pass("copies$request_uri")} }
  }
}
`;
}
