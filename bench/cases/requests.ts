// CPU time per request under closed-loop load, with and without mirroring, beside the peers.
import { agentPeer } from "../heddle/agent.ts";
import { envoy } from "../peers/envoy.ts";
import { http2Proxy } from "../peers/http2-proxy.ts";
import { nginx } from "../peers/nginx.ts";
import { comparisonRows, measureInTurn, startContenders } from "./comparison.ts";
import type { BenchCase } from "./context.ts";

const JOB = "20 routes, header match, 95/5 split, 32 keep-alive connections, one core";

export const plainRequests: BenchCase = requestCase({
  name: "requests",
  summary: `CPU time per request: ${JOB}`,
  mirror: false,
  targets: new Map([
    ["Envoy", 0.5],
    ["nginx", 2],
  ]),
});

export const mirroredRequests: BenchCase = requestCase({
  name: "mirror",
  summary: `CPU time per request with a copy of each to a third backend: ${JOB}`,
  mirror: true,
  targets: new Map([["Envoy", 0.6]]),
});

function requestCase(options: {
  readonly name: string;
  readonly summary: string;
  readonly mirror: boolean;
  readonly targets: ReadonlyMap<string, number>;
}): BenchCase {
  const { name, summary, mirror, targets } = options;
  return {
    name,
    summary,
    async run(context) {
      const started = await startContenders(context, [agentPeer(), envoy, nginx, http2Proxy], { mirror });
      try {
        const measured = await measureInTurn(context, started.contenders);
        return {
          title: `${name}: ${summary}`,
          rows: [...comparisonRows(measured, started.contenders, targets), ...started.missing],
        };
      } finally {
        await started.stop();
      }
    },
  };
}
