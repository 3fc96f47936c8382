// What the cases ask of a proxy, Heddle's agent and its peers alike: start it in front of the origin, configured for
// the same job, and say what is missing when it cannot be started here.
import type { ManagedProcess } from "../harness/managed-process.ts";
import type { Origin } from "../load/origin.ts";

/** The job: 20 routes, a header match and a 95/5 split on each, with or without a copy of each request elsewhere. */
export interface Scenario {
  readonly routes: number;
  readonly mirror: boolean;
  readonly origin: Origin;
  /** OTLP/HTTP, on 127.0.0.1. */
  readonly collectorPort: number;
  /** For configuration files; removed after the run. */
  readonly folder: string;
}

export interface RunningProxy {
  readonly port: number;
  readonly process: ManagedProcess;
  stop(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  /** What it does not do of the job, for the table. */
  readonly note: string;
  /** Null when it can run here, else what to install and how. */
  missing(): string | null;
  start(scenario: Scenario): Promise<RunningProxy>;
}

export const CANARY_PERCENT = 5;
export const TRACED_SHARE = 0.01;
