// What the webhook counts. Plain numbers; exposition is admin's.

export type InjectionResult = "injected" | "unchanged" | "skipped" | "rejected" | "failed";

export class WebhookMetrics {
  /** Events that the API server took. */
  eventsWritten = 0;
  /** Events that were not written: the queue was full, or the API server refused. */
  eventsDropped = 0;
  readonly #injections = new Map<string, { readonly labels: Record<string, string>; count: number }>();

  /** Both are words of the code: few, whatever is asked. `reason` is "" where there is none to give. */
  countInjection(result: InjectionResult, reason: string): void {
    const key = `${result} ${reason}`;
    const series = this.#injections.get(key) ?? { labels: { result, reason }, count: 0 };
    series.count += 1;
    this.#injections.set(key, series);
  }

  /** heddle_injections_total by result and reason. */
  injections(): readonly (readonly [Readonly<Record<string, string>>, number])[] {
    return [...this.#injections.values()].map(({ labels, count }) => [labels, count] as const);
  }
}
