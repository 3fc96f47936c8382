// The real discovery client on a clock that tests move, and what its tests share.
import type { ExecutionContext } from "ava";
import { DiscoveryClient } from "../../agent/discovery/client.ts";
import type { ApplyResult, DiscoveryClientOptions } from "../../agent/discovery/client-options.ts";
import type { ResourceSet } from "../../agent/snapshot/resources.ts";
import { contentHash, encodeResource, type ResourceBodies, type ResourceTypeName } from "../../proto/discovery.ts";
import type { Resource } from "../../proto/messages.ts";
import { ScriptedControlPlane } from "./control-plane-double.ts";
import { ManualClock, until } from "./fixture.ts";
import { endpointsOf } from "./mesh.ts";

export interface Agent {
  readonly client: DiscoveryClient;
  readonly clock: ManualClock;
  /** Every set that was to be applied, in order. */
  readonly offered: ResourceSet[];
  /** What apply() answers. */
  verdict: ApplyResult;
}

export function startAgent(
  t: ExecutionContext,
  ports: readonly number[],
  options: Partial<DiscoveryClientOptions> = {},
): Agent {
  const clock = new ManualClock();
  const offered: ResourceSet[] = [];
  const agent: Agent = {
    clock,
    offered,
    verdict: { ok: true },
    client: new DiscoveryClient({
      addresses: ports.map((port) => `127.0.0.1:${port}`),
      node: { id: "agent", namespace: "shop", pod: "client", labels: { app: "x" }, mode: "sidecar", agentVersion: "1" },
      apply: (resources) => {
        offered.push(resources);
        return agent.verdict;
      },
      clock,
      random: () => 0.5,
      ...options,
    }),
  };
  t.teardown(() => agent.client.stop());
  return agent;
}

export async function startControlPlane(t: ExecutionContext): Promise<ScriptedControlPlane> {
  const controlPlane = await ScriptedControlPlane.start();
  t.teardown(() => controlPlane.close());
  return controlPlane;
}

export function wire<Type extends ResourceTypeName>(type: Type, name: string, body: ResourceBodies[Type]): Resource {
  const bytes = encodeResource(type, body);
  return { type, name, version: contentHash(bytes), body: bytes };
}

export const cartEndpoints = wire("ENDPOINTS", "shop/cart:80", endpointsOf("10.0.0.1"));

export async function untilWaiting({ client }: Agent): Promise<void> {
  await until(() => client.status().state === "waiting", "the end of the attempt");
}
