// Statuses in the cluster: the leader's, and only its. Compares what every object should say with what the cluster has,
// writes the difference and nothing else. Calls are kubernetes-api.ts's, merging is kubernetes-merge.ts's, and who leads
// is the election's.
//
//   state     | event                               | next      | does
//   ----------+-------------------------------------+-----------+-------------------------------------------------
//   following | write()                             | following | keeps the newest statuses
//   following | leadershipChanged(true)             | surveying | lists all objects, once there are statuses
//   surveying | listed                              | writing   | queues what differs, and routes with entries of
//             |                                     |           | ours that should have none
//   surveying | a list failed                       | surveying | lists again, later and later
//   writing   | write()                             | writing   | queues the objects whose status changed
//   writing   | surveyIntervalMs passed             | surveying | goes on writing; finds what others changed
//   surveying | leadershipChanged(false)            | following | forgets the queue and what it knew
//   writing   | leadershipChanged(false)            | following | the same; writes in flight name the version that
//             |                                     |           | they replace, so they cannot undo a successor's
//   any       | close()                             | closed    | writes what is queued, for at most closeTimeoutMs
//
// For learningMs after the first statuses, and after the start of a term, this replica may not have heard yet of agents
// and addresses that are there: a Gateway that is said to be programmed is not said to wait for them.
import { isDeepStrictEqual } from "node:util";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Clock, systemClock } from "../discovery/clock.ts";
import { type Logger, silentLogger } from "../discovery/logger.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import {
  type ClusterObject,
  KubernetesStatusApi,
  type StatusApi,
  type StatusTarget,
  statusKinds,
} from "./kubernetes-api.ts";
import { forgetsProgrammed, hasOwnEntry, mergeStatus } from "./kubernetes-merge.ts";
import type { StatusObject, StatusSink } from "./status-object.ts";

export interface StatusWriterOptions {
  /** Entries of HTTPRoutes with this name are ours, all others are not touched. */
  readonly controllerName: string;
  /** Asked before every write. */
  readonly isLeader: () => boolean;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** Objects that are read and written at once. */
const maxConcurrentWrites = 8;
const firstRetryMs = 500;
const maxRetryMs = 30_000;
/** What others changed is found after at most this time. */
const surveyIntervalMs = 60_000;
const callTimeoutMs = 10_000;
/** For all objects of one kind. */
const surveyTimeoutMs = 30_000;
const closeTimeoutMs = 2_000;
/** Agents are back after a second; other replicas are asked, and Services read, within a few. */
const learningMs = 10_000;
/** A route that a survey finds too much may only be newer than our statuses. */
const removalDelayMs = 1_000;
/** In a row for one object, before its backoff. */
const maxConflicts = 5;

/** Writes through any StatusApi. `KubernetesStatusSink` is the one of a cluster. */
export class StatusWriter implements StatusSink {
  /** Since the start; the queue's length as it is. */
  readonly counts = { writes: 0, conflicts: 0, failures: 0 };
  readonly #api: StatusApi;
  readonly #controllerName: string;
  readonly #isLeader: () => boolean;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #queue: KeyedQueue;
  readonly #ended = new AbortController();
  #wanted: ReadonlyMap<string, StatusObject> | null = null;
  /** What the cluster is known to have, of this term: our status by object. Replaced when leadership changes. */
  #confirmed = new Map<string, StatusObject>();
  #state: "following" | "surveying" | "writing" = "following";
  #cancelSurvey: () => void = () => undefined;
  #surveyFailures = 0;
  #learnedAtMs = Number.NEGATIVE_INFINITY;
  #isClosing = false;

  constructor(api: StatusApi, options: StatusWriterOptions) {
    this.#api = api;
    this.#controllerName = options.controllerName;
    this.#isLeader = options.isLeader;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    this.#queue = new KeyedQueue({
      clock: this.#clock,
      concurrency: maxConcurrentWrites,
      firstRetryMs,
      maxRetryMs,
      run: (key) => this.#sync(key),
      onFailure: (key, error, attempt) => this.#onFailure(key, error, attempt),
    });
  }

  /** Objects whose status is to be written. */
  get queueLength(): number {
    return this.#queue.size;
  }

  /** The newest statuses of all objects of ours; an HTTPRoute that is absent loses its entries of ours. */
  write(objects: readonly StatusObject[]): void {
    if (this.#isClosing) return;
    const isFirst = this.#wanted === null;
    if (isFirst) this.#startLearning();
    this.#wanted = new Map(objects.map((object) => [keyOf(object), object]));
    if (this.#state === "surveying" && isFirst) this.#startSurvey();
    if (this.#state === "writing") this.#queueChanges();
  }

  /** To be called by the election with every change. */
  leadershipChanged(isLeader: boolean): void {
    if (this.#isClosing) return;
    this.#cancelSurvey();
    this.#queue.clear();
    this.#confirmed = new Map();
    this.#surveyFailures = 0;
    this.#state = isLeader ? "surveying" : "following";
    if (isLeader) this.#startLearning();
    if (isLeader && this.#wanted !== null) this.#startSurvey();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#cancelSurvey();
    const timeout = Promise.withResolvers<void>();
    const cancel = this.#clock.schedule(closeTimeoutMs, () => timeout.resolve());
    await Promise.race([this.#queue.idle(), timeout.promise]);
    cancel();
    this.#queue.clear();
    this.#ended.abort();
    this.#api.close();
  }

  #startLearning(): void {
    this.#learnedAtMs = this.#clock.monotonicMs() + learningMs;
  }

  #startSurvey(): void {
    this.#cancelSurvey();
    const term = this.#confirmed;
    this.#survey(term).then(
      () => {
        if (term !== this.#confirmed || this.#isClosing) return;
        this.#surveyFailures = 0;
        this.#state = "writing";
        this.#queueChanges();
        this.#scheduleSurvey(surveyIntervalMs);
      },
      (error: unknown) => {
        if (term !== this.#confirmed || this.#isClosing) return;
        this.#surveyFailures += 1;
        this.#logger.warn({ error: describe(error) }, "objects not listed; statuses wait");
        this.#scheduleSurvey(Math.min(maxRetryMs, firstRetryMs * 2 ** (this.#surveyFailures - 1)));
      },
    );
  }

  #scheduleSurvey(delayMs: number): void {
    this.#cancelSurvey = this.#clock.schedule(delayMs, () => this.#startSurvey());
  }

  async #survey(term: Map<string, StatusObject>): Promise<void> {
    for (const kind of statusKinds) {
      const pages = this.#api.list(kind, AbortSignal.any([this.#ended.signal, AbortSignal.timeout(surveyTimeoutMs)]));
      for await (const page of pages) {
        if (term !== this.#confirmed) return;
        for (const object of page) this.#compare(object, term);
      }
    }
  }

  #compare(object: ClusterObject, term: Map<string, StatusObject>): void {
    const key = keyOf(object);
    const wanted = this.#wanted?.get(key);
    if (wanted === undefined) {
      if (hasOwnEntry(object, this.#controllerName)) this.#queue.add(key, removalDelayMs);
    } else if (isSameObject(object, wanted) && mergeStatus(object, wanted, this.#controllerName) === null) {
      term.set(key, wanted);
    } else {
      term.delete(key);
      this.#queue.add(key);
    }
  }

  #queueChanges(): void {
    const wanted = this.#wanted ?? new Map<string, StatusObject>();
    for (const [key, object] of wanted) {
      const known = this.#confirmed.get(key);
      if (known === object) continue;
      if (isDeepStrictEqual(known, object)) this.#confirmed.set(key, object);
      else this.#queue.add(key);
    }
    for (const key of this.#confirmed.keys()) if (!wanted.has(key)) this.#queue.add(key);
  }

  /**
   * Brings one object in step with what is wanted now. Rejects when it has to be tried again; resolves with how long to
   * wait when it is not the time yet.
   */
  async #sync(key: string): Promise<number | undefined> {
    const term = this.#confirmed;
    const target = targetOf(key);
    for (let attempt = 0; attempt < maxConflicts; attempt++) {
      if (!this.#isLeader() || term !== this.#confirmed) return undefined;
      const current = await this.#call((signal) => this.#api.read(target, signal));
      // Looked up after the read: what came meanwhile counts.
      const wanted = this.#wanted?.get(key);
      const isDone = current === null || (wanted !== undefined && !isSameObject(current, wanted));
      const status = isDone ? null : mergeStatus(current, wanted ?? null, this.#controllerName);
      if (current === null || status === null) {
        confirm(term, key, wanted);
        return undefined;
      }
      const learningForMs = this.#learnedAtMs - this.#clock.monotonicMs();
      if (learningForMs > 0 && wanted !== undefined && forgetsProgrammed(current, wanted)) return learningForMs;
      if (!this.#isLeader() || term !== this.#confirmed) return undefined;
      const result = await this.#call((signal) => this.#api.replaceStatus(current, status, signal));
      if (result === "written") {
        this.counts.writes += 1;
        this.#logger.debug({ object: key }, "status written");
        confirm(term, key, wanted);
        return undefined;
      }
      this.counts.conflicts += 1;
    }
    throw new Error(`changed by others ${maxConflicts} times while it was written`);
  }

  #onFailure(key: string, error: unknown, attempt: number): void {
    this.counts.failures += 1;
    const method = attempt === 1 ? "warn" : "debug";
    this.#logger[method]({ object: key, attempt, error: describe(error) }, "status not written; trying again");
  }

  async #call<Result>(run: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const timeout = new AbortController();
    const cancel = this.#clock.schedule(callTimeoutMs, () => timeout.abort(new Error("call timed out")));
    try {
      return await run(AbortSignal.any([this.#ended.signal, timeout.signal]));
    } finally {
      cancel();
    }
  }
}

export interface KubernetesStatusSinkOptions extends StatusWriterOptions {
  readonly kubeConfig: KubeConfig;
}

/** Statuses of the cluster of a kubeConfig. */
export class KubernetesStatusSink extends StatusWriter {
  constructor({ kubeConfig, ...options }: KubernetesStatusSinkOptions) {
    super(new KubernetesStatusApi(kubeConfig), options);
  }
}

/** False when the object was made anew and our statuses still speak of the old one: they will follow. */
function isSameObject(object: ClusterObject, wanted: StatusObject): boolean {
  return wanted.uid === undefined || wanted.uid === object.uid;
}

function confirm(confirmed: Map<string, StatusObject>, key: string, wanted: StatusObject | undefined): void {
  if (wanted === undefined) confirmed.delete(key);
  else confirmed.set(key, wanted);
}

function keyOf({ kind, namespace, name }: StatusTarget): string {
  return `${kind} ${namespace}/${name}`;
}

function targetOf(key: string): StatusTarget {
  const [kind = "", path = ""] = key.split(" ");
  const [namespace = "", name = ""] = path.split("/");
  return { kind: kind as StatusObject["kind"], namespace, name };
}

/** With what the API server says about it. */
function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
