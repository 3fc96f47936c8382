// Keeps account of which backend served how many requests under which weights, and says where the shares are not the
// exact ones: requests 1-T, T+1-2T, ... of a rule with weights of total T each hold the weights exactly, so that after
// any number of requests each backend's count lies between two whole numbers.
import type { Served } from "../support/traffic.ts";
import type { Backend } from "./objects.ts";

export class SplitAccount {
  /** Configuration -> Service -> requests. */
  readonly #counts = new Map<string, Map<string, number>>();

  /** An origin's name is its Service's, a dash and a number. */
  count({ config, servedBy }: Served): void {
    let services = this.#counts.get(config);
    if (services === undefined) this.#counts.set(config, (services = new Map()));
    const service = servedBy.slice(0, servedBy.lastIndexOf("-"));
    services.set(service, (services.get(service) ?? 0) + 1);
  }

  total(config: string): number {
    return [...(this.#counts.get(config)?.values() ?? [])].reduce((sum, count) => sum + count, 0);
  }

  /** One sentence for each backend whose count cannot come of an exact split; every request must have been counted. */
  faults(config: string, backends: readonly Backend[]): string[] {
    const weights = reduce(backends);
    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
    const requests = this.total(config);
    const blocks = Math.floor(requests / total);
    const rest = requests % total;
    return [...weights].flatMap(([service, weight]) => {
      const count = this.#counts.get(config)?.get(service) ?? 0;
      const least = blocks * weight + Math.max(0, rest - (total - weight));
      const most = blocks * weight + Math.min(weight, rest);
      return count >= least && count <= most
        ? []
        : [`${config}: ${service} served ${count} of ${requests} at ${weight}/${total}, not ${least} to ${most}`];
    });
  }
}

/** Weights by Service, divided by what divides them all. */
function reduce(backends: readonly Backend[]): ReadonlyMap<string, number> {
  const divisor = backends.reduce((common, { weight }) => greatestCommonDivisor(common, weight), 0);
  return new Map(backends.map(({ service, weight }) => [service, weight / (divisor || 1)]));
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other);
}
