// A Kubernetes cluster as the source of objects: one ListWatch for each kind. Owns when what they found becomes a state:
// not before every kind of the cluster was read once, not while a broken watch is being mended (what others see then may
// be half of a change), and not for every event of a burst. What is kept of an object is kubernetes-objects.ts's.
import type { KubeConfig } from "@kubernetes/client-node";
import { type Clock, systemClock } from "../discovery/clock.ts";
import { type Logger, silentLogger } from "../discovery/logger.ts";
import type { ListWatchLimits } from "../kubernetes/list-watch-limits.ts";
import { ListWatch, type ListWatchHealth } from "../kubernetes/list-watch.ts";
import type { ClusterState } from "./cluster-state.ts";
import { type KindInfo, knownKinds } from "./kinds.ts";
import {
  type Definition,
  definitionName,
  missingKindProblem,
  oldDefinitionProblem,
  readDefinition,
} from "./kubernetes-definitions.ts";
import { type KeptObject, keepObject } from "./kubernetes-objects.ts";
import { KubernetesState } from "./kubernetes-state.ts";
import { maxProblems } from "./limits.ts";
import { type Problem, type ProblemListener, type Source, type StateListener, formatProblem } from "./source.ts";

export interface KubernetesSourceOptions {
  readonly kubeConfig: KubeConfig;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly limits?: Partial<KubernetesSourceLimits & ListWatchLimits>;
}

interface KubernetesSourceLimits {
  /** Between two states while changes keep coming. */
  readonly intervalMs: number;
  /** After a watch was resumed: what happened meanwhile arrives at once. */
  readonly catchUpMs: number;
  /** The longest that a broken watch holds back what the others say. */
  readonly maxHoldMs: number;
  /** The longest that start() waits for the first state. */
  readonly startTimeoutMs: number;
}

const defaultLimits: KubernetesSourceLimits = {
  intervalMs: 20,
  catchUpMs: 100,
  maxHoldMs: 5000,
  startTimeoutMs: 10_000,
};

/** Failures in a row before a kind that cannot be watched is a problem; what is refused is one at once. */
const toleratedFailures = 3;

interface WatchedKind {
  readonly info: KindInfo;
  readonly watch: ListWatch<KeptObject>;
  /** Keys that changed since the last state. */
  readonly changed: Set<string>;
  wasCurrent: boolean;
  holdUntilMs: number;
}

export class KubernetesSource implements Source {
  readonly #clock: Clock;
  readonly #limits: KubernetesSourceLimits;
  readonly #kinds: readonly WatchedKind[];
  readonly #definitions: ListWatch<Definition>;
  readonly #builder = new KubernetesState();
  readonly #stateListeners = new Set<StateListener>();
  readonly #problemListeners = new Set<ProblemListener>();
  #state: ClusterState | null = null;
  #problems: readonly Problem[] = [];
  #changedAtMs: number | null = null;
  #lastStateMs = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | null = null;
  #started: { readonly resolve: () => void; readonly reject: (reason: Error) => void } | null = null;
  #isClosed = false;

  constructor(options: KubernetesSourceOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...defaultLimits, ...options.limits };
    const { kubeConfig, logger = silentLogger, random, limits } = options;
    const common = { kubeConfig, logger, clock: this.#clock, ...(random && { random }), ...(limits && { limits }) };
    // Local processes are made of Deployments; a cluster has the pods themselves.
    const infos = knownKinds.filter(({ kind }) => kind !== "Deployment");
    this.#kinds = infos.map((info): WatchedKind => {
      const watch: ListWatch<KeptObject> = new ListWatch({
        ...common,
        path: apiPaths(info),
        keep: (object) => keepObject(info, object),
        isAbsent: () => this.#isAbsent(info),
        ...(info.kind === "EndpointSlice" && { weigh: readyEndpoints }),
        onChange: (keys) => this.#onChange(watched, keys),
        onSynced: () => this.#onSynced(),
        onHealth: (health) => this.#onHealth(watched, health),
      });
      const watched = { info, watch, changed: new Set<string>(), wasCurrent: false, holdUntilMs: 0 };
      return watched;
    });
    const names = new Set(infos.map(definitionName));
    this.#definitions = new ListWatch({
      ...common,
      path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
      metadataOnly: true,
      keep: (object) => (names.has(object.metadata.name) ? readDefinition(object) : null),
      onChange: () => this.#onDefinitions(),
      onHealth: () => this.#publishProblems(),
    });
  }

  /**
   * Resolves with the first state, or without one after a while when the API server cannot be read: problems() says
   * why, and it is tried again until close(), which rejects a start that still waits.
   */
  async start(): Promise<void> {
    const cancels: (() => void)[] = [];
    try {
      await new Promise<void>((resolve, reject) => {
        this.#started = { resolve, reject };
        cancels.push(this.#clock.schedule(this.#limits.startTimeoutMs, resolve));
        this.#definitions.start();
        for (const { watch } of this.#kinds) watch.start();
      });
    } finally {
      this.#started = null;
      for (const cancel of cancels) cancel();
    }
  }

  current(): ClusterState | null {
    return this.#state;
  }

  problems(): readonly Problem[] {
    return this.#problems;
  }

  onChange(listener: StateListener): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  onProblem(listener: ProblemListener): () => void {
    this.#problemListeners.add(listener);
    return () => this.#problemListeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    this.#stateListeners.clear();
    this.#problemListeners.clear();
    this.#started?.reject(new Error("closed before the first state"));
    await Promise.all([this.#definitions.close(), ...this.#kinds.map(({ watch }) => watch.close())]);
  }

  #onChange(kind: WatchedKind, keys: readonly string[]): void {
    for (const key of keys) kind.changed.add(key);
    this.#changedAtMs ??= this.#clock.wallMs();
    this.#schedule();
  }

  #onSynced(): void {
    this.#changedAtMs ??= this.#clock.wallMs();
    this.#schedule();
  }

  #onHealth(kind: WatchedKind, health: ListWatchHealth): void {
    const nowMs = this.#clock.monotonicMs();
    const { catchUpMs, maxHoldMs } = this.#limits;
    if (health.state === "missing") kind.holdUntilMs = 0;
    else if (health.state === "current") {
      // The first watch follows its list without a gap.
      if (kind.wasCurrent) kind.holdUntilMs = nowMs + catchUpMs;
      kind.wasCurrent = true;
    } else if (kind.wasCurrent && kind.holdUntilMs <= nowMs && !isOutage(health)) kind.holdUntilMs = nowMs + maxHoldMs;
    this.#publishProblems();
    if (this.#cancel !== null) this.#schedule();
  }

  /** Without a word from the definitions, the 404 that asks is taken for one; never of a kind that every server has. */
  #isAbsent(info: KindInfo): boolean {
    const name = definitionName(info);
    return name !== null && !(this.#definitions.isSynced && this.#definitions.objects.has(name));
  }

  #onDefinitions(): void {
    for (const { info, watch } of this.#kinds) if (definitionName(info) !== null) watch.retryNow();
    this.#publishProblems();
  }

  /** Moves the next state to the earliest moment that is allowed. */
  #schedule(): void {
    if (this.#isClosed || this.#kinds.some(({ watch }) => !watch.isSynced)) return;
    const allowedMs = Math.max(
      this.#lastStateMs + this.#limits.intervalMs,
      ...this.#kinds.map(({ holdUntilMs }) => holdUntilMs),
    );
    this.#cancel?.();
    this.#cancel = this.#clock.schedule(Math.max(0, allowedMs - this.#clock.monotonicMs()), () => this.#publish());
  }

  #publish(): void {
    this.#cancel = null;
    this.#lastStateMs = this.#clock.monotonicMs();
    const changedAtMs = this.#changedAtMs ?? this.#clock.wallMs();
    this.#changedAtMs = null;
    for (const { info, watch, changed } of this.#kinds) {
      if (changed.size > 0) this.#builder.update(info.kind, changed, watch.objects);
      changed.clear();
    }
    this.#publishProblems();
    const cause = this.#state === null ? "start" : "watch";
    if (this.#builder.current !== this.#state) {
      this.#state = this.#builder.current;
      for (const listener of this.#stateListeners) listener(this.#state, { cause, changedAtMs });
    }
    this.#started?.resolve();
  }

  #publishProblems(): void {
    if (this.#isClosed) return;
    const problems = [...this.#kindProblems(), ...this.#builder.problems()].slice(0, maxProblems);
    const before = this.#problems.map(formatProblem).join("\n");
    this.#problems = problems;
    if (problems.map(formatProblem).join("\n") === before) return;
    for (const listener of this.#problemListeners) listener(problems);
  }

  #kindProblems(): Problem[] {
    const problems: Problem[] = [];
    for (const { info, watch } of this.#kinds) {
      const { health } = watch;
      if (health.state === "missing") problems.push(missingKindProblem(info));
      else if (health.state === "broken") problems.push(...brokenProblem(info.kind, health, "error"));
      const name = definitionName(info);
      const definition = name === null ? undefined : this.#definitions.objects.get(name);
      const old = definition === undefined ? null : oldDefinitionProblem(info, definition);
      if (old !== null) problems.push(old);
    }
    const { health } = this.#definitions;
    // Only advice is lost.
    if (health.state === "broken") problems.push(...brokenProblem("CustomResourceDefinition", health, "warning"));
    return problems;
  }
}

type BrokenHealth = Extract<ListWatchHealth, { readonly state: "broken" }>;

function isOutage(health: ListWatchHealth): boolean {
  return health.state === "broken" && health.failures > 1;
}

function brokenProblem(
  kind: string,
  { failures, status, message }: BrokenHealth,
  severity: Problem["severity"],
): Problem[] {
  if (failures < toleratedFailures && status !== 401 && status !== 403) return [];
  const field = "";
  return [{ severity, file: "", line: 0, column: 0, object: kind, field, message: `cannot be watched: ${message}` }];
}

/** Cluster-wide, the newest version first. */
function apiPaths({ group, versions, plural }: KindInfo): readonly [string, ...string[]] {
  const [first, ...rest] = versions;
  const path = (version: string): string =>
    group === "" ? `/api/${version}/${plural}` : `/apis/${group}/${version}/${plural}`;
  return [path(first), ...rest.map(path)];
}

function readyEndpoints(kept: KeptObject): number {
  return kept.kind === "EndpointSlice" ? kept.endpoints.filter(({ ready }) => ready).length : 0;
}
