// The exact weighted split of one rule. Weights are reduced by their greatest common divisor into a bag of slots that is
// shuffled, dealt out and reshuffled: 95 and 5 are 19 and 1 of every 20 requests, in an order that nobody can predict.
// Past 1000 slots a bag would be large and slow to come round, so each backend falls due at evenly spaced moments of the
// period instead (smooth weighted round robin), from a random start. Either way a whole period holds the exact shares.
// Who keeps a split across snapshots is split-registry.ts's.
import type { Random } from "./random.ts";
import type { Split } from "../snapshot/compiled.ts";

const maxBagSlots = 1000;

/** A split over `weights` (non-negative integers), or null when none is above 0. Weight 0 is never drawn. */
export function createSplit(weights: readonly number[], random: Random): Split | null {
  const drawn = weights.flatMap((weight, index) => (weight > 0 ? [{ index, weight }] : []));
  const only = drawn[0];
  if (only === undefined) return null;
  if (drawn.length === 1) return { next: () => only.index };
  let divisor = 0;
  for (const { weight } of drawn) divisor = greatestCommonDivisor(weight, divisor);
  const reduced = drawn.map(({ index, weight }) => ({ index, weight: weight / divisor }));
  const slots = reduced.reduce((sum, { weight }) => sum + weight, 0);
  return slots > maxBagSlots ? new SmoothSplit(reduced, random) : new BagSplit(reduced, slots, random);
}

interface Share {
  readonly index: number;
  readonly weight: number;
}

class BagSplit implements Split {
  readonly #bag: Uint16Array;
  readonly #random: Random;
  #dealt: number;

  constructor(shares: readonly Share[], slots: number, random: Random) {
    this.#bag = new Uint16Array(slots);
    this.#random = random;
    let slot = 0;
    for (const { index, weight } of shares) {
      this.#bag.fill(index, slot, slot + weight);
      slot += weight;
    }
    // The first draw shuffles: thousands of rules compile at once, few of them are busy.
    this.#dealt = slots;
  }

  next(): number {
    if (this.#dealt === this.#bag.length) this.#shuffle();
    return this.#bag[this.#dealt++] ?? 0;
  }

  /** Fisher-Yates. */
  #shuffle(): void {
    const bag = this.#bag;
    for (let last = bag.length - 1; last > 0; last--) {
      const other = Math.floor(this.#random() * (last + 1));
      const slot = bag[last] ?? 0;
      bag[last] = bag[other] ?? 0;
      bag[other] = slot;
    }
    this.#dealt = 0;
  }
}

/**
 * In a period of length 1, a backend of weight w is due at (k + phase) / w for k from 0 to w - 1, its phase random in
 * [0, 1): w moments each, so a period holds the exact shares whatever the phases are.
 */
class SmoothSplit implements Split {
  readonly #shares: readonly Share[];
  readonly #phases: readonly number[];
  readonly #drawn: Float64Array;
  readonly #period: number;
  #position = 0;

  constructor(shares: readonly Share[], random: Random) {
    this.#shares = shares;
    this.#phases = shares.map(() => random());
    this.#drawn = new Float64Array(shares.length);
    this.#period = shares.reduce((sum, { weight }) => sum + weight, 0);
  }

  next(): number {
    if (this.#position === this.#period) {
      // Counting anew each period keeps rounding errors from adding up.
      this.#position = 0;
      this.#drawn.fill(0);
    }
    this.#position++;
    let chosen = 0;
    let chosenIndex = 0;
    let earliest = Number.POSITIVE_INFINITY;
    for (let at = 0; at < this.#shares.length; at++) {
      const share = this.#shares[at];
      const drawn = this.#drawn[at] ?? 0;
      if (share === undefined || drawn === share.weight) continue;
      const due = (drawn + (this.#phases[at] ?? 0)) / share.weight;
      if (due < earliest) {
        earliest = due;
        chosen = at;
        chosenIndex = share.index;
      }
    }
    this.#drawn[chosen] = (this.#drawn[chosen] ?? 0) + 1;
    return chosenIndex;
  }
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right);
}
