// Reads the benchmark's command line. Pure: main.ts prints and exits.
import { parseArgs } from "node:util";

export interface BenchOptions {
  readonly only: readonly string[];
  readonly runs: number;
  readonly quick: boolean;
  readonly full: boolean;
  readonly profile: boolean;
}

export type CommandLine =
  | { readonly kind: "run"; readonly options: BenchOptions }
  | { readonly kind: "list" }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly reason: string };

export const USAGE = `usage: node bench/main.ts [options]

Measures Heddle against Envoy, nginx and http2-proxy and prints one table. Needs wrk, h2load and nginx; a peer that is
not installed is named in the table with the command that installs it. Raw values go to bench/results/.

  --only NAME   run this case (may be repeated; --list names them)
  --runs N      measure each figure N times, in turn with its peers (default 5)
  --quick       1 run of 2 s each: shows that everything works, not how fast it is
  --full        also 5 million requests and 10 minutes of load (memory)
  --profile     profile the agent under load, print where the time goes, keep the .cpuprofile
  --list        list the cases
  --help        print this

example: node bench/main.ts --only requests --only mirror --runs 7
`;

const DEFAULT_RUNS = 5;
const MAXIMUM_RUNS = 1000;

/** `names` are the cases there are. Never throws. */
export function readCommandLine(args: readonly string[], names: readonly string[]): CommandLine {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        only: { type: "string", multiple: true },
        runs: { type: "string" },
        quick: { type: "boolean" },
        full: { type: "boolean" },
        profile: { type: "boolean" },
        list: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }));
  } catch (error) {
    return { kind: "wrong", reason: error instanceof Error ? error.message : String(error) };
  }
  if (values.help === true) return { kind: "help" };
  if (values.list === true) return { kind: "list" };
  const unknown = values.only?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    return { kind: "wrong", reason: `there is no case "${unknown}": ${names.join(", ")}` };
  }
  const quick = values.quick === true;
  if (quick && values.full === true) return { kind: "wrong", reason: "--quick and --full exclude each other" };
  const runs = values.runs === undefined ? (quick ? 1 : DEFAULT_RUNS) : Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1 || runs > MAXIMUM_RUNS) {
    return { kind: "wrong", reason: `--runs must be a whole number from 1 to ${MAXIMUM_RUNS}, not "${values.runs}"` };
  }
  const only = values.only ?? names;
  return {
    kind: "run",
    options: { only, runs, quick, full: values.full === true, profile: values.profile === true },
  };
}
