// Decides which replicas of one Deployment start and which stop. Pure. A changed template is replaced without a gap:
// the old replicas stay until the new ones are ready, as a rolling update with full surge would do it.

export interface RunningReplica {
  readonly name: string;
  readonly hash: string;
  readonly ordinal: number;
  readonly ready: boolean;
}

export interface ReplicaPlan {
  /** Ordinals of the wanted template to start. */
  readonly start: readonly number[];
  /** Names of replicas to stop. */
  readonly stop: readonly string[];
}

/**
 * What to do so that ordinals 1..`replicas` of template `hash` run. Replicas of other templates stop as soon as all
 * wanted ones are ready; ordinals above the count stop at once.
 */
export function planReplicas(
  wanted: { hash: string; replicas: number },
  running: readonly RunningReplica[],
): ReplicaPlan {
  const current = running.filter((replica) => replica.hash === wanted.hash);
  const old = running.filter((replica) => replica.hash !== wanted.hash);
  const present = new Set(current.map((replica) => replica.ordinal));
  const start: number[] = [];
  for (let ordinal = 1; ordinal <= wanted.replicas; ordinal++) {
    if (!present.has(ordinal)) {
      start.push(ordinal);
    }
  }
  const surplus = current.filter((replica) => replica.ordinal > wanted.replicas);
  const ready = current.filter((replica) => replica.ready && replica.ordinal <= wanted.replicas).length;
  const replaced = ready >= wanted.replicas ? old : [];
  return { start, stop: [...surplus, ...replaced].map((replica) => replica.name) };
}
