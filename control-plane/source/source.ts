// What every source of objects offers, whatever it reads: the present ClusterState, a call when it changes, and the
// problems that keep a newer one from being served. Types and their printing only; folder-source.ts,
// kubernetes-source.ts and overlay-source.ts implement it.
import type { ClusterState } from "./cluster-state.ts";

/** Why a state was published, and when the edit behind it was first seen (milliseconds of the source's clock). */
export interface StateOrigin {
  readonly cause: "start" | "edit" | "overlay" | "watch";
  readonly changedAtMs: number;
}

/** A mistake in what was read. Errors keep the last good state serving; warnings do not hold anything back. */
export interface Problem {
  readonly severity: "error" | "warning";
  /** Relative to the folder, with forward slashes; empty for an object of a cluster. */
  readonly file: string;
  /** From 1; 0 when the whole file is meant. */
  readonly line: number;
  readonly column: number;
  /** "Kind namespace/name", or empty when no object could be told. */
  readonly object: string;
  /** For example spec.rules[0].backendRefs[0].port, or empty. */
  readonly field: string;
  /** What was expected. */
  readonly message: string;
}

export type StateListener = (state: ClusterState, origin: StateOrigin) => void;
export type ProblemListener = (problems: readonly Problem[]) => void;

/** Listeners run synchronously, in the order they were added; the returned function takes one away. */
export interface Source {
  /** Reads everything once, then keeps watching. Rejects only when there is nothing to read at all. */
  start(): Promise<void>;
  /** The last good state; null until one was read without errors. */
  current(): ClusterState | null;
  /** All problems of the last reading. */
  problems(): readonly Problem[];
  onChange(listener: StateListener): () => void;
  /** Called with all problems whenever they differ from the last time, with none when all are mended. */
  onProblem(listener: ProblemListener): () => void;
  /** Stops watching; no listener is called afterwards. */
  close(): Promise<void>;
}

/** One line: `routes.yaml:14:9: HTTPRoute task-api/canary: spec.rules[0].matches: at most 64 items, got 65`. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  return [place, problem.object, problem.field, problem.message].filter((part) => part !== "").join(": ");
}
