// A whole control plane on a folder of its own, with the ports the system gave it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import { ControlPlane, type ControlPlaneOptions } from "../../control-plane/control-plane.ts";
import { FolderSource } from "../../control-plane/source/folder-source.ts";
import type { StatusChange } from "../../control-plane/status/status-changes.ts";

export interface Started {
  readonly folder: string;
  readonly controlPlane: ControlPlane;
  readonly discoveryPort: number;
  readonly adminPort: number;
  /** Every change of a condition, oldest first. */
  readonly changes: readonly StatusChange[];
  readonly write: (name: string, text: string) => void;
  readonly get: (path: string, init?: RequestInit) => Promise<Response>;
  /** The status of one condition of one object: "True/Accepted". */
  readonly condition: (object: string, type: string) => string | undefined;
}

/** Starts one; ends with the test. */
export async function startControlPlane(
  t: ExecutionContext,
  files: Readonly<Record<string, string>>,
  options: Partial<ControlPlaneOptions> = {},
): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), "heddle-control-plane-"));
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  const controlPlane = new ControlPlane({ source: new FolderSource({ folder, rescanMs: 60_000 }), ...options });
  const changes: StatusChange[] = [];
  controlPlane.onStatus((found) => changes.push(...found));
  t.teardown(async () => {
    await controlPlane.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const ports = await controlPlane.start();
  return {
    folder,
    controlPlane,
    ...ports,
    changes,
    write,
    get: (path, init) => fetch(`http://127.0.0.1:${ports.adminPort}${path}`, init),
    condition: (object, type) => {
      const last = changes.findLast((change) => change.object === object && change.type === type);
      return last === undefined || last.status === "" ? undefined : `${last.status}/${last.reason}`;
    },
  };
}

const gatewayApi = "gateway.networking.k8s.io/v1";
const text = (...objects: object[]): string => objects.map((object) => JSON.stringify(object, null, 2)).join("\n---\n");

/** A GatewayClass of ours, and Gateway shop/gw with one HTTP listener. */
export const gatewayText = text(
  {
    apiVersion: gatewayApi,
    kind: "GatewayClass",
    metadata: { name: "heddle" },
    spec: { controllerName: "heddle.dev/gateway-controller" },
  },
  {
    apiVersion: gatewayApi,
    kind: "Gateway",
    metadata: { name: "gw", namespace: "shop" },
    spec: { gatewayClassName: "heddle", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
  },
);

/** Services shop/stable and shop/canary with one endpoint each. */
export const servicesText = text(
  ...["stable", "canary"].flatMap((name, index) => [
    { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec: { ports: [{ port: 80 }] } },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: `${name}-1`, namespace: "shop", labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports: [{ port: 8080 }],
      endpoints: [{ addresses: [`10.0.0.${index + 1}`] }],
    },
  ]),
);

/** HTTPRoute shop/split from the Gateway to both Services. */
export function routeText(stable: number, canary: number, fields: object = {}): string {
  return text({
    apiVersion: gatewayApi,
    kind: "HTTPRoute",
    metadata: { name: "split", namespace: "shop" },
    spec: {
      parentRefs: [{ name: "gw" }],
      rules: [
        {
          backendRefs: [
            { name: "stable", port: 80, weight: stable },
            { name: "canary", port: 80, weight: canary },
          ],
        },
      ],
      ...fields,
    },
  });
}

/** All of the above. */
export const mesh = { "gateway.json": gatewayText, "services.json": servicesText, "route.json": routeText(95, 5) };
