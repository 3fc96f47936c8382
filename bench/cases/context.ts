// What main.ts gives every case: the shared servers, where to put files, and how long to measure.
import type { Origin } from "../load/origin.ts";
import type { CaseReport } from "../harness/figure.ts";

export interface BenchContext {
  readonly origin: Origin;
  readonly collectorPort: number;
  /** Temporary; removed at the end. */
  readonly folder: string;
  readonly runs: number;
  /** Of load, each run. */
  readonly secondsPerRun: number;
  /** Also what takes long: 5 million requests, 10 minutes of load. */
  readonly full: boolean;
  readonly quick: boolean;
  log(line: string): void;
}

export interface BenchCase {
  readonly name: string;
  /** One line, for --list. */
  readonly summary: string;
  run(context: BenchContext): Promise<CaseReport>;
}
