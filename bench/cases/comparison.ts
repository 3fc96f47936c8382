// Runs proxies against each other: all are started and warmed up, then measured in turn (A B C A B C ...), so that
// whatever else the machine does falls on all of them alike.
import { cpuMicroseconds, residentMegabytes } from "../harness/process-usage.ts";
import { figure, type Row } from "../harness/figure.ts";
import { median } from "../harness/statistics.ts";
import { closedLoop } from "../load/wrk.ts";
import type { Peer, RunningProxy, Scenario } from "../peers/peer.ts";
import type { BenchContext } from "./context.ts";

const ROUTES = 20;
const WARM_UP_SECONDS = 2;

export interface Contender {
  readonly peer: Peer;
  readonly proxy: RunningProxy;
}

export interface Started {
  readonly contenders: readonly Contender[];
  /** For those that cannot run here. */
  readonly missing: readonly Row[];
  stop(): Promise<void>;
}

/** Starts every peer that can run; a peer that is there and does not start is an error. */
export async function startContenders(
  context: BenchContext,
  peers: readonly Peer[],
  options: { readonly mirror: boolean },
): Promise<Started> {
  const { origin, collectorPort, folder } = context;
  const scenario: Scenario = { routes: ROUTES, mirror: options.mirror, origin, collectorPort, folder };
  const contenders: Contender[] = [];
  const missing: Row[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(contenders.map(({ proxy }) => proxy.stop()));
  };
  try {
    for (const peer of peers) {
      const reason = peer.missing();
      if (reason === null) contenders.push({ peer, proxy: await peer.start(scenario) });
      else missing.push({ subject: peer.name, missing: reason });
    }
    for (const { peer, proxy } of contenders) {
      context.log(`warming up ${peer.name}`);
      await closedLoop(proxy.port, WARM_UP_SECONDS);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { contenders, missing, stop };
}

export interface Measured {
  readonly cpuMicroseconds: readonly number[];
  readonly requestsPerSecond: readonly number[];
  readonly residentMegabytes: number;
}

/** CPU time per request of each contender under closed-loop load, `context.runs` times in turn. */
export async function measureInTurn(
  context: BenchContext,
  contenders: readonly Contender[],
): Promise<ReadonlyMap<string, Measured>> {
  const cpu = new Map<string, number[]>(contenders.map(({ peer }) => [peer.name, []]));
  const rates = new Map<string, number[]>(contenders.map(({ peer }) => [peer.name, []]));
  for (let run = 1; run <= context.runs; run++) {
    for (const { peer, proxy } of contenders) {
      const before = cpuMicroseconds(proxy.process.pid);
      const { requests, requestsPerSecond } = await closedLoop(proxy.port, context.secondsPerRun);
      const perRequest = (cpuMicroseconds(proxy.process.pid) - before) / requests;
      cpu.get(peer.name)?.push(perRequest);
      rates.get(peer.name)?.push(requestsPerSecond);
      context.log(
        `run ${run}/${context.runs} ${peer.name}: ${perRequest.toFixed(1)} us, ${requestsPerSecond} requests/s`,
      );
    }
  }
  return new Map(
    contenders.map(({ peer, proxy }) => [
      peer.name,
      {
        cpuMicroseconds: cpu.get(peer.name) ?? [],
        requestsPerSecond: rates.get(peer.name) ?? [],
        residentMegabytes: residentMegabytes(proxy.process.pid),
      },
    ]),
  );
}

/** The rows of a comparison: each contender's cost, then the agent's ratio to those it has a target against. */
export function comparisonRows(
  measured: ReadonlyMap<string, Measured>,
  contenders: readonly Contender[],
  targets: ReadonlyMap<string, number>,
): Row[] {
  const rows: Row[] = contenders.map(({ peer }) => {
    const result = measured.get(peer.name);
    const rate = Math.round(median(result?.requestsPerSecond ?? []));
    const memory = Math.round(result?.residentMegabytes ?? Number.NaN);
    return figure(peer.name, "us/request", result?.cpuMicroseconds ?? [], {
      note: `${rate} requests/s, ${memory} MB; ${peer.note}`,
    });
  });
  const agent = measured.get("agent")?.cpuMicroseconds ?? [];
  for (const [name, target] of targets) {
    const other = measured.get(name)?.cpuMicroseconds;
    if (other === undefined) continue;
    const perRun = agent.map((value, run) => value / (other[run] ?? Number.NaN));
    rows.push(
      figure(`agent / ${name}`, "x", perRun, {
        target,
        value: median(agent) / median(other),
        note: "ratio of the medians",
      }),
    );
  }
  return rows;
}
